// Looking through a copy of a folder of sessions before it is trusted.

import { closeSync, openSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { AeonError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import { guarded } from "../database/failure.ts";
import { EXTENSION, fileName, suffixOf } from "./file_name.ts";
import { INBOX_LOG } from "./inbox_file.ts";
import { asLogLine } from "./inbox_lines.ts";
import { type Line, linesForward } from "./lines.ts";
import { asHeader } from "./session_file.ts";

/** After so many bytes everybody else has a turn. */
const TURN_SIZE = 64 * 1024;

/**
 * Reads all of what `copyFolder` made. Throws `storage_failed` where a file has not the header of its name, and `conflict`
 * where the log has a line that this Aeon does not know. A line that cannot be read is passed over, as by the store itself:
 * it was so in what was copied, and the rest of it is worth having.
 */
export function verifyFolder(directory: string): Promise<void> {
	return guarded(directory, async () => {
		for (const name of readdirSync(directory)) {
			const path = join(directory, name);
			if (name === INBOX_LOG) await eachLine(path, checkLogLine);
			else if (name.endsWith(EXTENSION)) await verifySession(path, name);
		}
	});
}

async function verifySession(path: string, name: string): Promise<void> {
	let hasHeader = false;
	await eachLine(path, ({ text }) => {
		const header = asHeader(parseJson(text));
		if (!header || hasHeader) return;
		hasHeader = true;
		if (fileName(header.session_key + suffixOf(name)) !== name)
			throw new AeonError(
				"storage_failed",
				`${path} holds another session: ${header.session_key}`,
			);
	});
	if (!hasHeader)
		throw new AeonError("storage_failed", `${path} has no header`);
}

function checkLogLine({ text }: Line, number: number, path: string): void {
	const json = parseJson(text);
	if (json !== undefined && !asLogLine(json))
		throw new AeonError(
			"conflict",
			`${path} was written by a newer Aeon: line ${number} is not known`,
			{ hint: "Use the newer aeon." },
		);
}

async function eachLine(
	path: string,
	see: (line: Line, number: number, path: string) => void,
): Promise<void> {
	const opened = openSync(path, "r");
	try {
		let [number, seen] = [0, 0];
		for (const line of linesForward(opened)) {
			see(line, ++number, path);
			if (line.end - seen < TURN_SIZE) continue;
			seen = line.end;
			await new Promise((resolve) => setImmediate(resolve));
		}
	} finally {
		closeSync(opened);
	}
}
