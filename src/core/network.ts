// What broke a connection, in words for people.

/** What the codes of broken connections mean, in words. */
const NETWORK_WORDS: Record<string, string> = {
	ECONNREFUSED: "connection refused",
	ENOTFOUND: "its name cannot be resolved",
	EAI_AGAIN: "its name cannot be resolved",
	EHOSTUNREACH: "there is no way to it",
	ENETUNREACH: "there is no network",
	ECONNRESET: "the connection broke",
	EPIPE: "the connection broke",
	ETIMEDOUT: "no connection in time",
};

/** Why a connection failed, without the address. Only the code is told: Bun writes the URL into such an error, and some messages quote it. */
export function networkWords(error: unknown): string {
	const code =
		error instanceof Error && "code" in error ? String(error.code) : "";
	const words = Object.hasOwn(NETWORK_WORDS, code)
		? NETWORK_WORDS[code]
		: undefined;
	if (words) return words;
	if (/CERT|SIGNATURE|TLS|SSL/.test(code))
		return `its certificate is not accepted (${code})`;
	return /^\w+$/.test(code)
		? `the connection failed (${code})`
		: "the connection failed";
}
