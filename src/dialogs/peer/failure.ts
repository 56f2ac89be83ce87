// What went wrong between here and a platform, as AeonErrors. None of them shows a URL, since a token may stand in it.

import { AeonError } from "../../core/errors.ts";
import { networkWords } from "../../core/network.ts";

/** A platform that is spoken to over HTTP, as sentences about it have it. */
export interface Peer {
	/** As people call it: `Telegram`. */
	readonly name: string;
	/** What answers there: `Bot API`. */
	readonly api: string;
}

/** Something answered a call that is not the platform: a gateway, whose word leaves open what was done behind it, or what `strangeAnswer` knows. */
export function strangeReply(peer: Peer, status: number): AeonError {
	if (status !== 502 && status !== 504) return strangeAnswer(peer, status);
	return new AeonError(
		"peer_silent",
		`${peer.name} did not answer: a gateway said ${status}`,
		{ status },
	);
}

/** Something answered that is not the platform: a gateway's page, a proxy, the login of a network. */
export function strangeAnswer({ name, api }: Peer, status: number): AeonError {
	// The one that a gateway says about the request itself.
	if (status === 413)
		return new AeonError(
			"peer_rejected",
			`${name} said 413: the file is too large`,
			{ status },
		);
	return new AeonError(
		"peer_unavailable",
		`${name} cannot be reached: what answered with ${status} is not its ${api}`,
		{ status },
	);
}

/** The connection failed: before the request went out nothing was done, afterwards nobody knows. */
export function brokenOff(
	{ name }: Peer,
	error: unknown,
	wasSent: boolean,
): AeonError {
	const words = networkWords(error);
	return wasSent
		? new AeonError("peer_silent", `${name} did not answer: ${words}`)
		: new AeonError("peer_unavailable", `${name} cannot be reached: ${words}`);
}

/** The time ran out. */
export function tooLate(
	{ name }: Peer,
	timeoutMs: number,
	wasSent: boolean,
): AeonError {
	const seconds = `${timeoutMs / 1_000} s`;
	return wasSent
		? new AeonError("peer_silent", `${name} did not answer within ${seconds}`)
		: new AeonError(
				"peer_unavailable",
				`${name} cannot be reached: no connection within ${seconds}`,
			);
}

/** A file that was on its way stands still. */
export function stalled({ name }: Peer, timeoutMs: number): AeonError {
	return new AeonError(
		"peer_unavailable",
		`${name} sent nothing more of a file for ${timeoutMs / 1_000} s`,
	);
}
