import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
	openUnfinished,
	removeUnfinished,
} from "../../src/backup/unfinished.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/home.ts";

const SOURCE = join(
	import.meta.dir,
	"..",
	"..",
	"src",
	"backup",
	"unfinished.ts",
);

let folder: TemporaryFolder;
beforeEach(() => {
	folder = temporaryFolder();
});
afterEach(() => folder[Symbol.dispose]());

const found = () => readdirSync(folder.path).sort();
const clear = () => removeUnfinished(folder.path, () => true);

test("what another process is at work on is left alone, and cleared away once that was killed", async () => {
	const script = `
		const { openUnfinished } = await import(${JSON.stringify(SOURCE)});
		const { folder } = await openUnfinished(${JSON.stringify(join(folder.path, "a.tar.gz"))});
		await Bun.write(folder + "/copy", "x");
		console.log("begun");
		await new Promise((resolve) => setTimeout(resolve, 1e9));`;
	await using other = Bun.spawn([process.execPath, "-e", script], {
		stdout: "pipe",
	});
	await other.stdout.getReader().read();
	const begun = found();
	expect(begun).toHaveLength(2);
	await clear();
	expect(found()).toEqual(begun);
	expect(readdirSync(join(folder.path, begun[0] ?? ""))).toEqual(["copy"]);
	other.kill("SIGKILL");
	await other.exited;
	await clear();
	expect(found()).toEqual([]);
});

test("what was left without a lock is cleared away, and only what is called so and wanted", async () => {
	const left = `a.tar.gz.${crypto.randomUUID()}.tmp`;
	const other = `b.tar.gz.${crypto.randomUUID()}.tmp`;
	for (const name of [left, other, "a.tar.gz.tmp"])
		mkdirSync(join(folder.path, name));
	writeFileSync(join(folder.path, left, "copy"), "x");
	await removeUnfinished(folder.path, (name) => name === "a.tar.gz");
	expect(found()).toEqual(["a.tar.gz.tmp", other]);
	await removeUnfinished(join(folder.path, "none"), () => true);
});

test("what is removed by its own process leaves nothing, and where it cannot be made there is nothing, either", async () => {
	const growing = await openUnfinished(join(folder.path, "a.tar.gz"));
	writeFileSync(join(growing.folder, "copy"), "x");
	await growing.remove();
	expect(found()).toEqual([]);
	const long = join(folder.path, "x".repeat(215));
	await expect(openUnfinished(long)).rejects.toMatchObject({
		code: "ENAMETOOLONG",
	});
	expect(found()).toEqual([]);
});
