// The token that lets a client in: made at the first start, or chosen in aeon.json.

import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AeonError, describeError } from "../core/errors.ts";

/** What a token must be worth where others than this machine can try theirs. */
export const STRONG_BITS = 128;

const TOKEN_BYTES = 32;

/** What the header `Authorization` can carry (RFC 6750 section 2.1, b64token). */
const SENDABLE = /^[A-Za-z0-9._~+/-]+=*$/;

/** Fewer different characters than this are no accident. */
const MIN_DIFFERENT = 8;

/** Where the token lies that Aeon makes. */
export function tokenFile(state: string): string {
	return join(state, "token");
}

/** The token of a state directory; made, of 256 bits, at the first time. Throws `storage_failed`. */
export function readOrMakeToken(state: string): string {
	const file = tokenFile(state);
	try {
		if (!statSync(file, { throwIfNoEntry: false })?.size) {
			const token = Buffer.from(
				crypto.getRandomValues(new Uint8Array(TOKEN_BYTES)),
			).toString("base64url");
			writeFileSync(file, `${token}\n`, { mode: 0o600 });
		}
		// Others may have read it if it was wider; whoever set it so may still want it, so it is only closed again.
		chmodSync(file, 0o600);
		const token = readFileSync(file, "utf8").trim();
		if (SENDABLE.test(token)) return token;
	} catch (error) {
		throw new AeonError(
			"storage_failed",
			`The token ${file} cannot be read: ${describeError(error)}`,
			{
				cause: error,
				hint: "Check who owns it; without it a new one is made.",
			},
		);
	}
	throw new AeonError(
		"storage_failed",
		`The token ${file} cannot be sent: it is blank, or has other characters than A-Z a-z 0-9 - . _ ~ + / =`,
		{
			hint: "Remove that file: a new token is made at the next start.",
		},
	);
}

/** How many bits a token can be worth at most, by its length and the kinds of its characters. */
export function tokenBits(token: string): number {
	if (new Set(token).size < MIN_DIFFERENT) return 0;
	const kinds: [RegExp, number][] = /^[0-9a-f]*$/i.test(token)
		? [[/./, 16]]
		: [
				[/[0-9]/, 10],
				[/[a-z]/, 26],
				[/[A-Z]/, 26],
				[/[^0-9a-zA-Z]/, 10],
			];
	const alphabet = kinds.reduce(
		(size, [kind, count]) => size + (kind.test(token) ? count : 0),
		0,
	);
	return Math.floor(token.length * Math.log2(alphabet));
}
