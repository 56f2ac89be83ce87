// What must never be read in a log: the secrets of the configuration, and whatever looks like one.

const HIDDEN = "***";

/** Shorter ones, such as the `none` that local servers take for a key, would hide ordinary words and protect nothing. */
const MIN_SECRET_LENGTH = 6;

const MAX_TEXT_LENGTH = 2_000;
const MAX_DEPTH = 8;
/** Of one value, all its parts together. */
const MAX_PARTS = 400;

// Each is linear in the text: none begins with a repetition that could be entered at every character.
const PATTERNS: [pattern: RegExp, replacement: string][] = [
	// The password of a URL, and the name before it, which may be a token itself.
	[/:\/\/[^\s/?#"'<>]+@/g, `://${HIDDEN}@`],
	[
		/([?&;][\w.-]{0,40}?(?:key|token|secret|password|signature|sig)=)[^&;#\s"'<>]+/gi,
		`$1${HIDDEN}`,
	],
	[/\b(bearer|basic)\s+[\w.~+/=-]{6,}/gi, `$1 ${HIDDEN}`],
	// A Telegram bot token, in the path of its URLs and by itself (https://core.telegram.org/bots/api).
	[/\bbot\d{6,}(?::|%3a)[\w-]{10,}/gi, `bot${HIDDEN}`],
	[/(?<!\d)\d{8,}(?::|%3a)[\w-]{35,}/gi, HIDDEN],
	// Keys of Anthropic and OpenAI (which shows part of a wrong one, with stars), Groq, xAI, GitHub, Slack, Google, Amazon.
	[/\b(?:sk-|gsk_|xai-)[\w*-]{12,}/g, HIDDEN],
	[/\b(?:gh[oprsu]_|github_pat_)\w{16,}/g, HIDDEN],
	[/\bxox[a-z]-[\w-]{10,}/g, HIDDEN],
	[/\bAIza[\w-]{30,}/g, HIDDEN],
	[/\bA[KS]IA[A-Z0-9]{16}/g, HIDDEN],
];

/**
 * A function that hides these secrets in a text, as they are and as JSON and URLs write them, and everything that has the
 * form of a key or token.
 */
export function createRedactor(secrets: string[]): (text: string) => string {
	const known = knownForms(secrets);
	return (text) => {
		const withoutKnown = known ? text.replace(known, HIDDEN) : text;
		return PATTERNS.reduce(
			(clean, [pattern, replacement]) => clean.replace(pattern, replacement),
			withoutKnown,
		);
	};
}

/** One pattern for every form of every secret, the longest first, for one may begin with another. */
function knownForms(secrets: string[]): RegExp | undefined {
	const forms = secrets
		.filter((secret) => secret.length >= MIN_SECRET_LENGTH)
		.flatMap((secret) => {
			const url = encodeURIComponent(secret.toWellFormed());
			return [
				secret,
				JSON.stringify(secret).slice(1, -1),
				url,
				url.replace(/%../g, (byte) => byte.toLowerCase()),
				url.replaceAll("%20", "+"),
			];
		});
	if (forms.length === 0) return undefined;
	const longestFirst = [...new Set(forms)].sort((a, b) => b.length - a.length);
	return new RegExp(longestFirst.map(RegExp.escape).join("|"), "g");
}

/**
 * A function that makes any value fit for the log: its texts are redacted and cut at 2,000 characters, an error keeps its
 * name, code, message and cause and nothing else (Bun puts the URL, token and all, into further properties), bytes become
 * their number. What is too deep or too much becomes `…`. Throws what a getter or `toJSON` of the value throws.
 */
export function createCleaner(
	redact: (text: string) => string,
): <T>(value: T) => T {
	return <T>(value: T): T => {
		let partsLeft = MAX_PARTS;

		const cleanText = (text: string): string => {
			// Cut last: half of a secret would not be found.
			const clean = redact(text);
			return clean.length > MAX_TEXT_LENGTH
				? `${clean.slice(0, MAX_TEXT_LENGTH)}…`
				: clean;
		};

		const visit = (part: unknown, depth: number): unknown => {
			if (depth > MAX_DEPTH || --partsLeft < 0) return "…";
			if (typeof part === "string") return cleanText(part);
			if (typeof part === "bigint") return String(part);
			if (typeof part !== "object" || part === null) return part;
			if (ArrayBuffer.isView(part)) return `<${part.byteLength} bytes>`;
			if (part instanceof Error) return visitFields(essence(part), depth);
			if ("toJSON" in part && typeof part.toJSON === "function")
				return visit(part.toJSON(), depth + 1);
			if (Array.isArray(part))
				return part.slice(0, MAX_PARTS).map((item) => visit(item, depth + 1));
			return visitFields(part, depth);
		};

		const visitFields = (fields: object, depth: number): object =>
			Object.fromEntries(
				Object.entries(fields)
					.slice(0, MAX_PARTS)
					.map(([key, field]) => [cleanText(key), visit(field, depth + 1)]),
			);

		return visit(value, 0) as T;
	};
}

function essence(error: Error): object {
	return {
		name: error.name,
		code: "code" in error ? error.code : undefined,
		message: error.message,
		cause: error.cause,
	};
}
