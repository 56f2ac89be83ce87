// Files that their platform does not keep for long: fetched while their message waits for its turn.

import type { Logger } from "../core/logger.ts";
import type { RemoteFile } from "../core/message.ts";
import { type Download, type DownloadParts, download } from "./download.ts";

/** Of files that nobody asked for, for their turn was cancelled, so many are remembered. */
const MAX_REMEMBERED = 100;

/** Fetches files beforehand, one after the other. */
export class Prefetch {
	readonly #logger: Logger;
	/** By dialog and the file's id there. */
	readonly #begun = new Map<string, Promise<Download | undefined>>();
	#last: Promise<unknown> = Promise.resolve();

	constructor(logger: Logger) {
		this.#logger = logger;
	}

	/** Begins to fetch a file of a dialog. What fails is tried anew by whoever needs it. */
	begin(dialog: string, file: RemoteFile, parts: DownloadParts): void {
		const name = nameOf(dialog, file);
		if (this.#begun.has(name)) return;
		const forever = new AbortController().signal;
		const got = this.#last
			.then(() => download(file, parts, forever))
			.catch((error) => {
				this.#logger.warn("media.not_prefetched", { dialog, error });
				return undefined;
			});
		this.#last = got;
		this.#begun.set(name, got);
		const [oldest] = this.#begun.keys();
		if (this.#begun.size > MAX_REMEMBERED && oldest !== undefined)
			this.#begun.delete(oldest);
	}

	/** What was fetched beforehand, to be had once; undefined where that was not begun, or has failed. */
	async take(dialog: string, file: RemoteFile): Promise<Download | undefined> {
		const name = nameOf(dialog, file);
		const got = this.#begun.get(name);
		this.#begun.delete(name);
		return got;
	}
}

function nameOf(dialog: string, { id }: RemoteFile): string {
	return `${dialog} ${id}`;
}
