// A person's terminal: 80 by 24, with a login shell in it, typed into and looked at as a person does (tmux).

import { existsSync, readFileSync } from "node:fs";
import { run } from "../vm/process.ts";

/** What a command came to. */
export interface Done {
	code: number;
	/** What it left on the screen and above. */
	text: string;
}

/** How often the screen is looked at. */
const LOOK_MS = 50;

const CLEAN_MS = 10_000;

/** Of what was seen last, so much is told when something does not come. */
const TOLD_LINES = 40;

/** A terminal with one shell, which tells of each command that it is done, and how, in a file (`PROMPT_COMMAND`). */
export class Terminal {
	#socket = `aeon-pi-${process.pid}`;
	#done: string;
	#count = 0;

	/** `login` is the shell's command; `done` the file. */
	constructor(login: string[], done: string) {
		this.#done = done;
		const env = [
			"env",
			"-i",
			"TERM=screen-256color",
			`PATH=${process.env.PATH}`,
		];
		this.#tmux(
			...["-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24"],
			...["-e", "LANG=C.UTF-8", "--", ...env, ...login],
			...[";", "set-option", "-g", "history-limit", "10000"],
		);
	}

	/** Waits for the shell's first prompt. */
	async ready(): Promise<void> {
		await this.#until(() => this.#told() !== undefined, "a prompt", 60_000);
		this.#count = this.#told()?.count ?? 0;
	}

	/** Types a line and Enter. */
	enter(line: string): void {
		this.#tmux("send-keys", "-l", "--", line);
		this.press("Enter");
	}

	/** Types a command on a clean screen. */
	async begin(command: string): Promise<void> {
		this.press("C-l");
		// What is cleared goes into the history.
		const isClean = () =>
			!this.#tmux("capture-pane", "-p").trimEnd().includes("\n");
		await this.#until(isClean, "a clean screen", CLEAN_MS);
		this.#tmux("clear-history");
		this.enter(command);
	}

	/** Presses a key, by tmux's name. */
	press(key: string): void {
		this.#tmux("send-keys", key);
	}

	/** Everything since the screen was clean. */
	screen(): string {
		return this.#tmux("capture-pane", "-p", "-J", "-S", "-").trimEnd();
	}

	/** Waits until the screen has this. Throws with the screen where it does not come. */
	async sees(text: string, timeoutMs: number): Promise<void> {
		await this.#until(() => this.screen().includes(text), text, timeoutMs);
	}

	/** Waits for the end of what was begun. */
	async ends(timeoutMs: number): Promise<Done> {
		await this.#until(
			() => (this.#told()?.count ?? 0) > this.#count,
			"the end of the command",
			timeoutMs,
		);
		const { count, code } = this.#told() ?? { count: 0, code: -1 };
		this.#count = count;
		return { code, text: this.screen() };
	}

	/** Ends it, and what runs in it. */
	close(): void {
		Bun.spawnSync(["tmux", "-L", this.#socket, "kill-server"]);
	}

	#told(): { code: number; count: number } | undefined {
		if (!existsSync(this.#done)) return undefined;
		const [code, count] = readFileSync(this.#done, "utf8").split(" ");
		return count ? { code: Number(code), count: Number(count) } : undefined;
	}

	async #until(
		isSo: () => boolean,
		what: string,
		timeoutMs: number,
	): Promise<void> {
		for (const end = Date.now() + timeoutMs; !isSo(); await Bun.sleep(LOOK_MS))
			if (Date.now() > end) {
				const seen = this.screen().split("\n").slice(-TOLD_LINES).join("\n");
				throw new Error(`Waited for ${what}, and saw:\n${seen}`);
			}
	}

	#tmux(...command: string[]): string {
		return run(["tmux", "-L", this.#socket, ...command], "/");
	}
}
