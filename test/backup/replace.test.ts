import { afterEach, beforeEach, expect, test } from "bun:test";
import {
	chmodSync,
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	rmSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import {
	checkReplacements,
	type Replacement,
	replaceAll,
} from "../../src/backup/replace.ts";
import { canMount, onSmallDisk } from "../storage/small_disk.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/home.ts";

/** What lies in a home before, by its paths. */
const OLD: Record<string, string> = {
	"state/sessions.db": "old sessions",
	"state/sessions.db-wal": "old log",
	"state/sessions.db-shm": "old memory of it",
	"state/facts/memory.db": "old facts",
	"state/token": "old token",
	"state/telegram.json": "old telegram",
	"elsewhere/folder/a.jsonl": "old a",
	"elsewhere/folder/b.jsonl": "old b",
};

const NEW: Record<string, string> = {
	"sessions.db": "new sessions",
	"state/token": "new token",
	"state/approvals.json": "new approvals",
	"sessions/a.jsonl": "new a",
	"sessions/c.jsonl": "new c",
	"aeon.json": "new config",
};

/** Names in a backup, and their places. */
const PLACES: Record<string, string> = {
	"sessions.db": "state/sessions.db",
	"memory.db": "state/facts/memory.db",
	sessions: "elsewhere/folder",
	"state/token": "state/token",
	"state/approvals.json": "state/approvals.json",
	"state/telegram.json": "state/telegram.json",
	"aeon.json": "new/folders/aeon.json",
};

/** What the places hold afterwards. */
const AFTER: Record<string, string> = {
	"state/sessions.db": "new sessions",
	"state/token": "new token",
	"state/approvals.json": "new approvals",
	"elsewhere/folder/a.jsonl": "new a",
	"elsewhere/folder/c.jsonl": "new c",
	"new/folders/aeon.json": "new config",
};

let folder: TemporaryFolder;
beforeEach(() => {
	folder = temporaryFolder();
	fill("", OLD);
});
afterEach(() => folder[Symbol.dispose]());

function fill(at: string, files: Record<string, string>) {
	for (const [name, text] of Object.entries(files)) {
		const path = join(folder.path, at, name);
		mkdirSync(dirname(path), { recursive: true });
		writeFileSync(path, text);
	}
}

/** What was unpacked, and where it belongs. */
function plan(root = folder.path): Replacement[] {
	rmSync(join(folder.path, "unpacked"), { recursive: true, force: true });
	fill("unpacked", NEW);
	return Object.entries(PLACES).map(([name, place]) => {
		const from = join(folder.path, "unpacked", name);
		const to = join(root, place);
		return { name, to, ...(existsSync(from) && { from }) };
	});
}

/** The texts of all files below a folder, by their paths. */
function contents(root: string): Record<string, string> {
	return Object.fromEntries(
		readdirSync(root, { recursive: true, withFileTypes: true })
			.filter((entry) => entry.isFile())
			.map(({ parentPath, name }) => join(parentPath, name))
			.map((path): [string, string] => [
				path.slice(root.length + 1),
				readFileSync(path, "utf8"),
			])
			.sort(([a], [b]) => (a < b ? -1 : 1)),
	);
}

/** Without what was unpacked, and without what was kept. */
function inPlace() {
	return Object.fromEntries(
		Object.entries(contents(folder.path)).filter(
			([path]) => !/^(unpacked|kept)/.test(path),
		),
	);
}

async function replace(aside = "kept", steps = Number.POSITIVE_INFINITY) {
	const done: string[] = [];
	const all = replaceAll(plan(), join(folder.path, aside));
	while (done.length < steps) {
		const { value, done: isOver } = await all.next();
		if (isOver) break;
		done.push(value.replace(`${folder.path}/`, ""));
	}
	return done;
}

test("everything takes its place, what has none in a backup goes, and all that was there is kept under the same names", async () => {
	expect(await replace()).toEqual([
		"state/sessions.db kept",
		"state/sessions.db-wal moved",
		"state/sessions.db-shm moved",
		"state/sessions.db placed",
		"state/facts/memory.db kept",
		"state/facts/memory.db removed",
		"elsewhere/folder moved",
		"elsewhere/folder placed",
		"state/token kept",
		"state/token placed",
		"state/approvals.json placed",
		"state/telegram.json kept",
		"state/telegram.json removed",
		"new/folders/aeon.json placed",
	]);
	expect(inPlace()).toEqual(AFTER);
	expect(contents(join(folder.path, "kept"))).toEqual({
		"memory.db": "old facts",
		"sessions.db": "old sessions",
		"sessions.db-shm": "old memory of it",
		"sessions.db-wal": "old log",
		"sessions/a.jsonl": "old a",
		"sessions/b.jsonl": "old b",
		"state/telegram.json": "old telegram",
		"state/token": "old token",
	});
	for (const made of ["kept", "kept/state", "new", "new/folders"])
		expect(statSync(join(folder.path, made)).mode & 0o777).toBe(0o700);
});

test("cut off after any step nothing is lost, no log lies beside another database, and doing it once more finishes it", async () => {
	const { length } = await replace();
	expect(length).toBe(14);
	for (let steps = 0; steps <= length; steps++) {
		rmSync(folder.path, { recursive: true });
		fill("", OLD);
		await replace("kept", steps);
		const now = contents(folder.path);
		const texts = Object.values(now);
		expect({ steps, lost: lost(texts) }).toEqual({ steps, lost: [] });
		if (now["state/sessions.db"] === "new sessions")
			expect(Object.keys(now)).not.toContain("state/sessions.db-wal");
		expect(Object.keys(now)).toContain("state/sessions.db");
		expect(Object.keys(now)).toContain("state/token");
		await replace("kept-2");
		expect({ steps, after: inPlace() }).toEqual({ steps, after: AFTER });
		expect(lost(Object.values(contents(folder.path)))).toEqual([]);
	}
});

function lost(texts: string[]): string[] {
	return Object.values(OLD).filter((text) => !texts.includes(text));
}

test("a link to nothing is kept as a link, and its place taken", async () => {
	rmSync(join(folder.path, "state", "token"));
	symlinkSync("/nowhere", join(folder.path, "state", "token"));
	await replace();
	expect(inPlace()).toEqual(AFTER);
	expect(readdirSync(join(folder.path, "kept", "state")).sort()).toEqual([
		"telegram.json",
		"token",
	]);
});

test("a place in another place is refused before anything is changed", () => {
	const at = (to: string): Replacement => ({
		name: to,
		to: join(folder.path, to),
	});
	const kept = join(folder.path, "state", "kept");
	for (const places of [
		["state/sessions", "state/sessions/memory.db"],
		["state/a.db", "state/a.db"],
		["state"],
	])
		expect(() => checkReplacements(places.map(at), kept)).toThrow(
			"so that they cannot both be replaced",
		);
	checkReplacements(["state/a", "state/ab", "elsewhere"].map(at), kept);
});

test.skipIf(process.getuid?.() === 0)(
	"a folder that may not be written is found out before anything is changed (root may write everywhere)",
	() => {
		chmodSync(join(folder.path, "elsewhere"), 0o500);
		expect(() => checkReplacements(plan(), join(folder.path, "kept"))).toThrow(
			"may not be written",
		);
		chmodSync(join(folder.path, "elsewhere"), 0o700);
	},
);

test.skipIf(!canMount)(
	"from disk to disk it is copied, and looked first whether there is room (needs the right to mount)",
	async () => {
		await onSmallDisk(async (disk) => {
			const aside = join(folder.path, "kept");
			mkdirSync(join(disk, "elsewhere", "folder"), { recursive: true });
			writeFileSync(join(disk, "elsewhere", "folder", "a.jsonl"), "old a");
			mkdirSync(join(disk, "state"));
			writeFileSync(join(disk, "state", "token"), "old token");
			const there = plan(disk);
			checkReplacements(there, aside);
			for await (const _ of replaceAll(there, aside));
			expect(contents(disk)).toEqual(AFTER);
			expect(contents(aside)).toEqual({
				"sessions/a.jsonl": "old a",
				"state/token": "old token",
			});
			const large = plan(disk);
			writeFileSync(
				join(folder.path, "unpacked", "sessions.db"),
				"x".repeat(2_000_000),
			);
			expect(() => checkReplacements(large, aside)).toThrow(
				`There is not enough room in ${join(disk, "state")}`,
			);
		});
	},
);
