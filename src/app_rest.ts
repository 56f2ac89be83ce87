// Giving memory back to the system when nothing happens.

import { readFileSync } from "node:fs";
import { platform } from "./core/platform.ts";

/** How often it is looked whether something has run meanwhile, as the poll of a dialog. */
const LOOK_MS = 5_000;

/** By what share the mapped pages of files grow where nothing happens. */
const NOTHING = 0.02;

/** By what share more than none they are worth to be given back: resting takes some of them. */
const WORTH = 0.5;

/** The rest of a process that serves: what only its work needed is given back in the pauses. */
export class Rest {
	#settling: ReturnType<typeof setTimeout> | undefined;
	#looking: ReturnType<typeof setInterval> | undefined;
	/** Mapped pages of files: at the last look, and right after they were given back. */
	#seen = 0;
	#least = 0;

	/** Gives back garbage and pages when nothing more is said for so long. */
	after(delayMs: number): void {
		clearTimeout(this.#settling);
		this.#settling = setTimeout(() => {
			platform.settle();
			this.#least = this.#seen = mappedPages();
			this.#looking ??= setInterval(() => this.#look(), LOOK_MS).unref();
		}, delayMs).unref();
	}

	#look(): void {
		const mapped = mappedPages();
		const isQuiet = mapped <= this.#seen * (1 + NOTHING);
		this.#seen = mapped;
		if (!isQuiet || mapped <= this.#least * (1 + WORTH)) return;
		platform.releaseCode();
		this.#least = this.#seen = mappedPages();
	}
}

/** Pages of files that this process has mapped; proc_pid_statm(5). 0 where there is no /proc. */
function mappedPages(): number {
	try {
		return Number(readFileSync("/proc/self/statm", "utf8").split(" ")[2]);
	} catch {
		return 0;
	}
}
