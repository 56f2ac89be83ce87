import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { jsonFileWriter, writeJsonFile } from "../../src/core/json_file.ts";
import { temporaryFolder } from "../support/home.ts";

test("a value is written whole, into a file and a folder that are their owner's alone", async () => {
	using folder = temporaryFolder();
	const path = join(folder.path, "state", "a.json");
	await writeJsonFile(path, { old: true });
	await writeJsonFile(path, { new: true });
	expect(readFileSync(path, "utf8")).toBe('{\n\t"new": true\n}\n');
	expect(
		[path, join(folder.path, "state")].map((one) => statSync(one).mode & 0o777),
	).toEqual([0o600, 0o700]);
	expect(readdirSync(join(folder.path, "state"))).toEqual(["a.json"]);
});

test("what cannot be written leaves nothing behind", async () => {
	using folder = temporaryFolder();
	const path = join(folder.path, "a.json");
	mkdirSync(path);
	await expect(writeJsonFile(path, {})).rejects.toThrow("EISDIR");
	expect(readdirSync(folder.path)).toEqual(["a.json"]);
});

test("of writes at the same time the last one stays, also after one that failed", async () => {
	using folder = temporaryFolder();
	const path = join(folder.path, "a.json");
	const write = jsonFileWriter(path);
	const failed = write(() => {
		throw new Error("no value");
	});
	const large = write(() => "x".repeat(20_000_000));
	const small = write(() => "last");
	await expect(failed).rejects.toThrow("no value");
	await Promise.all([large, small]);
	expect(readFileSync(path, "utf8")).toBe('"last"\n');
});
