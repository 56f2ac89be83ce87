// The line a person types into: editing, history that survives restarts, multi-line paste, questions.

import {
	appendFileSync,
	mkdirSync,
	readFileSync,
	writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { AeonError } from "../../core/errors.ts";
import { print } from "../../core/terminal.ts";
import { foldLineEnds, readKeys, restoreLineEnds } from "./paste.ts";

/** How many lines of history are kept. */
const MAX_HISTORY = 1000;

/** What happens at a line editor. */
export interface EditorEvents {
	/** A line was entered; it may hold line ends where it was pasted. */
	line(text: string): void;
	/** Ctrl-C, with what stood in the line, which is gone. */
	interrupt(discarded: string): void;
	/** Ctrl-D, or the terminal is gone. */
	end(): void;
}

/** A line editor on a terminal. */
export interface Editor {
	/** Shows the prompt and what has been typed meanwhile. */
	prompt(): void;
	/** While quiet, what is typed is kept but not shown, so that it does not mix with an answer. */
	setQuiet(isQuiet: boolean): void;
	/** Asks a question and gives the line that answers it; rejects with the signal's reason. */
	ask(question: string, signal: AbortSignal): Promise<string>;
	close(): void;
}

/** Opens the editor on this process's terminal. */
export function openEditor(
	prompt: string,
	historyFile: string,
	events: EditorEvents,
): Editor {
	let isQuiet = false;
	const { stdin, stdout } = process;
	const output = Object.assign(
		new Writable({
			write(chunk, _encoding, done) {
				if (!isQuiet) stdout.write(chunk);
				done();
			},
		}),
		{ isTTY: true },
	);
	Object.defineProperty(output, "columns", { get: () => stdout.columns });
	const onResize = () => output.emit("resize");
	stdout.on("resize", onResize);
	const { keys, close } = readKeys(stdin, print);
	const history = loadHistory(historyFile);
	const lines = createInterface({
		input: keys,
		output,
		terminal: true,
		prompt,
		history: history.toReversed(),
		historySize: MAX_HISTORY,
		removeHistoryDuplicates: true,
	});
	let isClosed = false;
	/** Empties the line without a trace on the screen, and gives what stood in it. */
	const takeLine = (): string => {
		const typed = lines.line;
		lines.write(null, { ctrl: true, name: "e" });
		lines.write(null, { ctrl: true, name: "u" });
		return typed;
	};
	lines.on("line", (line) => {
		if (line.trim() !== "") saveLine(historyFile, line);
		events.line(restoreLineEnds(line));
	});
	lines.on("SIGINT", () => events.interrupt(takeLine()));
	// After Ctrl-Z and fg.
	lines.on("SIGCONT", () => lines.prompt(true));
	lines.on("close", () => {
		if (isClosed) return;
		isClosed = true;
		events.end();
	});
	return {
		prompt() {
			isQuiet = false;
			if (!isClosed) lines.prompt(true);
		},
		setQuiet(quiet) {
			isQuiet = quiet;
		},
		async ask(question, signal) {
			const { promise, resolve, reject } = Promise.withResolvers<string>();
			const onAbort = () => reject(signal.reason);
			const onClose = () =>
				reject(new AeonError("cancelled", "The chat is closed."));
			if (signal.aborted) throw signal.reason;
			if (isClosed) throw new AeonError("cancelled", "The chat is closed.");
			signal.addEventListener("abort", onAbort, { once: true });
			lines.once("close", onClose);
			const wasQuiet = isQuiet;
			isQuiet = true;
			// What was being typed is no answer: it comes back afterwards.
			const typed = takeLine();
			isQuiet = false;
			lines.question(question, { signal }, resolve);
			try {
				return await promise;
			} finally {
				isQuiet = wasQuiet;
				if (typed && !isClosed) lines.write(typed);
				signal.removeEventListener("abort", onAbort);
				lines.off("close", onClose);
			}
		},
		close() {
			isClosed = true;
			lines.close();
			close();
			stdout.off("resize", onResize);
		},
	};
}

/** The lines of earlier chats, oldest first. A history that cannot be read is none. */
function loadHistory(file: string): string[] {
	let lines: string[];
	try {
		lines = readFileSync(file, "utf8").split("\n").filter(Boolean);
	} catch {
		return []; // the first chat here, or no right to read it: nobody needs a history to talk
	}
	const kept = lines.slice(-MAX_HISTORY);
	if (lines.length > 2 * MAX_HISTORY)
		write(() => writeFileSync(file, `${kept.join("\n")}\n`, { mode: 0o600 }));
	return kept;
}

function saveLine(file: string, line: string): void {
	write(() => {
		mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
		appendFileSync(file, `${foldLineEnds(line)}\n`, { mode: 0o600 });
	});
}

/** Writes the history if it can be written: a full card must not end a conversation. */
function write(work: () => void): void {
	try {
		work();
	} catch {
		return;
	}
}
