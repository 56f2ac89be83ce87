import { afterEach, beforeEach, expect, test } from "bun:test";
import {
	chmodSync,
	copyFileSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	statSync,
	truncateSync,
	utimesSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDamage } from "../../src/storage/failure.ts";
import { sqlite } from "../../src/storage/sqlite.ts";
import { canMount, onSmallDisk } from "./small_disk.ts";
import { all, say } from "./store_contract.ts";

const KEY = "agent:main:cli:local";
const NOW = 1_760_000_000_000;

let folder: string;
let path: string;
let backups: string;

beforeEach(async () => {
	folder = mkdtempSync(join(tmpdir(), "aeon-recovery-"));
	path = join(folder, "sessions.db");
	backups = join(folder, "backups");
	await fill("one", "two");
});

afterEach(() => {
	rmSync(folder, { recursive: true });
});

for (const [state, damage] of [
	["has a page overwritten", () => overwrite(path)],
	["has lost its end", () => truncateSync(path, statSync(path).size - 9000)],
	["has half a page left", () => truncateSync(path, 700)],
	["has a few bytes left", () => truncateSync(path, 7)],
	["has another header", () => overwrite(path, 0, 100)],
	["is another kind of file", () => writeFileSync(path, "x".repeat(9000))],
] as const)
	test(`a database that ${state} is refused as damaged, set aside and begun anew`, async () => {
		damage();
		const bytes = readFileSync(path);
		expect(isDamage(await open().catch((error) => error))).toBe(true);
		expect(readFileSync(path)).toEqual(bytes);
		expect(await recover()).toBe(
			`The conversations in ${path} could not be read, so the file was set aside as ${path}.damaged-${NOW}; there was no backup, so they begin anew.`,
		);
		expect(readFileSync(`${path}.damaged-${NOW}`)).toEqual(bytes);
		expect(await texts()).toEqual([]);
	});

test("an empty file and an empty log are a new database", async () => {
	for (const end of ["", "-wal"]) writeFileSync(path + end, "");
	expect(await texts()).toEqual([]);
});

test("a whole database with an empty log is whole", async () => {
	writeFileSync(`${path}-wal`, "");
	expect(await texts()).toEqual(["one", "two"]);
});

test("a large database is not read whole when it is opened", async () => {
	await fill("x".repeat(17 * 1024 * 1024));
	overwrite(path, 10 * 1024 * 1024);
	const store = await open();
	await store.close();
});

test("the newest whole backup takes the place of a damaged database", async () => {
	await fill("three");
	backUp("older.db", "2026-11-21T04:00:00");
	await fill("four");
	backUp("newer.db", "2026-11-23T04:00:00");
	await fill("lost");
	for (const [name, time] of [
		["overwritten.db", "2026-11-24T00:00:00"],
		["garbage.db", "2026-11-25T00:00:00"],
		["empty.db", "2026-11-26T00:00:00"],
		["later.db.part", "2026-11-27T00:00:00"],
	] as const)
		backUp(name, time);
	overwrite(join(backups, "overwritten.db"));
	writeFileSync(join(backups, "garbage.db"), "no database at all");
	writeFileSync(join(backups, "empty.db"), "");
	for (const name of ["overwritten", "garbage", "empty"])
		touch(`${name}.db`, "2026-11-28T00:00:00");
	mkdirSync(join(backups, "folder.db"));
	const before = snapshot(backups);
	overwrite(path);
	expect(await recover()).toEndWith(
		`set aside as ${path}.damaged-${NOW}; they go on from the backup of 2026-11-23 04:00.`,
	);
	expect(snapshot(backups)).toEqual(before);
	expect(statSync(path).mode & 0o777).toBe(0o600);
	expect(await texts()).toEqual(["one", "two", "three", "four"]);
	expect(readdirSync(folder).sort()).toEqual([
		"backups",
		"sessions.db",
		`sessions.db.damaged-${NOW}`,
	]);
});

test("what lies beside a damaged database goes with it", async () => {
	for (const end of ["-wal", "-shm"]) writeFileSync(path + end, end);
	await recover();
	for (const end of ["-wal", "-shm"])
		expect(readFileSync(`${path}.damaged-${NOW}${end}`, "utf8")).toBe(end);
	expect(await texts()).toEqual([]);
});

test("a second recovery in the same millisecond overwrites nothing", async () => {
	await recover();
	await fill("new");
	expect(await recover()).toContain(`${path}.damaged-${NOW + 1};`);
	expect(existsSync(`${path}.damaged-${NOW}`)).toBe(true);
});

test("what a recovery that was killed has left does not hinder the next one", async () => {
	backUp("one.db", "2026-11-21T04:00:00");
	for (const end of ["", "-wal", "-shm"])
		writeFileSync(`${path}.restoring${end}`, "torn");
	await recover();
	expect(await texts()).toEqual(["one", "two"]);
	expect(existsSync(`${path}.restoring`)).toBe(false);
});

test.skipIf(!canMount)(
	"where a backup finds no room, everything stays as it is (needs the right to mount)",
	async () => {
		await onSmallDisk(async (disk) => {
			const path = join(disk, "sessions.db");
			const store = await sqlite.open({ sessions_db: path });
			await say(store, KEY, "x".repeat(300_000));
			await store.close();
			mkdirSync(join(disk, "backups"));
			copyFileSync(path, join(disk, "backups", "one.db"));
			writeFileSync(join(disk, "ballast"), "x".repeat(200_000));
			const before = snapshot(disk);
			await expect(
				sqlite.recover({ sessions_db: path }, NOW),
			).rejects.toMatchObject({
				message: `The store ${path} failed: the disk is full`,
			});
			expect(snapshot(disk)).toEqual(before);
		});
	},
);

function open() {
	return sqlite.open({ sessions_db: path });
}

function recover() {
	return sqlite.recover({ sessions_db: path }, NOW);
}

async function fill(...said: string[]) {
	const store = await open();
	await say(store, KEY, ...said);
	await store.close();
}

async function texts() {
	const store = await open();
	const said = (await all(store, KEY)).map(({ content }) => content);
	await store.close();
	return said;
}

function backUp(name: string, time: string) {
	mkdirSync(backups, { recursive: true });
	copyFileSync(path, join(backups, name));
	chmodSync(join(backups, name), 0o644);
	touch(name, time);
}

function touch(name: string, time: string) {
	utimesSync(join(backups, name), new Date(time), new Date(time));
}

function overwrite(file: string, from = 4096, length = 4096 * 3) {
	const bytes = readFileSync(file);
	writeFileSync(file, bytes.fill(0x7f, from, from + length));
}

/** The names and bytes of the files in a folder. */
function snapshot(of: string) {
	return Object.fromEntries(
		readdirSync(of, { recursive: true, withFileTypes: true })
			.filter((entry) => entry.isFile())
			.map(({ parentPath, name }) => [
				name,
				readFileSync(join(parentPath, name)).toString("base64"),
			]),
	);
}
