import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";

const MAIN = join(import.meta.dir, "..", "..", "..", "src", "main.ts");

/** What a terminal sends for these keys. */
export const CTRL_C = "\x03";
export const CTRL_D = "\x04";
export const UP = "\x1b[A";

/** How `aeon` is started on a terminal; by default, as `aeon chat` without colours. */
export interface TerminalOptions {
	args?: string[];
	env?: Record<string, string>;
	/** A file for standard error, which otherwise is the terminal, too. */
	errorsTo?: string;
}

/** `aeon` on a real pseudo-terminal, in this home. */
export function openTerminal(home: string, options: TerminalOptions = {}) {
	const { args = ["chat"], env = { NO_COLOR: "1" }, errorsTo } = options;
	let bytes = "";
	let screen = "";
	let seen = 0;
	const waiting: { text: string; found(): void }[] = [];
	const look = () => {
		for (const one of [...waiting]) {
			const at = screen.indexOf(one.text, seen);
			if (at < 0) continue;
			seen = at + one.text.length;
			waiting.splice(waiting.indexOf(one), 1);
			one.found();
		}
	};
	const decoder = new TextDecoder();
	const aeon = [process.execPath, MAIN, ...args];
	const command = errorsTo
		? ["sh", "-c", 'exec 2>"$0" "$@"', errorsTo, ...aeon]
		: aeon;
	const child = Bun.spawn(command, {
		cwd: home,
		env: {
			PATH: process.env.PATH ?? "",
			HOME: home,
			TERM: "xterm",
			...env,
		},
		terminal: {
			cols: 100,
			rows: 30,
			data(_terminal, chunk) {
				const text = decoder.decode(chunk, { stream: true });
				bytes += text;
				screen += stripVTControlCharacters(text);
				look();
			},
		},
	});
	return {
		/** Resolves when this stands on the screen, after what was seen last. */
		sees: (text: string) =>
			new Promise<void>((found) => {
				waiting.push({ text, found });
				look();
			}),
		types: (keys: string) => void child.terminal?.write(keys),
		/** Everything that was written to the terminal, escapes included. */
		bytes: () => bytes,
		/** Sends a signal to the program alone. */
		kill: (signal: NodeJS.Signals) => child.kill(signal),
		/** What happens to a terminal whose window is closed. */
		hangUp() {
			child.terminal?.close();
			child.kill("SIGHUP");
		},
		exited: child.exited,
		[Symbol.dispose]: () => child.kill("SIGKILL"),
	};
}
