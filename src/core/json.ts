// Reading JSON that somebody else wrote: every look at it may find something else than it expects.

/** The value, or undefined where the text is not JSON. */
export function parseJson(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}

/** True of an object that is not a list. */
export function isRecord(value: unknown): value is Record<string, unknown> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value where it is an object, but not a list. */
export function asRecord(value: unknown): Record<string, unknown> | undefined {
	return isRecord(value) ? value : undefined;
}

/** The value where it is a list; otherwise an empty one. */
export function asList(value: unknown): unknown[] {
	return Array.isArray(value) ? value : [];
}

/** The value where it is a string; otherwise an empty one. */
export function asText(value: unknown): string {
	return typeof value === "string" ? value : "";
}

/** The value where it is a count that makes sense. */
export function asCount(value: unknown): number | undefined {
	return typeof value === "number" && Number.isFinite(value) && value >= 0
		? value
		: undefined;
}
