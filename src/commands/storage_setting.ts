// The one word of aeon.json that says which store is in use, changed in a file that a person wrote.

import {
	accessSync,
	chmodSync,
	constants,
	readFileSync,
	realpathSync,
	renameSync,
	rmSync,
	statSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { dirname } from "node:path";
import { findNodeAtLocation, type Node, parseTree } from "jsonc-parser";
import { AeonError, describeError } from "../core/errors.ts";
import { asRecord, parseJson } from "../core/json.ts";
import { syncFolder } from "../core/sync.ts";

const BYTE_ORDER_MARK = "\ufeff";

/** Throws `config_invalid` where `switchDriver` could not be done. */
export function checkSwitch(file: string, driver: string): void {
	const real = realpathSync(file);
	withDriver(file, readFileSync(real, "utf8"), driver);
	try {
		for (const needed of [real, dirname(real)])
			accessSync(needed, constants.R_OK | constants.W_OK);
	} catch (error) {
		throw new AeonError(
			"config_invalid",
			`${file} cannot be changed: ${describeError(error)}`,
			{
				cause: error,
				hint: "Run this as the user who may write it.",
			},
		);
	}
}

/**
 * Puts a word into `storage.driver` and leaves everything else as it is written; whole or not at all. Gives the file that
 * keeps what was there before. Throws `config_invalid`.
 */
export async function switchDriver(
	file: string,
	driver: string,
): Promise<string> {
	try {
		const real = realpathSync(file);
		const text = readFileSync(real, "utf8");
		const next = withDriver(file, text, driver);
		const { mode } = statSync(real);
		await replace(`${real}.bak`, text, mode);
		await replace(real, next, mode);
		await syncFolder(dirname(real));
		return `${real}.bak`;
	} catch (error) {
		if (error instanceof AeonError) throw error;
		throw new AeonError(
			"config_invalid",
			`${file} could not be changed: ${describeError(error)}`,
			{
				cause: error,
				hint: "The old store is in use as before. Put that right and try again.",
			},
		);
	}
}

/** The text with another word in it. */
function withDriver(file: string, text: string, driver: string): string {
	const mark = text.startsWith(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK : "";
	const json = text.slice(mark.length);
	const next = edit(json, driver);
	const before = asRecord(parseJson(json));
	const storage = { ...asRecord(before?.storage), driver };
	const wanted = JSON.stringify({ ...before, storage });
	// A key may stand there twice, and then the last one counts.
	if (JSON.stringify(parseJson(next)) !== wanted)
		throw new AeonError(
			"config_invalid",
			`${file} cannot be changed by Aeon itself`,
			{ hint: `Let it have one "storage": {"driver": …}, and try again.` },
		);
	return mark + next;
}

function edit(json: string, driver: string): string {
	const root = parseTree(json);
	if (root?.type !== "object") return json;
	const word = `"driver": ${JSON.stringify(driver)}`;
	const section = findNodeAtLocation(root, ["storage"]);
	const written = findNodeAtLocation(root, ["storage", "driver"]);
	if (written) return replaceNode(json, written, JSON.stringify(driver));
	if (section?.type === "object") return addProperty(json, section, word);
	if (section) return replaceNode(json, section, `{ ${word} }`);
	return addProperty(json, root, `"storage": { ${word} }`);
}

function replaceNode(json: string, node: Node, text: string): string {
	const { offset, length } = node;
	return json.slice(0, offset) + text + json.slice(offset + length);
}

/** Behind the last property, with the same space before it. */
function addProperty(json: string, object: Node, property: string): string {
	const last = object.children?.at(-1);
	const end = last ? last.offset + last.length : object.offset + 1;
	const space = last && /\s*$/.exec(json.slice(0, last.offset))?.[0];
	const added = last ? `,${space}${property}` : property;
	return json.slice(0, end) + added + json.slice(end);
}

/** The file has the mode from its beginning: it may hold secrets. */
async function replace(
	path: string,
	text: string,
	mode: number,
): Promise<void> {
	const temporary = `${path}.new`;
	try {
		rmSync(temporary, { force: true });
		{
			await using file = await open(temporary, "wx", 0o600);
			await file.writeFile(text);
			await file.sync();
		}
		chmodSync(temporary, mode & 0o777);
		renameSync(temporary, path);
	} catch (error) {
		rmSync(temporary, { force: true });
		throw error;
	}
}
