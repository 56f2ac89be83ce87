import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
	appendFileSync,
	existsSync,
	mkdirSync,
	readdirSync,
	statSync,
	truncateSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Patience } from "../../src/database/patience.ts";
import { file, sqlite } from "../../src/storage/registry.ts";
import { openSqlite } from "../../src/storage/sqlite.ts";
import type {
	SessionStore,
	StoreDriver,
	StoreEntry,
} from "../../src/storage/store.ts";
import {
	confirmMove,
	moveStore,
	type StoreAt,
} from "../../src/storage/transfer.ts";
import { digestOf, findDifference } from "../../src/storage/transfer_digest.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/home.ts";
import { randomFrom } from "../support/random.ts";
import { waiting } from "./inbox_contract.ts";
import { part } from "./outbox_contract.ts";
import { say, user } from "./store_contract.ts";
import {
	Chance,
	collect,
	expectInUse,
	given,
	normal,
	randomStore,
} from "./transfer_contract.ts";

const KEY = "agent:main:cli:local";
const NOW = 1_760_000_000_000;
const SEEDS = 40;

/** One store of one kind, wherever a test puts it. */
interface Kind {
	at(place: string): StoreAt;
	open(place: string): Promise<SessionStore>;
	dump(place: string): AsyncIterable<StoreEntry>;
	load(place: string, entries: AsyncIterable<StoreEntry>): Promise<void>;
}

const KINDS: Record<"sqlite" | "file", Kind> = {
	sqlite: {
		at: (sessions_db) => ({ driver: sqlite, options: { sessions_db } }),
		open: (sessions_db) => sqlite.open({ sessions_db }),
		dump: (sessions_db) => sqlite.dump({ sessions_db }),
		load: (sessions_db, entries) => sqlite.load({ sessions_db }, entries),
	},
	file: {
		at: (directory) => ({ driver: file, options: { directory } }),
		open: (directory) => file.open({ directory }),
		dump: (directory) => file.dump({ directory }),
		load: (directory, entries) => file.load({ directory }, entries),
	},
};
const NAMES = ["sqlite", "file"] as const;

let folder: TemporaryFolder;
let place: (name: string) => string;

beforeEach(() => {
	folder = temporaryFolder();
	place = (name) => join(folder.path, "state", name);
});

afterEach(() => folder[Symbol.dispose]());

const other = (name: "sqlite" | "file") =>
	name === "sqlite" ? "file" : "sqlite";
const ignore = () => {};

for (const name of NAMES) {
	const from = KINDS[name];
	const to = KINDS[other(name)];

	describe(`from the ${name} store to the ${other(name)} store`, () => {
		test("everything comes through, and back again, as it was given", async () => {
			for (let seed = 0; seed < SEEDS; seed++) {
				const entries = randomStore(new Chance(randomFrom(seed)));
				const [one, two, three] = ["one", "two", "three"].map((each) =>
					place(`${each} ${seed}`),
				) as [string, string, string];
				await from.load(one, given(entries));
				await to.load(two, from.dump(one));
				await from.load(three, to.dump(two));
				const all = normal(entries);
				for (const dump of [from.dump(one), to.dump(two), from.dump(three)])
					expect(normal(await collect(dump))).toStrictEqual(all);
				const digests = [
					await digestOf(given(entries)),
					await digestOf(from.dump(one)),
					await digestOf(to.dump(two)),
					await digestOf(from.dump(three)),
				];
				expect(new Set(digests.map(({ hash }) => hash)).size).toBe(1);
				const store = await to.open(two);
				await expectInUse(store, entries);
				await store.close();
			}
		}, 120_000);

		test("a store that has been used goes on where it was", async () => {
			const store = await from.open(place("old"));
			await fill(store);
			await store.close();
			await moveStore(from.at(place("old")), to.at(place("new")), ignore);
			confirmMove(to.at(place("new")));
			const [old, moved] = [
				await from.open(place("old")),
				await to.open(place("new")),
			];
			for (const ask of QUESTIONS)
				expect(await ask(moved)).toStrictEqual(await ask(old));
			// The answer to what was taken is finished in the new one.
			await moved.finishMessages(["taken"], [part("taken", 0)]);
			expect((await moved.waitingMessages()).map(({ runId }) => runId)).toEqual(
				["waits", "amended"],
			);
			expect(await moved.acceptMessage(waiting("again", "m2"))).toBe("taken");
			await old.close();
			await moved.close();
		});

		test("a summary stands for the same messages under their new ids", async () => {
			const store = await from.open(place("old"));
			// Ids begin elsewhere in the new store, whichever it is.
			await say(store, "agent:main:cli:another", "a", "b", "c");
			const saved = await say(store, KEY, "one", "two", "three");
			await store.saveMessage(
				KEY,
				{ role: "summary", content: "in short", through: saved[1]?.id ?? -1 },
				NOW + 9,
			);
			await store.close();
			await to.load(place("new"), from.dump(place("old")));
			const moved = await to.open(place("new"));
			const history = await moved.getHistory(KEY, 9);
			const summary = history.at(-1);
			expect(summary?.role === "summary" && summary.through).toBe(
				history.find(({ content }) => content === "two")?.id ?? -1,
			);
			await moved.close();
		});

		test("nothing is loaded into a store that is not empty", async () => {
			for (const fill of [
				(store: SessionStore) => say(store, KEY, "here"),
				(store: SessionStore) => store.acceptMessage(waiting("r", "m")),
				(store: SessionStore) => store.saveParts([part("d", 0)]),
			]) {
				using another = temporaryFolder();
				const target = join(another.path, "target");
				const store = await to.open(target);
				await fill(store);
				await store.close();
				const before = await digestOf(to.dump(target));
				await expect(to.load(target, given([]))).rejects.toMatchObject({
					code: "conflict",
					message: `The store ${target} is not empty`,
				});
				const moving = moveStore(from.at(place("old")), to.at(target), ignore);
				await expect(moving).rejects.toMatchObject({ code: "conflict" });
				expect(await digestOf(to.dump(target))).toEqual(before);
			}
		});

		test("an empty store takes the other one in, and a missing one is an empty one", async () => {
			const store = await to.open(place("new"));
			await store.close();
			const moved = await moveStore(
				from.at(place("old")),
				to.at(place("new")),
				ignore,
			);
			expect(moved).toMatchObject({ sessions: 0, messages: 0 });
			expect(existsSync(place("old"))).toBe(false);
			const opened = await to.open(place("new"));
			expect(await opened.listSessions()).toEqual([]);
			await opened.close();
		});

		test("what is written meanwhile is refused, and nothing is in the new place", async () => {
			const store = await from.open(place("old"));
			await say(store, KEY, "one");
			await store.close();
			const steps: string[] = [];
			// Another process comes in when the old store has been read.
			const writing: Promise<unknown>[] = [];
			const moving = moveStore(
				from.at(place("old")),
				to.at(place("new")),
				(step) => {
					steps.push(step);
					if (steps.length === 2) writing.push(write(from, place("old")));
				},
			);
			await expect(moving).rejects.toMatchObject({
				code: "conflict",
				message: `Somebody has written into ${place("old")} meanwhile: the session ${KEY} is another one now`,
			});
			await Promise.all(writing);
			expect(steps).toHaveLength(2);
			expect(readdirSync(place(""))).toEqual(["old"]);
		});

		test("a new store that has lost a message never gets to its place", async () => {
			const store = await from.open(place("old"));
			await say(store, KEY, "one", "two", "three");
			await say(store, "agent:main:cli:z", "one");
			await store.close();
			const { driver, options } = to.at(place("new"));
			const losing = {
				driver: {
					...driver,
					load: (at, entries) => driver.load(at, without(entries, "two")),
				} satisfies StoreDriver,
				options,
			};
			const moving = moveStore(from.at(place("old")), losing, ignore);
			await expect(moving).rejects.toMatchObject({
				code: "storage_failed",
				message: `The new store has not what the old one has: the session ${KEY} is another one there`,
			});
			expect(readdirSync(place(""))).toEqual(["old"]);
		});

		test("what an interrupted move has left is made anew, unless somebody has used it", async () => {
			const [old, next] = [from.at(place("old")), to.at(place("new"))];
			const store = await from.open(place("old"));
			await say(store, KEY, "one");
			await store.close();
			mkdirSync(`${place("new")}.migrating`, { recursive: true });
			writeFileSync(join(`${place("new")}.migrating`, "half"), "of it");
			// Killed before the setting was changed; the old store goes on.
			await moveStore(old, next, ignore);
			await write(from, place("old"));
			expect(await moveStore(old, next, ignore)).toMatchObject({ messages: 2 });
			// Killed after the setting was changed; the new one goes on.
			await write(to, place("new"));
			await expect(moveStore(old, next, ignore)).rejects.toMatchObject({
				code: "conflict",
			});
			const used = await digestOf(to.dump(place("new")));
			expect(used).toMatchObject({ messages: 3 });
			// And a store that was confirmed is nobody's leftover, even unused.
			using another = temporaryFolder();
			const confirmed = to.at(join(another.path, "new"));
			await moveStore(old, confirmed, ignore);
			confirmMove(confirmed);
			await expect(moveStore(old, confirmed, ignore)).rejects.toMatchObject({
				code: "conflict",
			});
			expect(readdirSync(another.path)).toEqual(["new"]);
		});

		test("the new store is its owner's alone", async () => {
			const store = await from.open(place("old"));
			await fill(store);
			await store.close();
			await moveStore(from.at(place("old")), to.at(place("new")), ignore);
			const mode = (path: string) => statSync(path).mode & 0o777;
			if (name === "file") return expect(mode(place("new"))).toBe(0o600);
			expect(mode(place("new"))).toBe(0o700);
			for (const each of readdirSync(place("new")))
				expect(mode(join(place("new"), each))).toBe(0o600);
		});
	});
}

test("a line that a kill has torn is left behind, and what is around it is not", async () => {
	const store = await file.open({ directory: place("old") });
	await say(store, KEY, "one");
	await store.acceptMessage(waiting("r1", "m1"));
	const [session = "", log = ""] = readdirSync(place("old")).sort();
	appendFileSync(join(place("old"), session), '{"role":"user","content":"to');
	appendFileSync(join(place("old"), log), '{"run_id":"to');
	const again = await file.open({ directory: place("old") });
	await say(again, KEY, "two");
	await again.acceptMessage(waiting("r2", "m2"));
	await sqlite.load(
		{ sessions_db: place("new") },
		file.dump({ directory: place("old") }),
	);
	const moved = await sqlite.open({ sessions_db: place("new") });
	const history = await moved.getHistory(KEY, 9);
	expect(history.map(({ content }) => content)).toEqual(["one", "two"]);
	expect((await moved.waitingMessages()).map(({ runId }) => runId)).toEqual([
		"r1",
		"r2",
	]);
	await moved.close();
});

test("a message that a kill has kept from the log of a file store is taken in the new store, too", async () => {
	const directory = place("old");
	const store = await file.open({ directory });
	await store.acceptMessage(waiting("r1", "m1"));
	const [log = ""] = readdirSync(directory);
	const before = statSync(join(directory, log)).size;
	await store.saveMessage(waiting("", "").sessionKey, user("x"), NOW, ["r1"]);
	truncateSync(join(directory, log), before);
	const untouched = statSync(join(directory, log)).mtimeMs;
	await sqlite.load({ sessions_db: place("new") }, file.dump({ directory }));
	const moved = await sqlite.open({ sessions_db: place("new") });
	expect(await moved.waitingMessages()).toMatchObject([
		{ runId: "r1", takenBy: "r1", attempts: 1 },
	]);
	await moved.close();
	expect(statSync(join(directory, log)).mtimeMs).toBe(untouched);
});

test("a database that another program has open is not moved, and nobody opens it while it is", async () => {
	const sessions_db = place("old");
	const store = await sqlite.open({ sessions_db });
	await say(store, KEY, "one");
	const moving = moveStore(
		KINDS.sqlite.at(sessions_db),
		KINDS.file.at(place("new")),
		ignore,
	);
	await expect(moving).rejects.toMatchObject({
		code: "conflict",
		message: `another program has ${sessions_db} open`,
	});
	await store.close();
	const entries = sqlite.dump({ sessions_db })[Symbol.asyncIterator]();
	await entries.next();
	await expect(
		openSqlite(sessions_db, new Patience(100)),
	).rejects.toMatchObject({ code: "storage_failed" });
	await entries.return?.(undefined);
	const again = await openSqlite(sessions_db, new Patience(100));
	expect(await again.getHistory(KEY, 9)).toHaveLength(1);
	await again.close();
});

test("what is in a folder beside the sessions keeps a store from being moved there", async () => {
	const next = KINDS.file.at(place("new"));
	mkdirSync(place("new"), { recursive: true });
	writeFileSync(join(place("new"), "letter.txt"), "dear");
	const moving = moveStore(KINDS.sqlite.at(place("old")), next, ignore);
	await expect(moving).rejects.toMatchObject({ code: "conflict" });
	expect(readdirSync(place("new"))).toEqual(["letter.txt"]);
});

test("every change of a store is a change of its hash, and is named", async () => {
	const chance = new Chance(randomFrom(7));
	let entries: StoreEntry[] = [];
	while (new Set(entries.map(({ kind }) => kind)).size < 4)
		entries = randomStore(chance);
	const before = await digestOf(given(entries));
	for (const [index, entry] of entries.entries()) {
		const changed = await digestOf(
			given(entries.with(index, withOneField(chance, entry))),
		);
		expect(changed.hash).not.toBe(before.hash);
		expect(findDifference(before, changed)).toBe(nameOf(entry));
		const gone = await digestOf(given(entries.toSpliced(index, 1)));
		expect(findDifference(before, gone)).toBeDefined();
	}
});

test("a hundred megabytes in one session go through a little memory", async () => {
	for (const name of NAMES) {
		const child = Bun.spawn(
			[
				process.execPath,
				join(import.meta.dir, "transfer_large.ts"),
				name,
				place(`large ${name}`),
			],
			{
				stdout: "pipe",
				stderr: "inherit",
				// As in the binary.
				env: { ...process.env, BUN_JSC_useJIT: "0" },
			},
		);
		const { messages, peakMegabytes } = await child.stdout.json();
		expect(messages).toBe(20_001);
		expect(peakMegabytes).toBeLessThan(90);
	}
}, 120_000);

/** Puts something of everything into a store. */
async function fill(store: SessionStore): Promise<void> {
	await say(store, KEY, "before", "\ud800");
	await store.resetSession(KEY, NOW + 5);
	await say(store, KEY, "now");
	await say(store, "agent:main:cli:emptied", "gone");
	await store.resetSession("agent:main:cli:emptied", NOW + 6);
	await store.deleteSession(`agent:main:cli:emptied#${NOW + 6}`);
	await store.acceptMessage(waiting("waits", "m1"));
	await store.acceptMessage(waiting("taken", "m2"));
	await store.acceptMessage(waiting("done", "m3"));
	await store.acceptMessage(waiting("unwanted", "m4"));
	await store.acceptMessage(waiting("amended", "m5"));
	const key = waiting("", "").sessionKey;
	await store.saveMessage(key, user("both"), NOW, ["taken", "done"]);
	await store.countAttempt("taken");
	await store.finishMessages(["done"], [part("done", 0), part("done", 1)]);
	await store.finishMessages(["unwanted"]);
	await store.amendMessage("amended", { text: "better \ud83d" });
	await store.saveParts([
		{ ...part("done", 1), state: "sent", platformId: "77" },
		{ ...part("failed", 0), state: "failed", reason: "no \udc00" },
	]);
}

const QUESTIONS: ((store: SessionStore) => Promise<unknown>)[] = [
	(store) => store.listSessions(),
	(store) => store.waitingMessages(),
	(store) => store.pendingParts("telegram"),
	(store) => store.partsOf("done"),
	(store) => store.partsOf("failed"),
	(store) => store.findPart("telegram", "77"),
	(store) => store.acceptMessage(waiting("again 1", "m1")),
	(store) => store.acceptMessage(waiting("again 3", "m3")),
	(store) => store.acceptMessage(waiting("again 4", "m4")),
	(store) => store.statistics(0),
];

async function write(kind: Kind, at: string): Promise<void> {
	const store = await kind.open(at);
	await say(store, KEY, "more");
	await store.close();
}

async function* without(
	entries: AsyncIterable<StoreEntry>,
	text: string,
): AsyncGenerator<StoreEntry> {
	for await (const entry of entries)
		if (entry.kind !== "message" || entry.message.content !== text) yield entry;
}

function withOneField(chance: Chance, entry: StoreEntry): StoreEntry {
	switch (entry.kind) {
		case "session": {
			const { session } = entry;
			const field = chance.of(["createdAt", "updatedAt"] as const);
			return { ...entry, session: { ...session, [field]: 1 } };
		}
		case "message": {
			const { message } = entry;
			const field = chance.of(["content", "timestamp"] as const);
			const value = field === "content" ? `${message.content}.` : 1;
			return { ...entry, message: { ...message, [field]: value } };
		}
		case "accepted": {
			const { message } = entry;
			return chance.of([
				{ ...entry, finishedAt: 1 },
				{ ...entry, takenAt: 1 },
				{ ...entry, message: { ...message, attempts: 9 } },
				{ ...entry, message: { ...message, text: `${message.text}.` } },
			]);
		}
		case "part": {
			const { part } = entry;
			return chance.of([
				{ ...entry, settledAt: 1 },
				{ ...entry, part: { ...part, attempts: 9 } },
				{ ...entry, part: { ...part, platformId: "other" } },
				{ ...entry, part: { ...part, content: { text: "other" } } },
			]);
		}
	}
}

function nameOf(entry: StoreEntry): string {
	switch (entry.kind) {
		case "session":
			return `the session ${entry.session.sessionKey}`;
		case "message":
			return `the session ${entry.sessionKey}`;
		case "accepted":
			return `the message accepted for ${entry.message.runId}`;
		case "part":
			return `part ${entry.part.part} of the delivery ${entry.part.deliveryId}`;
	}
}
