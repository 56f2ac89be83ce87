import * as z from "zod/mini";

const HIDDEN = "***";

/** A value that cannot be printed, logged or serialised: whatever shows it shows `***`. Only `reveal()` gives it out. */
export class Secret {
	readonly #value: string;

	constructor(value: string) {
		this.#value = value;
	}

	/** The value itself, for the one place that sends it. */
	reveal(): string {
		return this.#value;
	}

	toString(): string {
		return HIDDEN;
	}

	toJSON(): string {
		return HIDDEN;
	}

	[Symbol.for("nodejs.util.inspect.custom")](): string {
		return HIDDEN;
	}
}

/** The schema of a secret in aeon.json: a string that is not blank, as a Secret. */
export function secret(description: string) {
	return z.pipe(
		z
			.string()
			.check(
				z.trim(),
				z.minLength(1),
				z.describe(
					`${description} Write \${NAME} to take it from the environment.`,
				),
			),
		z.transform((value: string) => new Secret(value)),
	);
}

/** The same where a blank string stands for none. */
export function optionalSecret(description: string) {
	return z.pipe(
		z
			.string()
			.check(
				z.describe(
					`${description} Write \${NAME} to take it from the environment.`,
				),
			),
		z.transform((value: string) => {
			const text = value.trim();
			return text === "" ? undefined : new Secret(text);
		}),
	);
}

/** Every secret in a value, however deep, so that the log can scrub them. */
export function collectSecrets(value: unknown): string[] {
	if (value instanceof Secret) return [value.reveal()];
	if (typeof value !== "object" || value === null) return [];
	return Object.values(value).flatMap(collectSecrets);
}
