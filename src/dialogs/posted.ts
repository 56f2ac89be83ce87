// What platforms post to Aeon's own port: the proof of who they are, the body, and the answer once all is kept.

import type { Clock } from "../core/clock.ts";
import { platform } from "../core/platform.ts";
import { settle } from "./settle.ts";

/** The platform is told to send it again where keeping takes longer. */
const KEEP_LIMIT_MS = 10_000;

/** An end waits no longer for what is being kept. */
const STOP_MS = 2_500;

/** All the bodies that are being read are no larger together, and each is there within so long. */
const MAX_HELD_BYTES = 16 * 1024 * 1024;
const READ_LIMIT_MS = 10_000;

const NEVER = new Promise<undefined>(() => {});

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

/** Reads what is posted, before anybody knows who posts it: no more and no longer than that can harm. */
export interface Bodies {
	/**
	 * Answers with the work on a body's bytes, as they came. Otherwise 413 where it is too large, 408 where it takes too long,
	 * 503 where too much else is being read, 400 where it breaks off.
	 */
	receive(
		request: Request,
		work: (bytes: Uint8Array<ArrayBuffer>) => Promise<Response>,
	): Promise<Response>;
}

/** Reads bodies of up to so many bytes. */
export function createBodies(maxBytes: number, clock: Clock): Bodies {
	let held = 0;

	const read = async (request: Request, hold: (bytes: number) => boolean) => {
		const stated = Number(request.headers.get("content-length") ?? 0);
		if (stated > maxBytes) return 413;
		if (!hold(stated)) return 503;
		const reader = request.body?.getReader();
		const over = new AbortController();
		const late = clock
			.sleep(READ_LIMIT_MS, over.signal)
			.then(() => undefined)
			.catch(() => NEVER);
		const pieces: Uint8Array[] = [];
		let size = 0;
		try {
			while (reader) {
				const piece = await Promise.race([reader.read(), late]);
				if (!piece) return 408;
				if (piece.done) break;
				const before = Math.max(size, stated);
				size += piece.value.length;
				if (size > maxBytes) return 413;
				if (!hold(Math.max(0, size - before))) return 503;
				pieces.push(piece.value);
			}
		} catch {
			return 400; // whoever sent it has gone away
		} finally {
			over.abort();
			reader?.cancel().catch(() => {});
		}
		return joined(pieces, size);
	};

	return {
		async receive(request, work) {
			let own = 0;
			const hold = (bytes: number) => {
				own += bytes;
				held += bytes;
				return held <= MAX_HELD_BYTES;
			};
			try {
				const body = await read(request, hold);
				if (typeof body !== "number") return await work(body);
				return answer(body, { connection: "close" });
			} finally {
				held -= own;
			}
		},
	};
}

function joined(pieces: Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
	const bytes = new Uint8Array(size);
	let at = 0;
	for (const piece of pieces) {
		bytes.set(piece, at);
		at += piece.length;
	}
	return bytes;
}
