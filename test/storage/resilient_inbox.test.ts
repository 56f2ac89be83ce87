import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { OutboxPart } from "../../src/core/delivery.ts";
import { Patience } from "../../src/database/patience.ts";
import { file } from "../../src/storage/registry.ts";
import { type ResilientStore, resilient } from "../../src/storage/resilient.ts";
import { openSqlite } from "../../src/storage/sqlite.ts";
import type { SessionStore } from "../../src/storage/store.ts";
import { waiting } from "./inbox_contract.ts";
import { part } from "./outbox_contract.ts";
import { canMount, grow, onSmallDisk } from "./small_disk.ts";
import { user } from "./store_contract.ts";

const { sessionKey: KEY } = waiting("");
const NOW = 1_760_000_000_000;
const LARGE = "x".repeat(300_000);

let folder: string;
let path: string;
let troubles: (string | undefined)[];
let store: ResilientStore;
let other: Database | undefined;

beforeEach(() => {
	folder = mkdtempSync(join(tmpdir(), "aeon-resilient-"));
	path = join(folder, "sessions.db");
	troubles = [];
	other = undefined;
});

afterEach(async () => {
	other?.close();
	await store.close();
	rmSync(folder, { recursive: true });
});

test("while the database is locked every write is kept and seen, and each is done once when it is free", async () => {
	store = start();
	await prepare(store);
	lock();
	await change(store);
	await expectChanged(store);
	expect(store.health().problem).toContain("another program keeps it locked");
	expect((await stored()).waiting).toHaveLength(5);
	unlock();
	// Nothing is missing, there twice or counted twice at any moment while it is written.
	while (!store.health().isWell) {
		await expectChanged(store);
		await new Promise((resolve) => setImmediate(resolve));
	}
	await expectChanged(store);
	const { waiting, pending } = await stored();
	expect(waiting).toStrictEqual(await store.waitingMessages());
	expect(pending).toStrictEqual(await store.pendingParts("telegram"));
	expect(lost()).toEqual([]);
});

test.skipIf(!canMount)(
	"on a full disk every write is kept and seen, and each is done once when there is room (needs the right to mount)",
	async () => {
		for (const driver of ["sqlite", "file"])
			await onSmallDisk(async (disk) => {
				path = join(disk, "sessions.db");
				const open = () =>
					driver === "sqlite"
						? openSqlite(path, new Patience(100))
						: file.open({ directory: join(disk, "sessions") });
				store = start(open);
				await prepare(store);
				writeFileSync(join(disk, "ballast"), "x".repeat(560_000));
				const large = {
					...part("large", 0),
					content: { text: LARGE.repeat(2) },
				};
				await store.saveParts([large]);
				expect(store.health().problem).toContain("the disk is full");
				await change(store);
				await expectChanged(store, large);
				grow(disk);
				await wellAgain();
				await expectChanged(store, large);
				await store.close();
				const plain = await open();
				await expectChanged(plain, large);
				await plain.close();
			});
	},
	30_000,
);

for (const [name, write] of [
	["saveMessage", (at) => at.saveMessage(KEY, user("new"), NOW, ["r1"])],
	["amendMessage", (at) => at.amendMessage("r1", { text: "new" })],
	["countAttempt", (at) => at.countAttempt("r2")],
	["finishMessages", (at) => at.finishMessages(["r1"], [part("r1", 0)])],
	["finishMessages without parts", (at) => at.finishMessages(["r1"])],
	["saveParts", (at) => at.saveParts([part("p1", 0)])],
] as [string, (store: SessionStore) => Promise<unknown>][])
	test(`${name} alone is kept while the database is locked, and done when it is free`, async () => {
		store = start();
		await prepare(store);
		const before = await stored();
		lock();
		await write(store);
		const seen = {
			waiting: await store.waitingMessages(),
			pending: await store.pendingParts("telegram"),
		};
		expect(await stored()).toStrictEqual(before);
		expect(seen).not.toEqual(before);
		unlock();
		await wellAgain();
		expect(await stored()).toStrictEqual(seen);
	});

test("a part is never put back to what it was, whatever session its writes are of", async () => {
	store = start();
	await store.acceptMessage(waiting("r1"));
	other = new Database(path);
	other.run(
		"CREATE TRIGGER refuse BEFORE INSERT ON outbox WHEN NEW.state = 'pending' BEGIN SELECT RAISE(ABORT, 'refused'); END",
	);
	const sent = { state: "sent", sessionKey: undefined } as const;
	await store.finishMessages(["r1"], [{ ...part("r1", 0), sessionKey: KEY }]);
	await store.saveParts([{ ...part("r1", 0), ...sent }]);
	await store.saveParts([part("p1", 0)]);
	await store.saveParts([{ ...part("p1", 0), ...sent, sessionKey: KEY }]);
	other.run("DROP TRIGGER refuse");
	await wellAgain();
	const plain = await openSqlite(path);
	for (const id of ["r1", "p1"])
		expect(await plain.partsOf(id)).toMatchObject([{ state: "sent" }]);
	expect(await plain.waitingMessages()).toEqual([]);
	await plain.close();
});

test("what is done later with parts that were given does not change what is kept", async () => {
	store = start();
	await store.getSession(KEY);
	lock();
	const given = part("p1", 0);
	const parts = [given];
	await store.saveParts(parts);
	given.content.text = "spoilt";
	parts.push(part("p1", 1));
	const [seen] = await store.partsOf("p1");
	Object.assign(seen?.content ?? {}, { text: "spoilt, too" });
	expect(await store.partsOf("p1")).toEqual([part("p1", 0)]);
	unlock();
	await wellAgain();
	expect((await stored()).pending).toEqual([part("p1", 0)]);
});

test("while the store cannot be opened what is kept is sent and amended", async () => {
	path = join(folder, "file", "sessions.db");
	writeFileSync(join(folder, "file"), "");
	store = start();
	for (const run of ["r1", "r2", "r3"]) await store.acceptMessage(waiting(run));
	await store.saveMessage(KEY, user("hello"), NOW, ["r2"]);
	await store.finishMessages(["r3"], [part("r3", 1), part("r3", 0)]);
	expect(store.health().problem).toContain("cannot be opened");
	expect(await store.amendMessage("r1", { text: "new" })).toBe(true);
	expect(await store.amendMessage("r2", { text: "late" })).toBe(false);
	expect(await store.amendMessage("r3", { text: "late" })).toBe(false);
	const parts = [part("r3", 0), part("r3", 1)];
	expect(await store.partsOf("r3")).toEqual(parts);
	expect(await store.pendingParts("telegram")).toEqual(parts.toReversed());
	await expect(store.waitingMessages()).rejects.toThrow("cannot be opened");
	unlinkSync(join(folder, "file"));
	await wellAgain();
	const { waiting: waits, pending } = await stored();
	expect(waits).toStrictEqual([
		{ ...waiting("r1"), text: "new" },
		{ ...waiting("r2"), takenBy: "r2", attempts: 1 },
	]);
	expect(pending).toEqual(parts.toReversed());
});

test("parts that are kept are bounded, and the oldest are given up aloud", async () => {
	store = start();
	await store.acceptMessage(waiting("r1"));
	lock();
	await store.countAttempt("r1");
	await store.finishMessages(["r1"]);
	for (let n = 0; n < 4_010; n++)
		await store.saveParts([{ ...part("p", n), sessionKey: KEY }]);
	const kept = await store.pendingParts("telegram");
	expect(kept.map((found) => found.part)).toEqual(
		Array.from({ length: 4_000 }, (_, n) => n + 10),
	);
	// The two that came first had nothing to tell anybody.
	expect(lost().reduce((sum, [, count]) => sum + count, 0)).toBe(10);
	expect(new Set(lost().map(([key]) => key))).toEqual(new Set([KEY]));
	await store.saveParts([
		{ ...part("large", 0), content: { text: LARGE.repeat(40) } },
	]);
	expect(await store.pendingParts("telegram")).toEqual([]);
}, 30_000);

/** What is there before the store fails. */
async function prepare(at: SessionStore): Promise<void> {
	for (const run of ["r1", "r2", "r3", "r4", "r5"])
		await at.acceptMessage(waiting(run, run));
	await at.saveMessage(KEY, user("2"), NOW, ["r2"]);
	await at.saveMessage(KEY, user("4"), NOW, ["r4", "r5"]);
	await at.saveParts([part("r2", 0), part("p0", 0)]);
}

/** One of every kind of write; none of them throws. */
async function change(at: SessionStore): Promise<void> {
	const files = [{ kind: "image" as const, id: "i", uniqueId: "u" }];
	expect(await at.amendMessage("r1", { text: "new", files })).toBe(true);
	expect(await at.amendMessage("r2", { text: "late" })).toBe(false);
	expect(await at.amendMessage("gone", { text: "late" })).toBe(false);
	await at.acceptMessage(waiting("r6"));
	expect(await at.amendMessage("r6", { text: "new" })).toBe(true);
	await at.saveMessage(KEY, user("1"), NOW, ["r1", "r6"]);
	expect(await at.amendMessage("r1", { text: "late" })).toBe(false);
	await at.countAttempt("r1");
	await at.countAttempt("r4");
	await at.finishMessages(["r2"], [{ ...part("r2", 0), state: "sent" }]);
	await at.finishMessages(["r3"]);
	await at.finishMessages(["r5"], [part("r5", 0), part("r5", 1)]);
	await at.saveParts([part("p1", 0)]);
	await at.saveParts([{ ...part("p1", 0), attempts: 1 }]);
}

async function expectChanged(
	at: SessionStore,
	...more: OutboxPart[]
): Promise<void> {
	const files = [{ kind: "image" as const, id: "i", uniqueId: "u" }];
	expect(await at.waitingMessages()).toStrictEqual([
		{ ...waiting("r1", "r1"), text: "new", files, takenBy: "r1", attempts: 2 },
		{ ...waiting("r4", "r4"), takenBy: "r4", attempts: 2 },
		{ ...waiting("r6"), text: "new", takenBy: "r1", attempts: 2 },
	]);
	const pending = [
		part("p0", 0),
		...more,
		part("r5", 0),
		part("r5", 1),
		{ ...part("p1", 0), attempts: 1 },
	];
	// What waits in several sessions is written session by session.
	expect(sorted(await at.pendingParts("telegram"))).toEqual(sorted(pending));
	expect(await at.partsOf("r2")).toEqual([{ ...part("r2", 0), state: "sent" }]);
	expect(await at.partsOf("r5")).toEqual([part("r5", 0), part("r5", 1)]);
}

function sorted(parts: OutboxPart[]): OutboxPart[] {
	const nameOf = ({ deliveryId, part }: OutboxPart) => `${deliveryId} ${part}`;
	return parts.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
}

/** What another reader finds. */
async function stored() {
	const plain = await openSqlite(path);
	const found = {
		waiting: await plain.waitingMessages(),
		pending: await plain.pendingParts("telegram"),
	};
	await plain.close();
	return found;
}

function start(
	open = (): Promise<SessionStore> => openSqlite(path, new Patience(100)),
): ResilientStore {
	return resilient({
		open,
		now: () => NOW,
		onTrouble: (sentence) => troubles.push(sentence),
	});
}

function lock(): void {
	other = new Database(path);
	other.run("BEGIN IMMEDIATE");
}

function unlock(): void {
	other?.run("ROLLBACK");
	other?.close();
}

async function wellAgain(): Promise<void> {
	const end = performance.now() + 10_000;
	while (!store.health().isWell) {
		if (performance.now() > end) throw new Error("it took too long");
		await Bun.sleep(20);
	}
}

/** The writes that were said to be lost, by session. */
function lost(): [sessionKey: string, count: number][] {
	return troubles.flatMap((sentence) => {
		const found = /^The oldest (\d+) writes to (\S+) are/.exec(`${sentence}`);
		return found ? [[`${found[2]}`, Number(found[1])]] : [];
	});
}
