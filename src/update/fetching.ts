// Files of a release by HTTP: over encrypted connections only, unless they come from this very machine.

import { AeonError, describeError } from "../core/errors.ts";

/** A file that is being read. */
export interface Opened {
	/** Its bytes, where that is known before. */
	size: number | undefined;
	pieces: AsyncIterable<Uint8Array>;
}

/** After so long without a byte it is given up. */
const IDLE_MS = 30_000;

const MAX_REDIRECTS = 5;

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** The URL of a release; undefined where it is a path. Throws `usage` for one that could be listened to on its way. */
export function releaseUrl(from: string): URL | undefined {
	if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(from)) return undefined;
	const url = URL.parse(from);
	if (!url || !isSafe(url))
		throw new AeonError(
			"usage",
			`${url ? shown(url) : from}: a release is read from a path or an https:// address`,
		);
	if (url.search === "" && url.hash === "") return url;
	throw new AeonError(
		"usage",
		`${shown(url)}: the address of a release has no ? and no # in it, since its other files lie beside it`,
	);
}

/** An address as it may be read by anybody: without a name, a password and what else may be secret in it. */
export function shown({ protocol, host, pathname }: URL): string {
	return `${protocol}//${host}${pathname}`;
}

/** Begins to read a file. Throws `not_found` where there is none, and `peer_unavailable` where it cannot be reached. */
export async function openUrl(
	first: URL,
	signal: AbortSignal,
): Promise<Opened> {
	let url = first;
	for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
		const idle = new Idle(url, signal);
		const response = await idle.within(
			fetch(url.href, { redirect: "manual", signal: idle.signal }),
		);
		const next = response.headers.get("location");
		if (response.status >= 300 && response.status < 400 && next) {
			await response.body?.cancel();
			const target = URL.parse(next, url.href);
			if (!target || !isSafe(target) || (isFar(url) && !isFar(target)))
				throw unavailable(
					url,
					`it leads to ${target ? shown(target) : "no address"}, which is not safe`,
				);
			url = target;
			continue;
		}
		if (!response.ok || !response.body) {
			await response.body?.cancel();
			const { status } = response;
			if (status === 404 || status === 410)
				throw new AeonError("not_found", `There is no ${shown(url)}`);
			throw unavailable(url, `it said ${status}`);
		}
		const length = response.headers.get("content-length");
		const isPlain = !response.headers.get("content-encoding");
		return {
			size: length && isPlain ? Number(length) : undefined,
			pieces: read(response.body, idle),
		};
	}
	throw unavailable(first, "it leads from one address to another");
}

async function* read(body: ReadableStream<Uint8Array>, idle: Idle) {
	const reader = body.getReader();
	try {
		for (;;) {
			const { done, value } = await idle.within(reader.read());
			if (done) return;
			yield value;
		}
	} finally {
		await reader.cancel().catch(() => {});
	}
}

/** Gives up what has been silent for too long. */
class Idle {
	readonly #url: URL;
	readonly #controller = new AbortController();
	readonly signal: AbortSignal;
	readonly #outer: AbortSignal;

	constructor(url: URL, outer: AbortSignal) {
		this.#url = url;
		this.#outer = outer;
		this.signal = AbortSignal.any([this.#controller.signal, outer]);
	}

	async within<T>(work: Promise<T>): Promise<T> {
		const { promise, reject } = Promise.withResolvers<never>();
		const timer = setTimeout(() => {
			reject(new Error(`nothing came for ${IDLE_MS / 1000} seconds`));
			this.#controller.abort();
		}, IDLE_MS);
		try {
			return await Promise.race([work, promise]);
		} catch (error) {
			this.#outer.throwIfAborted();
			throw unavailable(this.#url, describeError(error), error);
		} finally {
			clearTimeout(timer);
		}
	}
}

function isSafe(url: URL): boolean {
	return url.protocol === "https:" || (url.protocol === "http:" && !isFar(url));
}

function isFar({ hostname }: URL): boolean {
	return !LOOPBACK.test(hostname);
}

function unavailable(url: URL, why: string, cause?: unknown): AeonError {
	return new AeonError(
		"peer_unavailable",
		`${shown(url)} cannot be read: ${why}`,
		{
			cause,
		},
	);
}
