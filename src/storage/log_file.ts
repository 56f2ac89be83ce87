// Making a log shorter while other processes may write to it.

import {
	closeSync,
	fsyncSync,
	openSync,
	renameSync,
	rmSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { codeOf } from "../database/failure.ts";
import { linesForward } from "./lines.ts";

/** Who takes longer to write a log anew was killed meanwhile. */
const MAX_WRITING_MS = 60_000;

/**
 * Puts these lines in the place of the first `end` bytes of a log. Does nothing where another process is about to. Whoever
 * appends must look afterwards whether the log is still the file that it wrote to.
 */
export function replaceLog(
	path: string,
	lines: readonly object[],
	end: number,
): void {
	const next = `${path}.new`;
	const file = openAlone(next);
	if (file === undefined) return;
	const old = openSync(path, "r");
	try {
		for (const line of lines) writeFileSync(file, `${JSON.stringify(line)}\n`);
		fsyncSync(file);
		renameSync(next, path);
		// What was appended to the old file while this was written.
		for (const { text } of linesForward(old, end))
			writeFileSync(file, `\n${text}\n`);
		fsyncSync(file);
	} catch (error) {
		rmSync(next, { force: true });
		throw error;
	} finally {
		closeSync(old);
		closeSync(file);
	}
}

/** Whoever has made the file is the only one who writes it. */
function openAlone(path: string): number | undefined {
	try {
		return openSync(path, "ax", 0o600);
	} catch (error) {
		if (codeOf(error) !== "EEXIST") throw error;
		const age = Date.now() - statSync(path).mtimeMs;
		if (age > MAX_WRITING_MS) rmSync(path, { force: true });
		return undefined;
	}
}
