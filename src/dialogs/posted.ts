// What platforms post to Aeon's own port: the proof of who they are, the body, and the answer once all is kept.

import type { Clock } from "../core/clock.ts";
import { platform } from "../core/platform.ts";
import { settle } from "./settle.ts";

/** The platform is told to send it again where keeping takes longer. */
const KEEP_LIMIT_MS = 10_000;

/** An end waits no longer for what is being kept. */
const STOP_MS = 2_500;

/** Answers what was posted as soon as it is kept. */
export interface Keeper {
	/** 200 once the work is done; 503, so that it comes again, where the work fails or takes too long. */
	keep(work: Promise<unknown>): Promise<Response>;
	/** Resolves when nothing is being kept any more, after two and a half seconds at the latest. */
	settle(): Promise<void>;
}

/** What keeping needs. */
export interface KeeperParts {
	clock: Clock;
	/** Is told why something was not kept. */
	failed(error: unknown): void;
}

/** A keeper of what is posted. */
export function createKeeper({ clock, failed }: KeeperParts): Keeper {
	const keeping = new Set<Promise<unknown>>();
	return {
		async keep(work) {
			const kept = work.then(
				() => undefined,
				(error: unknown) => ({ error }),
			);
			keeping.add(kept);
			void kept.then(() => keeping.delete(kept));
			const over = new AbortController();
			const late = clock
				.sleep(KEEP_LIMIT_MS, over.signal)
				.then(() => ({ error: "it takes too long" }))
				.catch(() => undefined);
			const failure = await Promise.race([kept, late]);
			over.abort();
			if (!failure) return answer(200);
			failed(failure.error);
			return answer(503);
		},
		settle: () => settle(Promise.all(keeping), clock, STOP_MS),
	};
}

/** A response without a body. */
export function answer(
	status: number,
	headers: Record<string, string> = {},
): Response {
	return new Response(null, { status, headers });
}

/** True where two texts are the same, in a time that does not tell how much of them is. */
export function isSame(given: string, right: string): boolean {
	const ours = platform.sha256(right);
	const theirs = platform.sha256(given);
	let difference = 0;
	for (let at = 0; at < ours.length; at++)
		difference |= ours.charCodeAt(at) ^ theirs.charCodeAt(at);
	return difference === 0;
}

/** The bytes of a body, as they came; undefined where it is larger: no more than that is ever read. */
export async function readBody(
	request: Request,
	maxBytes: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
	const length = Number(request.headers.get("content-length") ?? 0);
	if (length > maxBytes) return undefined;
	const pieces: Uint8Array[] = [];
	let size = 0;
	for await (const piece of request.body ?? []) {
		size += piece.length;
		if (size > maxBytes) return undefined;
		pieces.push(piece);
	}
	const bytes = new Uint8Array(size);
	let at = 0;
	for (const piece of pieces) {
		bytes.set(piece, at);
		at += piece.length;
	}
	return bytes;
}
