import { describe, expect, test } from "bun:test";
import {
	existsSync,
	linkSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import fc from "fast-check";
import { openWorkspace } from "../../src/tools/workspace.ts";
import { CANARY, openSandbox, type Sandbox } from "./sandbox.ts";

const HAS_DESCRIPTOR_PATHS = existsSync("/proc/self/fd");

/** The workspace with everything in it that may tempt out of it. */
async function openTrap(
	throughDescriptors: boolean,
): Promise<Sandbox & AsyncDisposable> {
	const box = openSandbox(throughDescriptors);
	const at = (name: string) => join(box.root, name);
	mkdirSync(at("notes"));
	writeFileSync(at("notes/a.txt"), "inside");
	symlinkSync(join(box.outside, "canary.txt"), at("filelink"));
	symlinkSync(box.outside, at("dirlink"));
	symlinkSync("/dev/zero", at("devicelink"));
	symlinkSync(join(box.outside, "new.txt"), at("dangling"));
	symlinkSync("notes", at("innerlink"));
	linkSync(join(box.outside, "canary.txt"), at("hardlink"));
	Bun.spawnSync(["mkfifo", at("fifo")]);
	Bun.spawnSync(["mknod", at("device"), "c", "1", "5"]);
	const server = createServer();
	await new Promise<void>((resolve) => server.listen(at("socket"), resolve));
	return {
		...box,
		[Symbol.asyncDispose]: async () => {
			await new Promise((resolve) => server.close(resolve));
			box[Symbol.dispose]();
		},
	};
}

const ABSOLUTE = (path: string) =>
	`"${path}" is an absolute path: write it relative to the workspace, such as "notes/today.md".`;
const HOME = (path: string) =>
	`"${path}" begins with "~", which leads out of the workspace: write it relative to the workspace, such as "notes/today.md".`;
const UP = (path: string) =>
	`"${path}" has ".." in it: a path leads down from the workspace, never up.`;
const LINK = (path: string) =>
	`"${path}" is a symbolic link, and links are not followed: use the path it stands for.`;
const KIND = (path: string, kind: string) =>
	`"${path}" is a ${kind}: only plain files are read and written.`;

const REFUSALS: [path: string, sentence: string][] = [
	["", 'The path is empty: name a file, or "." for the workspace itself.'],
	["a\0b", "The path has a NUL character in it: leave it out."],
	["..", UP("..")],
	["../outside/canary.txt", UP("../outside/canary.txt")],
	["notes/../../outside/canary.txt", UP("notes/../../outside/canary.txt")],
	["notes/..", UP("notes/..")],
	["/etc/passwd", ABSOLUTE("/etc/passwd")],
	["/proc/self/environ", ABSOLUTE("/proc/self/environ")],
	["//etc/passwd", ABSOLUTE("//etc/passwd")],
	["~", HOME("~")],
	["~/.aeon/token", HOME("~/.aeon/token")],
	["~root/x", HOME("~root/x")],
	[
		"n".repeat(256),
		"A name in the path is longer than 255 bytes: choose a shorter one.",
	],
	[
		"ü".repeat(128),
		"A name in the path is longer than 255 bytes: choose a shorter one.",
	],
	[
		"d/".repeat(2000),
		"The path is longer than 3072 bytes: choose a shorter one.",
	],
	["filelink", LINK("filelink")],
	["dirlink", LINK("dirlink")],
	["dirlink/canary.txt", LINK("dirlink")],
	["innerlink/a.txt", LINK("innerlink")],
	["dangling", LINK("dangling")],
	["devicelink", LINK("devicelink")],
	[
		"hardlink",
		'"hardlink" is a hard link (it has 2 names), so it may lie outside the workspace as well: use a copy of it.',
	],
	["fifo", KIND("fifo", "named pipe")],
	["socket", KIND("socket", "socket")],
	["notes/a.txt/b", '"notes/a.txt" is a file, not a directory.'],
	["fifo/b", '"fifo" is a named pipe, not a directory.'],
];

describe.each([
	["through descriptors", true],
	["by joined paths", false],
])("The workspace, walked %s,", (_, throughDescriptors) => {
	if (throughDescriptors && !HAS_DESCRIPTOR_PATHS) return;

	test("refuses every path that leads out of it, to read and to write, with a sentence", async () => {
		await using box = await openTrap(throughDescriptors);
		const before = snapshot(box.outside);
		for (const [path, sentence] of REFUSALS) {
			const refusal = { success: false, output: "", error: sentence };
			expect(await box.run("file_read", { path })).toEqual(refusal);
			for (const mode of ["write", "append"])
				expect(
					await box.run("file_write", { path, content: "x", mode }),
				).toEqual(refusal);
		}
		expect(snapshot(box.outside)).toEqual(before);
		expect(readdirSync(join(box.root, "notes"))).toEqual(["a.txt"]);
	});

	test("refuses a device", async () => {
		await using box = await openTrap(throughDescriptors);
		// Making one takes root.
		if (!existsSync(join(box.root, "device"))) return;
		const refusal = {
			success: false,
			output: "",
			error: KIND("device", "device"),
		};
		expect(await box.run("file_read", { path: "device" })).toEqual(refusal);
		expect(
			await box.run("file_write", { path: "device", content: "x" }),
		).toEqual(refusal);
		expect(
			await box.run("file_write", {
				path: "device",
				content: "x",
				mode: "append",
			}),
		).toEqual(refusal);
	});

	test("runs a command in none of them", async () => {
		await using box = await openTrap(throughDescriptors);
		for (const [path, sentence] of REFUSALS) {
			const result = await box.run("exec", {
				command: "cat canary.txt",
				cwd: path,
			});
			const isFile = ["hardlink", "fifo", "socket"].includes(path);
			expect(result).toEqual({
				success: false,
				output: "",
				error: isFile ? expect.any(String) : sentence,
			});
		}
	});

	test("lets no path out, whatever it is made of", async () => {
		await using box = await openTrap(throughDescriptors);
		const before = snapshot(box.outside);
		const name = fc.oneof(
			fc.constantFrom(
				"..",
				".",
				"",
				"~",
				"notes",
				"a.txt",
				"canary.txt",
				"outside",
				"workspace",
			),
			fc.constantFrom(
				"filelink",
				"dirlink",
				"innerlink",
				"dangling",
				"hardlink",
				"fifo",
				"socket",
				"devicelink",
			),
			fc.constantFrom(
				"/",
				"/proc",
				"self",
				"root",
				"cwd",
				"fd",
				"3",
				"\0",
				"\\..",
				"..\u200b",
				"%2e%2e",
				"．．",
				"n".repeat(300),
			),
			fc.string({ maxLength: 8 }),
		);
		const path = fc
			.array(name, { maxLength: 6 })
			.map((names) => names.join("/"));
		await fc.assert(
			fc.asyncProperty(
				path,
				fc.constantFrom("read", "write", "append", "run"),
				async (path, how) => {
					const result =
						how === "read"
							? await box.run("file_read", { path })
							: how === "run"
								? await box.run("exec", {
										command: "cat canary.txt; pwd -P",
										cwd: path,
									})
								: await box.run("file_write", {
										path,
										content: "changed",
										mode: how,
									});
					expect(JSON.stringify(result)).not.toContain(CANARY);
					if (
						how === "run" &&
						result.error?.startsWith("The command failed") === false
					)
						expect(result.output).not.toContain(box.root);
					if (result.output.startsWith("/"))
						expect(result.output.startsWith(`${box.root}`)).toBe(true);
				},
			),
			{ numRuns: 400 },
		);
		expect(snapshot(box.outside)).toEqual(before);
	});

	test("leaves no descriptor open, over 1,000 calls that succeed and fail", async () => {
		if (!HAS_DESCRIPTOR_PATHS) return;
		await using box = await openTrap(throughDescriptors);
		const calls: [string, Record<string, unknown>][] = [
			["file_read", { path: "notes/a.txt" }],
			["file_read", { path: "notes" }],
			["file_read", { path: "notes/none" }],
			["file_read", { path: "dirlink/canary.txt" }],
			["file_read", { path: "hardlink" }],
			["file_read", { path: "fifo" }],
			["file_write", { path: "deep/down/b.txt", content: "b" }],
			["file_write", { path: "deep/down/c.txt", content: "c", mode: "append" }],
			["file_write", { path: "hardlink", content: "x" }],
			["file_write", { path: "notes/a.txt/b", content: "x" }],
		];
		for (const [name, input] of calls) await box.run(name, input);
		const before = readdirSync("/proc/self/fd").length;
		for (let round = 0; round < 100; round++)
			for (const [name, input] of calls) await box.run(name, input);
		expect(readdirSync("/proc/self/fd").length).toBe(before);
	});
});

test("a missing workspace is made, for its owner alone", () => {
	using box = openSandbox();
	const root = join(box.root, "of", "one");
	expect(openWorkspace(root).root).toBe(root);
	expect(statSync(root).mode & 0o777).toBe(0o700);
});

test("a workspace named by a link is the folder that the link leads to", async () => {
	using box = openSandbox();
	const link = join(box.outside, "link");
	symlinkSync(box.root, link);
	const workspace = openWorkspace(link);
	expect(workspace.root).toBe(box.root);
	await workspace.write("a.txt", "x", "write");
	expect(readFileSync(join(box.root, "a.txt"), "utf8")).toBe("x");
});

test("a workspace that is gone is a sentence, not a crash", async () => {
	using box = openSandbox();
	const { root } = box;
	box[Symbol.dispose]();
	expect(existsSync(root)).toBe(false);
	expect(await box.run("file_read", { path: "a.txt" })).toEqual({
		success: false,
		output: "",
		error: '"a.txt" cannot be used: it is gone.',
	});
});

/** Every name below a folder with what it says. */
function snapshot(folder: string): Record<string, string> {
	return Object.fromEntries(
		readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => [
			name,
			readFileSync(join(folder, name), "utf8"),
		]),
	);
}

async function* pieces(
	count: number,
	breaks?: Error,
): AsyncGenerator<Uint8Array> {
	for (let n = 0; n < count; n++) yield Buffer.alloc(1_000, `${n % 10}`);
	if (breaks) throw breaks;
}

test("what comes piece by piece is written as it comes, and is there when all of it is", async () => {
	using box = openSandbox();
	const path = join(box.root, "in", "a.bin");
	expect(await box.workspace.write("in/a.bin", pieces(300), "write")).toBe(
		300_000,
	);
	const expected = Array.from({ length: 300 }, (_, n) =>
		`${n % 10}`.repeat(1e3),
	);
	expect(readFileSync(path, "latin1")).toBe(expected.join(""));
	expect(readdirSync(join(box.root, "in"))).toEqual(["a.bin"]);
	let seen = "";
	async function* watched() {
		yield Buffer.from("first, ");
		seen = readdirSync(join(box.root, "in")).sort().join();
		yield Buffer.from("last");
	}
	await box.workspace.write("in/b.txt", watched(), "write");
	expect(seen).toMatch(/^\.aeon-[\w-]+\.tmp,a\.bin$/);
	expect(readFileSync(join(box.root, "in", "b.txt"), "utf8")).toBe(
		"first, last",
	);
});

test("what breaks off leaves the old file and nothing else, and is thrown as it is", async () => {
	using box = openSandbox();
	await box.workspace.write("a.bin", "old", "write");
	const broken = Object.assign(new Error("reset"), { code: "ECONNRESET" });
	const work = box.workspace.write("a.bin", pieces(50, broken), "write");
	expect(work).rejects.toBe(broken);
	await work.catch(() => {});
	expect(readFileSync(join(box.root, "a.bin"), "utf8")).toBe("old");
	expect(readdirSync(box.root)).toEqual(["a.bin"]);
});

test("a refused path takes nothing from what comes", async () => {
	using box = openSandbox();
	let taken = 0;
	async function* watched() {
		taken++;
		yield Buffer.from("x");
	}
	symlinkSync(box.outside, join(box.root, "link"));
	for (const path of ["../a", "link/a", "/a"])
		expect(box.workspace.write(path, watched(), "write")).rejects.toThrow();
	expect(taken).toBe(0);
	expect(readdirSync(box.outside)).toEqual(["canary.txt"]);
});
