import { afterEach, beforeEach, expect, test } from "bun:test";
import {
	copyFileSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	statSync,
	truncateSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { backUpToday, storeBackups } from "../../src/app_backup.ts";
import { isDamage } from "../../src/database/failure.ts";
import { readSettings } from "../../src/settings/settings.ts";
import { sqlite } from "../../src/storage/sqlite.ts";
import type { StoreBackup } from "../../src/storage/store.ts";
import { canMount, onSmallDisk } from "./small_disk.ts";
import { all, say } from "./store_contract.ts";

const KEY = "agent:main:cli:local";
const NOW = 1_760_000_000_000;

let folder: string;
let path: string;
let backups: StoreBackup[];

beforeEach(async () => {
	folder = mkdtempSync(join(tmpdir(), "aeon-recovery-"));
	path = join(folder, "sessions.db");
	backups = [];
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
	await backUp("2026-11-21T04:00:00");
	await fill("four");
	await backUp("2026-11-23T04:00:00");
	await fill("lost");
	for (const [time, damage] of [
		["2026-11-24T00:00:00", overwrite],
		["2026-11-25T00:00:00", (copy: string) => writeFileSync(copy, "no")],
		["2026-11-26T00:00:00", (copy: string) => writeFileSync(copy, "")],
		["2026-11-27T00:00:00", () => Promise.reject(new Error("it is cut"))],
	] as const)
		await backUp(time, damage);
	overwrite(path);
	expect(await recover()).toEndWith(
		`set aside as ${path}.damaged-${NOW}; they go on from the backup of 2026-11-23 04:00.`,
	);
	expect(statSync(path).mode & 0o777).toBe(0o600);
	expect(await texts()).toEqual(["one", "two", "three", "four"]);
	expect(readdirSync(folder).sort()).toEqual([
		"sessions.db",
		`sessions.db.damaged-${NOW}`,
	]);
});

test("the backups that are made each day are what a damaged database goes on from, and are left as they are", async () => {
	const directory = join(folder, "daily");
	const reading = await readSettings({
		env: {},
		cwd: "/",
		home: folder,
		needs: "storage",
	});
	const settings = {
		...reading.settings,
		storage: { driver: "sqlite", sessions_db: path },
		backups: { directory, keep: 7 },
	};
	const make = (time: string) =>
		backUpToday({
			reading: { ...reading, settings },
			state: folder,
			now: new Date(time).getTime(),
			signal: new AbortController().signal,
		});
	await make("2026-11-21T04:00:00");
	await fill("three");
	await make("2026-11-22T04:00:00");
	await fill("four");
	await make("2026-11-23T04:00:00");
	const newest = join(directory, "aeon-2026-11-23-0400.tar.gz");
	truncateSync(newest, statSync(newest).size - 20);
	const before = snapshot(directory);
	overwrite(path);
	backups = storeBackups(settings);
	expect(await recover()).toEndWith(
		"they go on from the backup of 2026-11-22 04:00.",
	);
	expect(await texts()).toEqual(["one", "two", "three"]);
	expect(snapshot(directory)).toEqual(before);
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
	await backUp("2026-11-21T04:00:00");
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
			const copy = join(folder, "one.db");
			copyFileSync(path, copy);
			const backup = {
				madeAt: NOW,
				extract: async (target: string) => copyFileSync(copy, target),
			};
			writeFileSync(join(disk, "ballast"), "x".repeat(500_000));
			const before = snapshot(disk);
			await expect(
				sqlite.recover({ sessions_db: path }, NOW, [backup]),
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
	return sqlite.recover({ sessions_db: path }, NOW, backups);
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

/** A newer backup of the database as it is, to which something has happened. */
async function backUp(
	time: string,
	damage: (copy: string) => unknown = () => {},
) {
	const copy = join(folder, "copies", `${time}.db`);
	mkdirSync(join(folder, "copies"), { recursive: true });
	await sqlite.copy({ sessions_db: path }, copy);
	const bytes = readFileSync(copy);
	rmSync(join(folder, "copies"), { recursive: true });
	backups.unshift({
		madeAt: new Date(time).getTime(),
		async extract(target) {
			writeFileSync(target, bytes, { mode: 0o644, flag: "wx" });
			await damage(target);
		},
	});
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
