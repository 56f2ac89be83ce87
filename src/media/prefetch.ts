// Files that their platform does not keep for long: fetched while their message waits for its turn.

import type { Logger } from "../core/logger.ts";
import type { RemoteFile } from "../core/message.ts";
import { type Download, type DownloadParts, download } from "./download.ts";

/** Of files that nobody asked for, for their turn was cancelled, so many are remembered. */
const MAX_REMEMBERED = 100;

/** Fetches files beforehand, those of one session one after the other. */
export class Prefetch {
	readonly #logger: Logger;
	/** By session and the file's id there. */
	readonly #begun = new Map<string, Promise<Download | undefined>>();
	/** By session, the last that was begun. */
	readonly #last = new Map<string, Promise<unknown>>();

	constructor(logger: Logger) {
		this.#logger = logger;
	}

	/** Begins to fetch a file of a session. What fails is tried anew by whoever needs it. */
	begin(sessionKey: string, file: RemoteFile, parts: DownloadParts): void {
		const name = nameOf(sessionKey, file);
		if (this.#begun.has(name)) return;
		const forever = new AbortController().signal;
		const before = this.#last.get(sessionKey) ?? Promise.resolve();
		const got = before
			.then(() => download(file, parts, forever))
			.catch((error) => {
				this.#logger.warn("media.not_prefetched", {
					file: file.uniqueId,
					error,
				});
				return undefined;
			});
		this.#last.set(sessionKey, got);
		void got.then(() => {
			if (this.#last.get(sessionKey) === got) this.#last.delete(sessionKey);
		});
		this.#begun.set(name, got);
		const [oldest] = this.#begun.keys();
		if (this.#begun.size > MAX_REMEMBERED && oldest !== undefined)
			this.#begun.delete(oldest);
	}

	/** What was fetched beforehand, to be had once; undefined where that was not begun, or has failed. */
	async take(
		sessionKey: string,
		file: RemoteFile,
	): Promise<Download | undefined> {
		const name = nameOf(sessionKey, file);
		const got = this.#begun.get(name);
		this.#begun.delete(name);
		return got;
	}
}

function nameOf(sessionKey: string, { id }: RemoteFile): string {
	return `${sessionKey} ${id}`;
}
