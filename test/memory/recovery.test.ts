// Damaged facts: what a server makes of them, and what a command does that has no server.

import { expect, test } from "bun:test";
import {
	copyFileSync,
	existsSync,
	readdirSync,
	readFileSync,
	statfsSync,
	statSync,
	truncateSync,
	writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { backUpToday } from "../../src/app_backup.ts";
import {
	type DatabaseBackup,
	recoverDatabase,
} from "../../src/database/recovery.ts";
import { openMemory } from "../../src/memory/open.ts";
import { MEMORY } from "../../src/memory/schema.ts";
import { readSettings } from "../../src/settings/settings.ts";
import { snapshot } from "../backup/full_home.ts";
import { canMount, onSmallDisk } from "../storage/small_disk.ts";
import { run } from "../support/command.ts";
import { memoryFile, rememberFacts } from "../support/facts.ts";
import { startFakeEmbeddings } from "../support/fake_embeddings.ts";
import { type TemporaryFolder, temporaryHome } from "../support/home.ts";
import { startServe } from "../support/serve.ts";
import { config, spawnServer } from "../support/server.ts";
import { ANNA, endpoint, openRig, type Rig, settled } from "./rig.ts";

const NOW = 1_700_000_000_000;
const MADE = new Date("2026-11-21T04:00:00").getTime();

/** Puts nonsense in the place of a database behind its first page. */
function damage(path: string): void {
	writeFileSync(path, readFileSync(path).fill(0x7f, 4096));
}

/** A backup of the facts as they are, to which something has happened. */
async function backUp(
	rig: Rig,
	happens: (copy: string) => unknown = () => {},
): Promise<DatabaseBackup> {
	await rig.memory.close();
	const bytes = readFileSync(rig.path);
	await rig.reopen();
	return {
		madeAt: MADE,
		async extract(target) {
			writeFileSync(target, bytes);
			await happens(target);
		},
	};
}

const names = (of: string) => readdirSync(of).sort();

test("damaged facts go on from the newest backup that is whole, and whoever asked is answered from it", async () => {
	let backups: DatabaseBackup[] = [];
	await using rig = openRig({ now: () => NOW, backups: async () => backups });
	const { path } = rig;
	await rig.know(["Anna likes tea.", "Anna lives in Graz."]);
	backups = [
		await backUp(rig, damage),
		await backUp(rig, () => Promise.reject(new Error("it is cut"))),
		await backUp(rig),
		await backUp(rig, () => Promise.reject(new Error("nobody asks for it"))),
	];
	await rig.know(["Anna likes cake."]);
	await rig.memory.close();
	damage(path);
	const bytes = readFileSync(path);
	await rig.reopen();
	const [found, { isNew }, list] = await Promise.all([
		rig.find("tea"),
		rig.memory.of(ANNA).save("Anna likes jam."),
		rig.memory.list({ user: ANNA.user }),
	]);
	expect(found).toEqual(["Anna likes tea."]);
	expect(isNew).toBe(true);
	expect(list.map(({ text }) => text)).toContain("Anna lives in Graz.");
	expect(await rig.find("cake")).toEqual([]);
	const aside = `${path}.damaged-${NOW}`;
	const problem = `The facts in ${path} could not be read, so the file was set aside as ${aside}; they go on from the backup of 2026-11-21 04:00.`;
	expect(await rig.memory.state()).toEqual({ facts: 3, waiting: 0, problem });
	expect(rig.log).toEqual([
		["memory.damaged", { problem, error: expect.anything() }],
	]);
	expect(readFileSync(aside)).toEqual(bytes);
	expect(statSync(path).mode & 0o777).toBe(0o600);
	await rig.memory.close();
	expect(names(dirname(path))).toEqual([
		"memory.db",
		`memory.db.damaged-${NOW}`,
	]);
});

test("damaged facts begin anew where no backup is whole, which is said", async () => {
	let backups: DatabaseBackup[] = [];
	await using rig = openRig({ now: () => NOW, backups: async () => backups });
	await rig.know(["Anna likes tea."]);
	backups = [await backUp(rig, damage), await backUp(rig, damage)];
	await rig.memory.close();
	damage(rig.path);
	await rig.reopen();
	expect(await rig.find("tea")).toEqual([]);
	expect((await rig.memory.state()).problem).toEndWith(
		"there was no whole backup, so they begin anew.",
	);
	expect(existsSync(`${rig.path}.damaged-${NOW}`)).toBe(true);
});

test("what the backup of damaged facts has that no model has seen is found by its meaning soon", async () => {
	await using far = await startFakeEmbeddings();
	let backups: DatabaseBackup[] = [];
	await using rig = openRig({ backups: async () => backups });
	await rig.know(["Anna likes tea."]);
	backups = [await backUp(rig)];
	rig.memory.use(endpoint(far.url));
	await rig.know(["Anna likes cake."]);
	await settled(rig.memory);
	await rig.memory.close();
	expect(far.embedded.splice(0)).toHaveLength(2);
	damage(rig.path);
	// It begins without a file, so that nothing but the repair can have it look.
	const bytes = readFileSync(rig.path);
	const away = `${rig.path}.away`;
	copyFileSync(rig.path, away);
	await Bun.file(rig.path).delete();
	await rig.reopen();
	rig.memory.use(endpoint(far.url));
	writeFileSync(rig.path, bytes);
	expect(await rig.memory.list({})).toHaveLength(1);
	await settled(rig.memory);
	expect(far.embedded).toEqual(["Anna likes tea."]);
});

test("while the backups of damaged facts cannot be listed nothing is touched, and they are looked for again", async () => {
	let isThere = false;
	let backups: DatabaseBackup[] = [];
	await using rig = openRig({
		backups: async () => {
			if (!isThere) throw new Error("the stick is not there");
			return backups;
		},
	});
	await rig.know(["Anna likes tea."]);
	backups = [await backUp(rig)];
	await rig.memory.close();
	damage(rig.path);
	await rig.reopen();
	const before = snapshot(rig.folder);
	await expect(rig.find("tea")).rejects.toMatchObject({
		code: "storage_failed",
		message: "The backups cannot be listed: the stick is not there",
	});
	expect(snapshot(rig.folder)).toEqual(before);
	isThere = true;
	expect(await rig.find("tea")).toEqual(["Anna likes tea."]);
});

test("a memory that is closed while its damaged file is put right ends with that done", async () => {
	const begun = Promise.withResolvers<void>();
	const listed = Promise.withResolvers<DatabaseBackup[]>();
	await using rig = openRig({
		now: () => NOW,
		backups: () => {
			begun.resolve();
			return listed.promise;
		},
	});
	await rig.know(["Anna likes tea."]);
	const backup = await backUp(rig);
	await rig.memory.close();
	damage(rig.path);
	await rig.reopen();
	const asked = rig.find("tea").catch((error) => error);
	await begun.promise;
	const closed = rig.memory.close();
	listed.resolve([backup]);
	await closed;
	expect(names(dirname(rig.path))).toEqual([
		"memory.db",
		`memory.db.damaged-${NOW}`,
	]);
	expect(await asked).toMatchObject({ message: "The memory is closed" });
	await rig.reopen();
	expect(await rig.find("tea")).toEqual(["Anna likes tea."]);
});

const mounted = test.skipIf(!canMount);

mounted(
	"where a backup of damaged facts finds no room, everything stays as it is until there is some (needs the right to mount)",
	() =>
		onSmallDisk(async (disk) => {
			await using rig = openRig();
			const { path, backup } = await damagedOn(disk, rig);
			const ballast = join(disk, "ballast");
			writeFileSync(ballast, Buffer.alloc(roomOn(disk) - 100_000));
			const bytes = readFileSync(path);
			const backups = async () => [backup];
			const memory = openMemory(path, { logger: rig.logger, backups });
			for (let tries = 0; tries < 2; tries++)
				await expect(memory.list({ limit: 1 })).rejects.toMatchObject({
					code: "storage_failed",
					message: `The store ${path} failed: the disk is full`,
				});
			// SQLite may have made a -wal and a -shm.
			expect(names(disk).filter((name) => !/-(wal|shm)$/.test(name))).toEqual([
				"ballast",
				"memory.db",
			]);
			expect(readFileSync(path)).toEqual(bytes);
			expect(rig.log).toEqual([]);
			await Bun.file(ballast).delete();
			expect((await memory.state()).facts).toBe(30);
			await memory.close();
		}),
);

mounted(
	"a backup that finds room for itself alone, and none to be looked through, is not taken for a rotten one (needs the right to mount)",
	() =>
		onSmallDisk(async (disk) => {
			await using rig = openRig();
			const { path, backup } = await damagedOn(disk, rig);
			const left = statSync(path).size + 16_384;
			writeFileSync(join(disk, "ballast"), Buffer.alloc(roomOn(disk) - left));
			const before = snapshot(disk);
			await expect(
				recoverDatabase(path, NOW, [backup], { schema: MEMORY }),
			).rejects.toMatchObject({
				message: `The store ${path}.restoring failed: the disk is full`,
			});
			expect(snapshot(disk)).toEqual(before);
		}),
);

/** Thirty facts on a disk, damaged, and their backup. */
async function damagedOn(disk: string, rig: Rig) {
	for (let n = 0; n < 30; n++)
		await rig.know([`Fact ${n} ${"likes tea ".repeat(190)}`]);
	const backup = await backUp(rig);
	const path = join(disk, "memory.db");
	copyFileSync(rig.path, path);
	damage(path);
	return { path, backup };
}

function roomOn(disk: string): number {
	const { bavail, bsize } = statfsSync(disk);
	return bavail * bsize;
}

/** A home in which one fact is in the daily backup of the 21st, and two are in that of the 22nd; one is in none. */
async function usedHome(): Promise<TemporaryFolder> {
	const home = temporaryHome(config());
	const state = join(home.path, ".aeon");
	const know = (text: string) => rememberFacts(home.path, [{ ...ANNA, text }]);
	const backUpAt = async (time: string) =>
		backUpToday({
			reading: await readSettings({
				env: {},
				cwd: "/",
				home: home.path,
				needs: "storage",
			}),
			state,
			now: new Date(time).getTime(),
			signal: AbortSignal.timeout(10_000),
		});
	await know("Anna likes tea.");
	await backUpAt("2026-11-21T04:00:00");
	await know("Anna lives in Graz.");
	await backUpAt("2026-11-22T04:00:00");
	await know("Anna likes cake.");
	return home;
}

const texts = ({ facts }: { facts: { text: string }[] }) =>
	facts.map(({ text }) => text);

for (const [state, rot, kept, sentence] of [
	[
		"a whole backup",
		[],
		["Anna lives in Graz.", "Anna likes tea."],
		"they go on from the backup of 2026-11-22 04:00.",
	],
	[
		"a rotten backup and an older one that is whole",
		["aeon-2026-11-22-0400.tar.gz"],
		["Anna likes tea."],
		"they go on from the backup of 2026-11-21 04:00.",
	],
	[
		"rotten backups",
		["aeon-2026-11-21-0400.tar.gz", "aeon-2026-11-22-0400.tar.gz"],
		[],
		"there was no whole backup, so they begin anew.",
	],
] as const)
	test(`aeon serve that meets damaged facts and ${state} has in memory what can be had, and says so`, async () => {
		using home = await usedHome();
		const path = memoryFile(home.path);
		const daily = join(home.path, ".aeon", "backups");
		for (const name of rot)
			truncateSync(join(daily, name), statSync(join(daily, name)).size - 20);
		const before = snapshot(daily);
		damage(path);
		const bytes = readFileSync(path);
		await using server = await spawnServer(config(), home.path);
		using client = await server.connect();
		expect(texts(await client.call("memory.list", {}))).toEqual([...kept]);
		await server.line(/could not be read, so the file was set aside as /);
		const aside = names(dirname(path)).filter((name) =>
			/^memory\.db\.damaged-\d+$/.test(name),
		);
		expect(aside).toHaveLength(1);
		const problem = `The facts in ${path} could not be read, so the file was set aside as ${dirname(path)}/${aside[0]}; ${sentence}`;
		const { facts } = await client.call("status");
		expect(facts).toEqual({ count: kept.length, waiting: 0, problem });
		expect(server.logged("memory.damaged")).toEqual([
			expect.objectContaining({ level: "error", problem }),
		]);
		expect(readFileSync(join(dirname(path), aside[0] ?? ""))).toEqual(bytes);
		expect(snapshot(daily)).toEqual(before);
	});

test("a command without a server leaves damaged facts as they are, and says what to do", async () => {
	using home = await usedHome();
	const path = memoryFile(home.path);
	damage(path);
	const state = join(home.path, ".aeon");
	const before = snapshot(state);
	for (const args of [
		["list"],
		["search", "tea"],
		["export"],
		["export", "--format", "markdown"],
		["forget", "1"],
	])
		expect(await run(["memory", ...args], { home: home.path })).toEqual({
			code: 1,
			out: "",
			err: `aeon: What is remembered in ${path} cannot be read: the file is damaged\nStart aeon serve: it sets the file aside and goes on from the newest backup that is whole.\n`,
		});
	expect(snapshot(state)).toEqual(before);
	const { code, err } = await run(["chat", "--message", "I like tea"], {
		home: home.path,
	});
	expect(code).toBe(0);
	expect(err).toContain("the file is damaged");
	expect(snapshot(state)["memory.db"]).toBe(before["memory.db"]);
	expect(names(state).filter((name) => name.startsWith("memory."))).toEqual([
		"memory.db",
	]);
	using _serve = await startServe(home.path);
	expect(await run(["memory", "search", "Graz"], { home: home.path })).toEqual({
		code: 0,
		out: expect.stringContaining("Anna lives in Graz."),
		err: expect.stringContaining("they go on from the backup of 2026-11-22"),
	});
});
