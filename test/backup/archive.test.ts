import { afterEach, beforeEach, expect, test } from "bun:test";
import {
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import {
	hashFile,
	readArchive,
	writeArchive,
} from "../../src/backup/archive.ts";
import { describeFiles } from "../../src/backup/manifest.ts";
import { unpackBackup } from "../../src/backup/restore.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/home.ts";
import { listed, manifestOf, type Packed, pack } from "./tarball.ts";

const VERSION = "0.1.0";

/** A name that fits no field of a plain tar header. */
const LONG = `sessions/${"s".repeat(180)}-ünï.jsonl`;

const CONTENTS: Record<string, string> = {
	"aeon.json": '{"agents":{}}\n',
	"state/token": "t".repeat(43),
	[LONG]: "{}\n".repeat(100_000),
	"memory.db": "",
};

let folder: TemporaryFolder;
let path: string;
beforeEach(() => {
	folder = temporaryFolder();
	path = join(folder.path, "a.tar.gz");
});
afterEach(() => folder[Symbol.dispose]());

const unpacked = () => join(folder.path, "unpacked");

/** Writes an archive of the contents above. */
async function write(signal = new AbortController().signal) {
	const files = [];
	const source = join(folder.path, "source");
	for (const [name, text] of Object.entries(CONTENTS)) {
		const kind = {
			a: "config",
			s: name.startsWith("state") ? "state" : "sessions",
			m: "memory",
		}[name[0] ?? ""] as "config";
		mkdirSync(join(source, name, ".."), { recursive: true });
		writeFileSync(join(source, name), text);
		files.push({ name, kind, ...(await hashFile(join(source, name))) });
	}
	const made = { version: VERSION, madeAt: 1_790_000_000_000, driver: "file" };
	const manifest = describeFiles(made, files);
	await writeArchive(
		path,
		{ manifest, locate: ({ name }) => join(source, name) },
		signal,
	);
	return manifest;
}

/** What refuses an archive, and that nothing of it is left outside of its folder. */
async function refusal(files: Packed[]): Promise<{
	code: string;
	message: string;
}> {
	await pack(path, files);
	const error = await unpackBackup(path, unpacked(), VERSION).then(
		() => undefined,
		(thrown) => thrown,
	);
	expect(readdirSync(folder.path).sort()).toEqual(["a.tar.gz", "unpacked"]);
	if (!error) throw new Error("it was taken");
	return { code: error.code, message: error.message.replace(path, "FILE") };
}

test("what was packed comes out again to the byte, its owner's alone", async () => {
	const manifest = await write();
	expect(statSync(path).mode & 0o777).toBe(0o600);
	expect(await unpackBackup(path, unpacked(), VERSION)).toEqual(manifest);
	for (const [name, text] of Object.entries(CONTENTS)) {
		expect(readFileSync(join(unpacked(), name), "utf8")).toBe(text);
		expect(statSync(join(unpacked(), name)).mode & 0o777).toBe(0o600);
	}
	for (const name of ["", "state", "sessions"])
		expect(statSync(join(unpacked(), name)).mode & 0o777).toBe(0o700);
});

test("tar shows what is in it, the manifest first", async () => {
	await write();
	const { stdout, exitCode } = Bun.spawnSync(["tar", "tzf", path], {
		env: { PATH: process.env.PATH ?? "", LC_ALL: "C.UTF-8" },
	});
	const shown = stdout.toString().replaceAll("\\303\\274", "ü");
	expect({ exitCode, names: shown.trim().split("\n").length }).toEqual({
		exitCode: 0,
		names: 5,
	});
	expect(shown).toStartWith("manifest.json\naeon.json\nstate/token\nsessions/");
});

test("an archive that is cut anywhere is refused", async () => {
	await write();
	const whole = readFileSync(path);
	for (let end = 0; end < whole.length; end += end < 40 ? 1 : 37) {
		writeFileSync(path, whole.subarray(0, end));
		await expect(readArchive(path, { version: VERSION })).rejects.toMatchObject(
			{ code: "storage_failed" },
		);
	}
});

test("of an archive with a bit that is turned round nothing else comes out than was packed", async () => {
	await write();
	const whole = readFileSync(path);
	let refused = 0;
	for (let at = 0; at < whole.length; at += 11) {
		const bytes = Buffer.from(whole);
		bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
		writeFileSync(path, bytes);
		try {
			await unpackBackup(path, unpacked(), VERSION);
		} catch {
			refused++;
			continue;
		}
		for (const [name, text] of Object.entries(CONTENTS))
			expect(readFileSync(join(unpacked(), name), "utf8")).toBe(text);
	}
	expect(refused).toBeGreaterThan(whole.length / 11 / 2);
});

test("a tar whose end is missing, or whose headers are wrong, is refused", async () => {
	await write();
	const tar = Buffer.from(Bun.gunzipSync(readFileSync(path)));
	const other = Buffer.from(tar);
	other.write("7", 512 * 2 + 100 + 6);
	for (const bytes of [tar.subarray(0, -1024), tar.subarray(0, -512), other]) {
		writeFileSync(path, Bun.gzipSync(bytes));
		await expect(readArchive(path, { version: VERSION })).rejects.toMatchObject(
			{ code: "storage_failed" },
		);
	}
});

test("what stands behind the end of an archive is refused", async () => {
	await write();
	writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.from("more")]));
	await expect(readArchive(path, { version: VERSION })).rejects.toMatchObject({
		code: "storage_failed",
	});
});

test("a file with another content than the manifest says is refused", async () => {
	const right = listed("aeon.json", "{}", "config");
	const manifest = manifestOf([right]);
	expect(await refusal([manifest, { name: "aeon.json", text: "[]" }])).toEqual({
		code: "storage_failed",
		message: "FILE is not a whole backup: aeon.json in it is damaged",
	});
	expect(
		await refusal([manifest, { name: "aeon.json", text: "{ }" }]),
	).toMatchObject({
		message:
			"FILE is not a whole backup: aeon.json in it is not as its manifest says",
	});
	expect(await refusal([manifest])).toMatchObject({
		message: "FILE is not a whole backup: aeon.json is missing in it",
	});
});

test("a file that the manifest does not name, or that comes twice, is refused", async () => {
	const text = "{}";
	const file = { name: "aeon.json", text };
	const manifest = manifestOf([listed("aeon.json", text, "config")]);
	for (const files of [
		[manifest, file, { name: "state/token", text: "x" }],
		[manifest, file, file],
		[manifest, manifest, file],
		[{ ...manifest, name: "other.json" }, file],
		[file, manifest],
		[file],
		[],
	])
		expect(await refusal(files)).toMatchObject({ code: "storage_failed" });
});

test("names that lead out of the folder are refused, whatever the manifest says of them", async () => {
	for (const [name, kind] of [
		["../evil", "state"],
		["state/../../evil", "state"],
		["sessions/../../evil", "sessions"],
		["/tmp/evil", "sessions"],
		["sessions//evil", "sessions"],
		["sessions/./evil", "sessions"],
		["sessions/a\0b", "sessions"],
		["sessions/a\\..\\b", "sessions"],
		["state/a/b", "state"],
		["elsewhere", "state"],
		["memory.db", "state"],
		["sessions", "sessions"],
		["", "config"],
	] as const) {
		const files = [
			manifestOf([listed(name, "x", kind)]),
			{ name: name || "aeon.json", text: "x" },
		];
		expect(await refusal(files)).toMatchObject({
			code: "storage_failed",
			message: expect.stringContaining("FILE is not a whole backup:"),
		});
	}
	expect(existsSync("/tmp/evil")).toBe(false);
});

test("links, folders and devices are refused", async () => {
	const token = listed("state/token", "", "state");
	for (const header of [
		{ type: "symlink", linkname: "/etc/passwd" },
		{ type: "link", linkname: "/etc/passwd" },
		{ type: "directory" },
		{ type: "character-device" },
		{ type: "fifo" },
	] as const)
		expect(
			await refusal([manifestOf([token]), { name: "state/token", header }]),
		).toEqual({
			code: "storage_failed",
			message: "FILE is not a whole backup: state/token in it is no plain file",
		});
});

test("a manifest that makes no sense is refused", async () => {
	const file = listed("aeon.json", "{}", "config");
	for (const manifest of [
		{ name: "manifest.json", text: "no JSON" },
		{ name: "manifest.json", text: "[]" },
		manifestOf([], { format: "one" }),
		manifestOf([], { made_at: "yesterday" }),
		manifestOf([], { driver: 7 }),
		manifestOf([], { files: {} }),
		manifestOf([{ ...file, size: -1 }]),
		manifestOf([{ ...file, size: 1e300 }]),
		manifestOf([{ ...file, sha256: "short" }]),
		manifestOf([{ ...file, kind: "other" }]),
		manifestOf([file, file]),
	])
		expect(
			await refusal([manifest, { name: "aeon.json", text: "{}" }]),
		).toMatchObject({ code: "storage_failed" });
});

test("a backup of a newer Aeon is refused by name, whatever else is in it", async () => {
	for (const change of [
		{ format: 2, files: "laid out otherwise" },
		{ aeon: "0.1.1" },
		{ aeon: "0.10.0" },
		{ aeon: "1.0.0 (abcdef)" },
	])
		expect(await refusal([manifestOf([], change)])).toEqual({
			code: "conflict",
			message: `the backup was made by a newer Aeon, ${change.aeon ?? "0.1.0"}, and this one is 0.1.0`,
		});
	for (const aeon of ["0.1.0 (abcdef)", "0.0.9", "0.1"]) {
		await pack(path, [manifestOf([], { aeon })]);
		await unpackBackup(path, unpacked(), VERSION);
	}
});

test("a few bytes that would become a disk full of zeros are refused before they do", async () => {
	const size = 40_000_000_000_000;
	const bomb = { ...listed("memory.db", "", "memory"), size };
	expect(
		await refusal([manifestOf([bomb]), { name: "memory.db" }]),
	).toMatchObject({
		code: "storage_failed",
		message: expect.stringContaining("There is not enough room in "),
	});
});

test("what is aborted ends with the reason of that", async () => {
	const stopping = new AbortController();
	stopping.abort(new Error("enough"));
	await expect(write(stopping.signal)).rejects.toThrow("enough");
});

test("a file that is not there, or no file, is said to be that", async () => {
	await expect(unpackBackup(path, unpacked(), VERSION)).rejects.toMatchObject({
		code: "not_found",
		message: `${path}: there is no such file`,
	});
	await expect(
		unpackBackup(folder.path, unpacked(), VERSION),
	).rejects.toMatchObject({ code: "usage" });
});
