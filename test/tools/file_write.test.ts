import { expect, test } from "bun:test";
import {
	chmodSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { openSandbox } from "./sandbox.ts";

const refused = (error: string) => ({ success: false, output: "", error });

test("a file is written with the directories it lies in, and appended to", async () => {
	using box = openSandbox();
	const write = (content: string, mode?: string) =>
		box.run("file_write", { path: "a/b/c.txt", content, mode });
	expect(await write("über\n")).toEqual({
		success: true,
		output: 'Wrote 6 bytes to "a/b/c.txt".',
	});
	expect(await write("more", "append")).toEqual({
		success: true,
		output: 'Added 4 bytes to "a/b/c.txt", which now has 10.',
	});
	expect(readFileSync(join(box.root, "a/b/c.txt"), "utf8")).toBe("über\nmore");
	expect(await write("new", "write")).toEqual({
		success: true,
		output: 'Wrote 3 bytes to "a/b/c.txt".',
	});
	expect(readFileSync(join(box.root, "a/b/c.txt"), "utf8")).toBe("new");
	expect(readdirSync(join(box.root, "a/b"))).toEqual(["c.txt"]);
});

test("appending makes a missing file, so that a long text can be written in parts", async () => {
	using box = openSandbox();
	for (const content of ["one ", "two ", "three"])
		await box.run("file_write", { path: "parts.txt", content, mode: "append" });
	expect(readFileSync(join(box.root, "parts.txt"), "utf8")).toBe(
		"one two three",
	);
});

test("a file keeps its mode, and a new one gets what the umask leaves", async () => {
	using box = openSandbox();
	const path = join(box.root, "run.sh");
	writeFileSync(path, "old");
	chmodSync(path, 0o751);
	await box.run("file_write", { path: "run.sh", content: "new" });
	await box.run("file_write", { path: "new.txt", content: "new" });
	const modes = [path, join(box.root, "new.txt")].map(
		(file) => statSync(file).mode & 0o7777,
	);
	expect(modes).toEqual([0o751, 0o666 & ~process.umask()]);
});

test("who reads while a file is replaced sees the old text or the new, never a piece", async () => {
	using box = openSandbox();
	const path = join(box.root, "a.txt");
	const texts = ["a", "b"].map((c) => c.repeat(300_000));
	writeFileSync(path, texts[0] ?? "");
	let isWriting = true;
	const seen = new Set<number>();
	const reader = (async () => {
		while (isWriting) {
			const text = await Bun.file(path).text();
			seen.add(texts.indexOf(text));
		}
	})();
	for (let i = 1; i <= 60; i++)
		await box.run("file_write", { path: "a.txt", content: texts[i % 2] });
	isWriting = false;
	await reader;
	expect([...seen].sort()).toEqual([0, 1]);
});

test("a write that fails leaves the old file and nothing beside it", async () => {
	using box = openSandbox();
	mkdirSync(join(box.root, "d"));
	writeFileSync(join(box.root, "d", "full"), "x");
	expect(await box.run("file_write", { path: "d", content: "x" })).toEqual(
		refused('"d" is a directory: name a file in it.'),
	);
	expect(await box.run("file_write", { path: "new/", content: "x" })).toEqual(
		refused('"new/" is a directory: name a file.'),
	);
	expect(await box.run("file_write", { path: ".", content: "x" })).toEqual(
		refused('"." is a directory: name a file.'),
	);
	expect(
		readdirSync(box.root, { recursive: true, encoding: "utf8" }).sort(),
	).toEqual(["d", "d/full"]);
});

test("a full disk is told, and the old file stays", async () => {
	using box = openSandbox();
	const mounted = Bun.spawnSync([
		"mount",
		"-t",
		"tmpfs",
		"-o",
		"size=64k",
		"tmpfs",
		box.root,
	]);
	// Mounting takes root.
	if (mounted.exitCode !== 0) return;
	try {
		await box.run("file_write", { path: "a.txt", content: "old" });
		expect(
			await box.run("file_write", {
				path: "a.txt",
				content: "x".repeat(200_000),
			}),
		).toEqual(refused('"a.txt" cannot be used: the disk is full.'));
		expect(readdirSync(box.root)).toEqual(["a.txt"]);
		expect(readFileSync(join(box.root, "a.txt"), "utf8")).toBe("old");
	} finally {
		Bun.spawnSync(["umount", box.root]);
	}
});
