import { afterEach, beforeEach, expect, test } from "bun:test";
import {
	chmodSync,
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { readArchive } from "../../src/backup/archive.ts";
import {
	type BackupItem,
	type BackupRequest,
	makeBackup,
} from "../../src/backup/backup.ts";
import { canMount, onSmallDisk, remount } from "../storage/small_disk.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/home.ts";

let folder: TemporaryFolder;
let target: string;
let items: BackupItem[];
beforeEach(() => {
	folder = temporaryFolder();
	mkdirSync(join(folder.path, "out"));
	target = join(folder.path, "out", "a.tar.gz");
	const file = (name: string, text: string) => {
		const path = join(folder.path, name);
		writeFileSync(path, text, { mode: 0o644 });
		return path;
	};
	items = [
		{ kind: "config", name: "aeon.json", path: file("aeon.json", "{}") },
		{ kind: "state", name: "state/token", path: file("token", "secret") },
		{
			kind: "memory",
			name: "memory.db",
			path: file("memory.db", "written to meanwhile"),
			copy: async (copy) => writeFileSync(copy, "as it was"),
		},
	];
});
afterEach(() => folder[Symbol.dispose]());

function make(request: Partial<BackupRequest> = {}) {
	return makeBackup(target, {
		items,
		version: "0.1.0",
		driver: "sqlite",
		madeAt: 1_790_000_000_000,
		signal: new AbortController().signal,
		...request,
	});
}

const made = () => readdirSync(join(folder.path, "out"));

test("a backup holds copies, byte for byte or as their owners make them", async () => {
	let seen = "";
	const { manifest, size } = await make({
		inspect: async (copies) => {
			expect(existsSync(target)).toBe(true);
			seen = readFileSync(join(copies, "memory.db"), "utf8");
		},
	});
	expect(seen).toBe("as it was");
	expect(statSync(target)).toMatchObject({ size });
	expect(statSync(target).mode & 0o777).toBe(0o600);
	expect(made()).toEqual(["a.tar.gz"]);
	expect(await readArchive(target, { version: "0.1.0" })).toEqual(manifest);
	expect(manifest).toMatchObject({
		format: 1,
		aeon: "0.1.0",
		made_at: new Date(1_790_000_000_000).toISOString(),
		driver: "sqlite",
		files: [
			{ name: "aeon.json", kind: "config", size: 2 },
			{ name: "state/token", kind: "state", size: 6 },
			{ name: "memory.db", kind: "memory", size: 9 },
		],
	});
});

test("what grows is nobody else's to look at", async () => {
	let mode = 0;
	items.push({
		...(items[2] as BackupItem),
		name: "sessions.db",
		kind: "sessions",
		copy: async (copy) => {
			const growing = made().find((name) => name.endsWith(".tmp")) ?? "";
			mode = statSync(join(folder.path, "out", growing)).mode & 0o777;
			writeFileSync(copy, "");
		},
	});
	await make();
	expect(mode).toBe(0o700);
});

test("a folder is backed up with all that its copy has in it", async () => {
	const sessions = join(folder.path, "sessions");
	mkdirSync(sessions);
	items.push({
		kind: "sessions",
		name: "sessions",
		path: sessions,
		copy: async (copy) => {
			mkdirSync(join(copy, "below"), { recursive: true });
			writeFileSync(join(copy, "b.jsonl"), "b");
			writeFileSync(join(copy, "below", "a.jsonl"), "a");
		},
	});
	const { manifest } = await make();
	expect(manifest.files.slice(3).map(({ name }) => name)).toEqual([
		"sessions/b.jsonl",
		"sessions/below/a.jsonl",
	]);
});

test("what is not there is left out, and of nothing no backup is made", async () => {
	for (const item of items) item.path = join(folder.path, "none");
	await expect(make()).rejects.toMatchObject({
		code: "not_found",
		message: "there is nothing yet to back up",
	});
	expect(made()).toEqual([]);
});

test("a file that is there is replaced only by force, and only by a whole backup", async () => {
	writeFileSync(target, "precious");
	await expect(make()).rejects.toMatchObject({
		code: "conflict",
		message: `${target} is there already`,
	});
	const failing = async () => {
		throw new Error("the database is damaged");
	};
	const [, , memory] = items;
	await expect(
		make({
			isForced: true,
			items: [...items, { ...(memory as BackupItem), copy: failing }],
		}),
	).rejects.toMatchObject({
		code: "storage_failed",
		message: `${target} cannot be made: the database is damaged`,
	});
	expect(readFileSync(target, "utf8")).toBe("precious");
	expect(made()).toEqual(["a.tar.gz"]);
	await make({ isForced: true });
	await readArchive(target, { version: "0.1.0" });
});

test("a folder, a device and a folder that is not there are no place for a backup", async () => {
	const place = target;
	for (const [path, message] of [
		[
			join(folder.path, "out"),
			`${join(folder.path, "out")} is a folder: name a file in it, such as ${place.replace("a.tar", "aeon.tar")}`,
		],
		["/dev/null", "/dev/null is no plain file"],
		["/nowhere/a.tar.gz", "/nowhere/a.tar.gz: there is no folder /nowhere"],
		[
			join(folder.path, "token", "a.tar.gz"),
			`${join(folder.path, "token", "a.tar.gz")}: there is no folder ${join(folder.path, "token")}`,
		],
	] as const) {
		target = path;
		await expect(make({ isForced: true })).rejects.toMatchObject({
			code: "usage",
			message,
		});
	}
});

test("a backup never takes the place of what it is made of, by whatever name", async () => {
	const link = join(folder.path, "link");
	symlinkSync(folder.path, link);
	for (const path of [
		join(folder.path, "memory.db"),
		join(link, "memory.db"),
		`${folder.path}/out/../memory.db`,
	]) {
		target = path;
		await expect(make({ isForced: true })).rejects.toMatchObject({
			code: "conflict",
			message: `${path} is to be backed up itself`,
		});
	}
	expect(readFileSync(join(folder.path, "memory.db"), "utf8")).toBe(
		"written to meanwhile",
	);
});

test("what is aborted leaves nothing behind", async () => {
	const stopping = new AbortController();
	items.push({
		...(items[2] as BackupItem),
		copy: async (copy) => {
			writeFileSync(copy, "x");
			stopping.abort(new Error("stop"));
		},
	});
	await expect(make({ signal: stopping.signal })).rejects.toThrow("stop");
	expect(made()).toEqual([]);
});

test("what a killed backup has left is removed by the next one to the same file, and nothing else", async () => {
	const id = crypto.randomUUID();
	const others = ["b.tar.gz.tmp", `b.tar.gz.${id}.tmp`, "a.tar.gz.tmp"];
	for (const name of [`a.tar.gz.${id}.tmp`, ...others]) {
		mkdirSync(join(folder.path, "out", name));
		writeFileSync(join(folder.path, "out", name, "copy"), "x");
	}
	await make();
	expect(made().sort()).toEqual(["a.tar.gz", ...others].sort());
});

test("two backups to one file at once leave each other alone, and both are whole", async () => {
	const { promise: mayGoOn, resolve: goOn } = Promise.withResolvers<void>();
	const { promise: hasBegun, resolve: begun } = Promise.withResolvers<void>();
	const slow: BackupItem = {
		...(items[2] as BackupItem),
		copy: async (copy) => {
			writeFileSync(copy, "slow");
			begun();
			await mayGoOn;
		},
	};
	const first = make({ isForced: true, items: [slow] });
	await hasBegun;
	const { manifest } = await make();
	expect(await readArchive(target, { version: "0.1.0" })).toEqual(manifest);
	goOn();
	const other = await first;
	expect(await readArchive(target, { version: "0.1.0" })).toEqual(
		other.manifest,
	);
	expect(other.manifest).not.toEqual(manifest);
	expect(made()).toEqual(["a.tar.gz"]);
});

test("a copy that became another one on its way to the disk is no backup", async () => {
	// A file that changes after it was hashed stands for one that the disk gives back otherwise.
	const path = join(folder.path, "aeon.json");
	const copy = async (made: string) => {
		symlinkSync(path, made);
	};
	const last: BackupItem = {
		...(items[2] as BackupItem),
		name: "state/last",
		kind: "state",
		copy: async (made) => {
			writeFileSync(path, "[]");
			writeFileSync(made, "");
		},
	};
	await expect(
		make({
			items: [{ kind: "config", name: "aeon.json", path, copy }, last],
		}),
	).rejects.toMatchObject({
		code: "storage_failed",
		message: expect.stringContaining("aeon.json in it is damaged"),
	});
	expect(made()).toEqual([]);
});

test.skipIf(!canMount)(
	"where there is no room it is said, and nothing is left behind (needs the right to mount)",
	async () => {
		await onSmallDisk(async (disk) => {
			target = join(disk, "a.tar.gz");
			// As random as can be, so that packing gains nothing.
			const bytes = crypto.getRandomValues(new Uint8Array(65_536));
			const large = Buffer.concat(Array.from({ length: 9 }, () => bytes));
			writeFileSync(join(folder.path, "memory.db"), large);
			await expect(make()).rejects.toMatchObject({
				code: "storage_failed",
				message: `There is not enough room in ${disk}: 1.2 MB are needed, and 1.0 MB are left`,
			});
			expect(readdirSync(disk)).toEqual([]);
			// What turns out only on the way.
			const copy = async (path: string) =>
				writeFileSync(path, Buffer.concat([large, large]));
			writeFileSync(join(folder.path, "memory.db"), "");
			items = [{ ...(items[2] as BackupItem), copy }];
			const error = await make().catch((thrown) => thrown);
			expect(error).toMatchObject({ code: "storage_failed" });
			expect(error.message).toContain("ENOSPC");
			expect(readdirSync(disk)).toEqual([]);
		});
	},
);

test.skipIf(!canMount)(
	"a disk that is mounted read-only is said to be that (needs the right to mount)",
	async () => {
		await onSmallDisk(async (disk) => {
			remount(disk, "ro");
			target = join(disk, "a.tar.gz");
			await expect(make()).rejects.toMatchObject({
				code: "storage_failed",
				message: `${target} cannot be made: ${disk} may not be written: its disk is mounted read-only`,
			});
		});
	},
);

test.skipIf(process.getuid?.() === 0)(
	"a folder that may not be written is said to be that (root may write everywhere)",
	async () => {
		const out = join(folder.path, "out");
		chmodSync(out, 0o500);
		await expect(make()).rejects.toMatchObject({
			code: "storage_failed",
			message: `${target} cannot be made: ${out} may not be written`,
			hint: "Check who owns it, or name another folder.",
		});
	},
);
