import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import {
	closeSync,
	mkdirSync,
	openSync,
	readdirSync,
	readFileSync,
	statSync,
	writeFileSync,
	writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { MemoryFile } from "../../src/memory/file.ts";
import { openMemory } from "../../src/memory/open.ts";
import { canMount, onSmallDisk, remount } from "../storage/small_disk.ts";
import { startFakeEmbeddings } from "../support/fake_embeddings.ts";
import { ANNA, endpoint, openRig, STAYS, settled } from "./rig.ts";

const NOW = 1_700_000_000_000;

const none = async () => [];

test("a damaged file without a backup is set aside with what lies beside it, said aloud, and memory begins anew", async () => {
	let now = NOW;
	await using rig = openRig({ now: () => now, backups: none });
	const { memory, path } = rig;
	const garbage = "this is no database ".repeat(500);
	mkdirSync(dirname(path), { recursive: true });
	writeFileSync(path, garbage);
	writeFileSync(`${path}-shm`, "and this no index");
	expect(await rig.find("tea")).toEqual([]);
	const aside = `${path}.damaged-${NOW}`;
	expect(readFileSync(aside, "utf8")).toBe(garbage);
	expect(readdirSync(dirname(path)).sort()).toEqual([
		"memory.db.damaged-1700000000000",
		"memory.db.damaged-1700000000000-shm",
	]);
	const problem = `The facts in ${path} could not be read, so the file was set aside as ${aside}; there was no backup, so they begin anew.`;
	expect(await memory.state()).toEqual({ facts: 0, waiting: 0, problem });
	expect(rig.log).toEqual([
		["memory.damaged", { problem, error: expect.anything() }],
	]);
	await rig.know(["Anna likes tea."]);
	expect(await rig.find("tea")).toEqual(["Anna likes tea."]);
	expect((await memory.state()).problem).toBe(problem);
	await memory.close();
	now += 3_600_000;
	writeFileSync(path, garbage);
	await rig.reopen();
	const saved = await rig.memory.of(ANNA).save("Anna likes cake.");
	expect(saved).toMatchObject({ fact: { id: 1 }, isNew: true });
	expect(await rig.find("likes")).toEqual(["Anna likes cake."]);
	expect(
		readdirSync(dirname(path)).filter((name) => /damaged-\d+$/.test(name)),
	).toHaveLength(2);
});

test("damage that shows while the file is open is met by everybody at once, and set aside once", async () => {
	await using rig = openRig({ now: () => NOW, backups: none });
	const { path, memory } = rig;
	await using far = await startFakeEmbeddings();
	const file = new MemoryFile(path, rig.logger, Date.now);
	await file.write(({ facts }) => {
		for (let n = 0; n < 2_000; n++)
			facts.save(ANNA, `Fact ${n} ${"likes tea ".repeat(150)}`, n);
	});
	await file.close();
	expect(statSync(path).size).toBeGreaterThan(8_000_000);
	expect(await memory.list({ limit: 1 })).toHaveLength(1);
	const junk = openSync(path, "r+");
	writeSync(
		junk,
		Buffer.alloc(statSync(path).size - 8192, 0x7f),
		0,
		undefined,
		8192,
	);
	closeSync(junk);
	const searches = await Promise.all([
		rig.find("likes"),
		rig.find("Fact 7"),
		memory.list({ limit: 5 }),
		memory.state().then(({ facts }) => facts),
		memory.of(ANNA).save("A new one"),
	]);
	expect(searches).toMatchObject([[], [], [], 0, { fact: { id: 1 } }]);
	expect(
		readdirSync(dirname(path)).filter((name) => /damaged-\d+$/.test(name)),
	).toEqual([`memory.db.damaged-${NOW}`]);
	memory.use(endpoint(far.url));
	await rig.know(["And another"]);
	await settled(memory);
	expect(far.embedded.toSorted()).toEqual(["A new one", "And another"]);
});

test("a disk that damages the next file as well is not given one after the other", async () => {
	let now = NOW;
	await using rig = openRig({ now: () => now, backups: none });
	const damage = () => {
		mkdirSync(dirname(rig.path), { recursive: true });
		writeFileSync(rig.path, "this is no database ".repeat(500));
	};
	damage();
	expect(await rig.find("tea")).toEqual([]);
	damage();
	for (let n = 0; n < 3; n++)
		await expect(rig.find("tea")).rejects.toMatchObject({
			code: "storage_failed",
			message: `The store ${rig.path} failed: it is not a SQLite database`,
		});
	now += 60_000;
	expect(await rig.find("tea")).toEqual([]);
});

test("a file of a newer Aeon is left alone, and said", async () => {
	await using rig = openRig();
	await rig.know(["Anna likes tea."]);
	await rig.memory.close();
	const database = new Database(rig.path);
	database.run("PRAGMA user_version = 99");
	database.close();
	await rig.reopen();
	await expect(rig.find("tea")).rejects.toMatchObject({
		code: "storage_failed",
		message: `${rig.path} was written by a newer Aeon: its schema is 99, and this one knows 1`,
		hint: "Start the newer aeon, or name another file in memory.database.",
	});
});

const mounted = test.skipIf(!canMount);

mounted(
	"on a full disk nothing new is remembered, and what was is found (needs the right to mount)",
	() =>
		onSmallDisk(async (disk) => {
			await using rig = openRig();
			const path = join(disk, "memory.db");
			const memory = openMemory(path, { logger: rig.logger });
			const { fact } = await memory.of(ANNA).save("Anna likes tea.");
			const failed = await fillUp((n) =>
				memory.of(ANNA).save(`Fact ${n} ${"x".repeat(1_900)}`),
			);
			expect(failed).toMatchObject({
				code: "storage_failed",
				message: `The store ${path} failed: the disk is full`,
			});
			expect(await memory.of(ANNA).search("tea", 10, STAYS)).toEqual([fact]);
			expect((await memory.state()).facts).toBeGreaterThan(10);
			await memory.close().catch(() => {});
		}),
);

mounted(
	"a read-only disk is said to be unwritable (needs the right to mount)",
	() =>
		onSmallDisk(async (disk) => {
			await using rig = openRig();
			const path = join(disk, "memory.db");
			const open = () => openMemory(path, { logger: rig.logger });
			const first = open();
			await first.of(ANNA).save("Anna likes tea.");
			await first.close();
			remount(disk, "ro");
			const memory = open();
			await expect(memory.of(ANNA).save("More")).rejects.toMatchObject({
				code: "storage_failed",
				message: `The store ${path} failed: it may not be written`,
			});
			remount(disk, "rw");
			expect(await memory.of(ANNA).search("tea", 1, STAYS)).toHaveLength(1);
			await memory.close();
		}),
);

/** What the first write fails with that finds no room. */
async function fillUp(
	write: (n: number) => Promise<unknown>,
): Promise<unknown> {
	for (let n = 0; n < 1_000; n++) {
		const failed = await write(n).then(
			() => undefined,
			(error: unknown) => error,
		);
		if (failed) return failed;
	}
	throw new Error("it is never full");
}
