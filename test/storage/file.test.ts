import { afterEach, beforeEach, expect, test } from "bun:test";
import {
	appendFileSync,
	copyFileSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	statSync,
	truncateSync,
	unlinkSync,
	utimesSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { file } from "../../src/storage/file.ts";
import { replaceLog } from "../../src/storage/log_file.ts";
import type { SessionStore } from "../../src/storage/store.ts";
import { waiting } from "./inbox_contract.ts";
import { part } from "./outbox_contract.ts";
import { canMount, onSmallDisk, remount } from "./small_disk.ts";
import { all, say, user } from "./store_contract.ts";

const KEY = "agent:main:cli:local";
const NAME = "agent%3amain%3acli%3alocal.jsonl";
const NOW = 1_760_000_000_000;

let folder: string;
let directory: string;
let store: SessionStore;

beforeEach(async () => {
	folder = mkdtempSync(join(tmpdir(), "aeon-file-"));
	directory = join(folder, "sessions");
	store = await file.open({ directory });
});

afterEach(async () => {
	await store.close();
	rmSync(folder, { recursive: true });
});

test("a session is a file of JSON lines with a header", async () => {
	await say(store, KEY, "hello");
	await store.saveMessage(
		KEY,
		{ role: "assistant", content: "hi", model: "m" },
		NOW + 9,
	);
	expect(
		readFileSync(join(directory, NAME), "utf8")
			.split("\n")
			.map((line) => (line ? JSON.parse(line) : line)),
	).toEqual([
		{ session_key: KEY, agent_id: "main", created_at: NOW },
		{ role: "user", content: "hello", timestamp: NOW, metadata: null },
		{
			role: "assistant",
			content: "hi",
			timestamp: NOW + 9,
			metadata: { model: "m" },
		},
		"",
	]);
});

test("the names of sessions are safe and differ by more than their capitals", async () => {
	const keys = [
		"agent:main:cli:a/../..",
		"agent:main:cli:A",
		"agent:main:cli:a",
		`agent:main:cli:${"ü".repeat(300)}`,
	];
	for (const key of keys) await say(store, key, "hello");
	const names = readdirSync(directory);
	expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(4);
	for (const name of names) {
		expect(name).toMatch(/^[a-z0-9_%~-]+\.jsonl$/);
		expect(name.length).toBeLessThan(255);
	}
});

test("sessions and their folder are the user's alone", async () => {
	await say(store, KEY, "hello");
	await store.resetSession(KEY, NOW);
	expect(modeOf(directory)).toBe("700");
	expect(readdirSync(directory).sort()).toEqual([
		`${NAME.slice(0, -6)}#${NOW}.jsonl`,
		NAME,
	]);
	for (const name of readdirSync(directory))
		expect(modeOf(join(directory, name))).toBe("600");
});

test("a line torn anywhere is left out, and what follows it is kept", async () => {
	const [first] = await say(store, KEY, "first");
	const path = join(directory, NAME);
	const whole = statSync(path).size;
	await say(store, KEY, "torn ü}");
	const length = statSync(path).size - whole;
	const bytes = readFileSync(path);
	for (let kept = 1; kept < length - 1; kept++) {
		writeFileSync(path, bytes.subarray(0, whole + kept));
		expect(await all(store, KEY)).toEqual([first] as never);
		const [next] = await say(store, KEY, "next");
		expect(await all(store, KEY)).toEqual([first, next] as never);
		expect(await store.getHistory(KEY, 1)).toEqual([next] as never);
	}
});

test("a header torn anywhere is written anew", async () => {
	await say(store, KEY, "first");
	const path = join(directory, NAME);
	const bytes = readFileSync(path);
	for (let kept = 0; kept < bytes.indexOf("\n"); kept++) {
		writeFileSync(path, bytes.subarray(0, kept));
		const [next] = await say(store, KEY, "next");
		expect(await all(store, KEY)).toEqual([next] as never);
		const fresh = await file.open({ directory });
		expect(await fresh.listSessions()).toEqual([
			{
				sessionKey: KEY,
				agentId: "main",
				createdAt: NOW,
				updatedAt: NOW,
				messageCount: 1,
				lastText: "next",
			},
		]);
	}
});

test("the end of a long session is read without the rest of it", async () => {
	const long = "x".repeat(1000);
	const saved = await say(store, KEY, ...Array(300).fill(long), "last");
	// A hole in place of the first 200 messages: reading them would give other bytes.
	const path = join(directory, NAME);
	const bytes = readFileSync(path);
	writeFileSync(path, bytes.fill(0x7b, 0, 200_000));
	expect(await store.getHistory(KEY, 5)).toEqual(saved.slice(-5));
});

test("the count of a session follows what others add to it, cut from it or put in its place", async () => {
	const count = async () => (await store.listSessions())[0]?.messageCount;
	await say(store, KEY, "one", "two");
	expect(await count()).toBe(2);
	const path = join(directory, NAME);
	appendFileSync(
		path,
		'{"role":"user","content":"by hand","timestamp":5,"metadata":null}\n',
	);
	expect(await count()).toBe(3);
	appendFileSync(path, '{"role":"user","content":"to');
	expect(await count()).toBe(3);
	await say(store, KEY, "four");
	expect(await count()).toBe(4);
	truncateSync(path, statSync(path).size - 80);
	expect(await count()).toBe(3);
	unlinkSync(path);
	await say(await file.open({ directory }), KEY, "only");
	expect(await count()).toBe(1);
});

test("messages whose log the kill has cut off are taken by the first of them, for their session has their runs", async () => {
	for (const run of ["r1", "r2", "r3", "r4"])
		await store.acceptMessage(waiting(run));
	const log = readFileSync(join(directory, "inbox.log"));
	const { sessionKey } = waiting("");
	await store.saveMessage(sessionKey, user("hello"), NOW, ["r3", "r1"]);
	await store.saveMessage(sessionKey, user("hi"), NOW, ["gone", "r4"]);
	await say(store, sessionKey, ...Array(100).fill("later"));
	writeFileSync(join(directory, "inbox.log"), log);
	const taken = { takenBy: "r3", attempts: 1 };
	const waits = [
		{ ...waiting("r1"), ...taken },
		waiting("r2"),
		{ ...waiting("r3"), ...taken },
		{ ...waiting("r4"), takenBy: "gone", attempts: 1 },
	];
	for (let opening = 0; opening < 2; opening++) {
		const fresh = await file.open({ directory });
		expect(await fresh.waitingMessages()).toStrictEqual(waits);
	}
	const fresh = await file.open({ directory });
	await fresh.countAttempt("r3");
	const [first] = await (await file.open({ directory })).waitingMessages();
	expect(first?.attempts).toBe(2);
});

test("messages that are saved are taken also where the log cannot be written", async () => {
	await store.acceptMessage(waiting("r1"));
	await store.acceptMessage(waiting("r2"));
	const path = join(directory, "inbox.log");
	const log = readFileSync(path);
	unlinkSync(path);
	mkdirSync(path);
	const { sessionKey } = waiting("");
	await store.saveMessage(sessionKey, user("hello"), NOW, ["r1", "r2"]);
	rmSync(path, { recursive: true });
	writeFileSync(path, log);
	const taken = (attempts: number) =>
		["r1", "r2"].map((run) => ({ ...waiting(run), takenBy: "r1", attempts }));
	expect(await store.waitingMessages()).toStrictEqual(taken(1));
	expect(await store.amendMessage("r1", { text: "late" })).toBe(false);
	expect(await all(store, sessionKey)).toHaveLength(1);
	await store.countAttempt("r1");
	expect(await store.waitingMessages()).toStrictEqual(taken(2));
	const other = await file.open({ directory });
	expect(await other.waitingMessages()).toStrictEqual(taken(2));
	await store.finishMessages(["r1", "r2"]);
	expect(await store.waitingMessages()).toEqual([]);
	expect(await other.waitingMessages()).toEqual([]);
});

test("in a log and a session of the version before, what was taken is finished", async () => {
	const path = join(directory, "inbox.log");
	const accepted = (run: string, more: object) => ({
		run_id: run,
		message_id: run,
		session_key: KEY,
		received_at: NOW,
		dialog: "telegram",
		...more,
	});
	const text = "x".repeat(700);
	const lines = [
		...Array.from({ length: 100 }, (_, n) => accepted(`old${n}`, { text })),
		...Array.from({ length: 100 }, (_, n) => ({
			taken: `old${n}`,
			at: n < 90 ? 5 : NOW,
		})),
		accepted("short", { taken_at: NOW }),
		accepted("older", { taken_at: 5 }),
		accepted("taken", { text: "hello", model: "fast" }),
		{ taken: "taken", at: NOW },
		accepted("cut", { text: "hello" }),
		accepted("waits", { text: "hello" }),
	];
	writeFileSync(
		path,
		lines.map((line) => `${JSON.stringify(line)}\n`).join(""),
	);
	writeFileSync(
		join(directory, NAME),
		`{"session_key":"${KEY}","agent_id":"main","created_at":1}\n{"role":"user","content":"hello","timestamp":5,"metadata":null,"run_id":"cut"}\n`,
	);
	const message = (run: string) => ({ ...waiting(run, run), sessionKey: KEY });
	// Read in place by a store that is open, and made short by the next one.
	for (const opened of [store, await file.open({ directory }), store]) {
		expect(await opened.waitingMessages()).toStrictEqual([
			{ ...message("cut"), takenBy: "cut", attempts: 1 },
			message("waits"),
		]);
		for (const run of ["short", "taken", "old95"])
			expect(await opened.acceptMessage(waiting("new", run))).toBe(run);
	}
	expect(statSync(path).size).toBeLessThan(30_000);
	expect(await store.acceptMessage(waiting("new", "older"))).toBe("new");
	expect(await all(store, KEY)).toHaveLength(1);
});

test("a finish torn anywhere has finished nothing and saved nothing, and what follows it counts", async () => {
	await store.acceptMessage(waiting("r1"));
	await store.acceptMessage(waiting("r2"));
	await store.saveParts([part("r1", 0)]);
	const path = join(directory, "inbox.log");
	const whole = statSync(path).size;
	const sent = { ...part("r1", 0), state: "sent" as const, reason: "ü}]}" };
	await store.finishMessages(["r1", "r2"], [sent, part("r1", 1)]);
	const bytes = readFileSync(path);
	for (let kept = 1; kept < bytes.length - whole - 1; kept++) {
		writeFileSync(path, bytes.subarray(0, whole + kept));
		const fresh = await file.open({ directory });
		const runs = (await fresh.waitingMessages()).map(({ runId }) => runId);
		expect(runs).toEqual(["r1", "r2"]);
		expect(await fresh.partsOf("r1")).toEqual([part("r1", 0)]);
		await fresh.finishMessages(["r2"], [part("r2", 0)]);
		expect(await fresh.waitingMessages()).toEqual([waiting("r1")]);
		const pending = await fresh.pendingParts("telegram");
		expect(pending).toEqual([part("r1", 0), part("r2", 0)]);
	}
}, 20_000);

test("a finish is one line", async () => {
	await store.acceptMessage(waiting("r1"));
	await store.acceptMessage(waiting("r2"));
	await store.finishMessages(["r1", "r2"], [part("r1", 0), part("r1", 1)]);
	const lines = readFileSync(join(directory, "inbox.log"), "utf8").split("\n");
	expect(lines.slice(2).map((line) => line && JSON.parse(line))).toEqual([
		{ finished: ["r1", "r2"], parts: [part("r1", 0), part("r1", 1)] },
		"",
	]);
});

test("a log is made short with all that waits, has begun or is to be sent", async () => {
	const text = "x".repeat(1000);
	for (let n = 0; n < 100; n++) {
		await store.acceptMessage({ ...waiting(`r${n}`, `m${n}`), text });
		await store.finishMessages([`r${n}`]);
	}
	for (let n = 0; n < 100; n++)
		await store.saveParts([{ ...part("often", 0), content: { text } }]);
	await store.acceptMessage(waiting("taken1"));
	await store.acceptMessage(waiting("taken2"));
	await store.acceptMessage(waiting("amended"));
	const { sessionKey } = waiting("");
	const runs = ["taken1", "taken2"];
	await store.saveMessage(sessionKey, user("hello"), NOW, runs);
	await store.countAttempt("taken1");
	await store.amendMessage("amended", { text: "new" });
	const week = 7 * 24 * 60 * 60 * 1000;
	const sent = { ...part("sent", 0), state: "sent" as const };
	await store.saveParts([sent, part("a", 1), part("a", 0)]);
	await store.acceptMessage({ ...waiting("later"), receivedAt: NOW + 1 });
	const waits = [
		{ ...waiting("taken1"), takenBy: "taken1", attempts: 2 },
		{ ...waiting("taken2"), takenBy: "taken1", attempts: 2 },
		{ ...waiting("amended"), text: "new" },
		{ ...waiting("later"), receivedAt: NOW + 1 },
	];
	const path = join(directory, "inbox.log");
	expect(statSync(path).size).toBeGreaterThan(200_000);
	const fresh = await file.open({ directory });
	expect(statSync(path).size).toBeLessThan(30_000);
	for (const reader of [fresh, store]) {
		expect(await reader.waitingMessages()).toStrictEqual(waits);
		expect(await reader.pendingParts("telegram")).toEqual([
			{ ...part("often", 0), content: { text } },
			part("a", 1),
			part("a", 0),
		]);
		expect(await reader.partsOf("sent")).toEqual([sent]);
	}
	await fresh.countAttempt("taken1");
	await fresh.finishMessages(["taken2", "amended", "later"]);
	const taken = { ...waiting("taken1"), takenBy: "taken1", attempts: 3 };
	expect(await store.waitingMessages()).toStrictEqual([taken]);
	// It is as old as it was before.
	const at = (receivedAt: number) =>
		store.acceptMessage({ ...waiting(`at ${receivedAt}`), receivedAt });
	await at(NOW + 1 + week);
	expect(await store.partsOf("sent")).toEqual([sent]);
	await at(NOW + 2 + week);
	expect(await store.partsOf("sent")).toEqual([]);
});

test("a waiting message torn anywhere is left out, and what follows it is kept", async () => {
	await store.acceptMessage(waiting("r1"));
	const path = join(directory, "inbox.log");
	const whole = statSync(path).size;
	await store.acceptMessage({ ...waiting("r2"), text: "torn ü}" });
	const bytes = readFileSync(path);
	for (let kept = 1; kept < bytes.length - whole - 1; kept++) {
		writeFileSync(path, bytes.subarray(0, whole + kept));
		const fresh = await file.open({ directory });
		expect(await fresh.waitingMessages()).toEqual([waiting("r1")]);
		await fresh.acceptMessage(waiting("r3"));
		const both = [waiting("r1"), waiting("r3")];
		expect(await fresh.waitingMessages()).toEqual(both);
	}
});

test("a long log is made short at opening: what waits stays, and what is finished is known for a week", async () => {
	const text = "x".repeat(1000);
	const week = 7 * 24 * 60 * 60 * 1000;
	for (let n = 0; n < 100; n++) {
		const message = { ...waiting(`r${n}`, `m${n}`), text };
		const receivedAt = n < 90 ? NOW - week : NOW;
		await store.acceptMessage({ ...message, receivedAt });
		if (n !== 50) await store.finishMessages([`r${n}`]);
	}
	const path = join(directory, "inbox.log");
	const fresh = await file.open({ directory });
	expect(statSync(path).size).toBeLessThan(4_000);
	expect(readdirSync(directory)).toEqual(["inbox.log"]);
	for (const reader of [fresh, store]) {
		const waits = { ...waiting("r50", "m50"), text, receivedAt: NOW - week };
		expect(await reader.waitingMessages()).toEqual([waits]);
		expect(await reader.acceptMessage(waiting("new", "m95"))).toBe("r95");
	}
	expect(await fresh.acceptMessage(waiting("again", "m0"))).toBe("again");
	expect(modeOf(path)).toBe("600");
});

test("what others write while the log is made short is kept", async () => {
	const writers = await Promise.all(
		Array.from({ length: 3 }, () => file.open({ directory })),
	);
	const text = "x".repeat(3000);
	const accepted: string[] = [];
	const write = async (writer: SessionStore, name: number) => {
		for (let n = 0; n < 60; n++) {
			const run = `${name} ${n}`;
			await writer.acceptMessage({ ...waiting(run), text });
			if (n % 10) await writer.finishMessages([run]);
			else accepted.push(run);
		}
	};
	let isWriting = true;
	const shorten = async () => {
		while (isWriting) {
			await file.open({ directory });
			await new Promise((resolve) => setImmediate(resolve));
		}
	};
	const shortening = Promise.all([shorten(), shorten()]);
	await Promise.all(writers.map(write));
	isWriting = false;
	await shortening;
	const waits = await store.waitingMessages();
	expect(waits.map(({ runId }) => runId).sort()).toEqual(accepted.sort());
});

test("of two lines for one message, as two processes may write them, the first counts", async () => {
	await store.acceptMessage(waiting("r1", "m1"));
	const path = join(directory, "inbox.log");
	appendFileSync(path, readFileSync(path, "utf8").replace("r1", "r2"));
	expect(await store.waitingMessages()).toEqual([waiting("r1", "m1")]);
	expect(await store.acceptMessage(waiting("r3", "m1"))).toBe("r1");
});

test("an amendment that comes into the log behind the turn of its message does not count", async () => {
	const other = await file.open({ directory });
	const { sessionKey } = waiting("");
	await store.acceptMessage(waiting("r2"));
	await store.saveMessage(sessionKey, user("hello"), NOW, ["r2"]);
	const line = { amended: "r2", text: "late" };
	const path = join(directory, "inbox.log");
	appendFileSync(path, `${JSON.stringify(line)}\n`);
	const taken = { ...waiting("r2"), takenBy: "r2", attempts: 1 };
	for (const reader of [store, other, await file.open({ directory })])
		expect(await reader.waitingMessages()).toStrictEqual([taken]);
});

test("a message that was added to a log just replaced is added again", async () => {
	const path = join(directory, "inbox.log");
	await store.acceptMessage(waiting("r1"));
	copyFileSync(path, `${path}.new`);
	const accepting = store.acceptMessage(waiting("r2"));
	renameSync(`${path}.new`, path);
	await accepting;
	const both = [waiting("r1"), waiting("r2")];
	expect(await store.waitingMessages()).toEqual(both);
});

test("a log is replaced together with what was added meanwhile", async () => {
	const path = join(directory, "inbox.log");
	await store.acceptMessage(waiting("r1"));
	const end = statSync(path).size;
	await store.acceptMessage(waiting("r2"));
	replaceLog(
		path,
		[{ run_id: "r1", dialog: "d", session_key: KEY, received_at: 1, text: "" }],
		end,
	);
	const runs = (await store.waitingMessages()).map(({ runId }) => runId);
	expect(runs).toEqual(["r1", "r2"]);
});

test("what is left of a process that was killed while it made the log short is no hindrance for long", async () => {
	const path = join(directory, "inbox.log");
	await store.acceptMessage(waiting("r1"));
	writeFileSync(`${path}.new`, "torn");
	replaceLog(path, [], 0);
	expect(await store.waitingMessages()).toHaveLength(1);
	utimesSync(`${path}.new`, 0, 0);
	replaceLog(path, [], 0);
	expect(readdirSync(directory)).toEqual(["inbox.log"]);
});

test("files that are not sessions are left alone", async () => {
	const saved = await say(store, KEY, "hello");
	writeFileSync(join(directory, "notes.txt"), "mine");
	writeFileSync(join(directory, "empty.jsonl"), "");
	writeFileSync(join(directory, "other.jsonl"), '{"a":1}\nnot json\n');
	copyFileSync(join(directory, NAME), join(directory, "copy.jsonl"));
	expect((await store.listSessions()).map((s) => s.sessionKey)).toEqual([KEY]);
	expect(await all(store, KEY)).toEqual(saved);
});

test("a file in the folder's place is said to be unopenable", async () => {
	const path = join(folder, "file");
	writeFileSync(path, "mine");
	await expect(file.open({ directory: path })).rejects.toMatchObject({
		code: "storage_failed",
		message: `The store ${path} failed: it cannot be opened`,
	});
});

test.skipIf(!canMount)(
	"a full disk refuses the message, and saving goes on once there is room (needs the right to mount)",
	async () => {
		await onSmallDisk(async (disk) => {
			const small = await file.open({ directory: disk });
			const saved = await say(small, KEY, "before");
			const ballast = join(disk, "ballast");
			writeFileSync(ballast, "x".repeat(700_000));
			await expect(
				small.saveMessage(KEY, user("x".repeat(500_000)), 1),
			).rejects.toMatchObject({
				code: "storage_failed",
				message: `The store ${join(disk, NAME)} failed: the disk is full`,
			});
			unlinkSync(ballast);
			saved.push(...(await say(small, KEY, "after")));
			expect(await all(small, KEY)).toEqual(saved);
		});
	},
);

test.skipIf(!canMount)(
	"a read-only disk is said to be unwritable (needs the right to mount)",
	async () => {
		await onSmallDisk(async (disk) => {
			const small = await file.open({ directory: disk });
			const saved = await say(small, KEY, "before");
			remount(disk, "ro");
			await expect(say(small, KEY, "after")).rejects.toMatchObject({
				code: "storage_failed",
				message: `The store ${join(disk, NAME)} failed: it may not be written`,
			});
			expect(await all(small, KEY)).toEqual(saved);
		});
	},
);

function modeOf(path: string): string {
	return (statSync(path).mode & 0o777).toString(8);
}

test("while pages of a list come one after the other no file is read twice, unless something was said in it", async () => {
	const keys = ["a", "b", "c", "d", "e"].map(
		(name) => `agent:main:cli:${name}`,
	);
	for (const [index, key] of keys.entries())
		await store.saveMessage(key, user("first"), NOW - index);
	const untouched = new Date(1_700_000_000_000);
	const files = readdirSync(directory).map((name) => join(directory, name));
	for (const path of files) utimesSync(path, untouched, untouched);
	const page = async (before: Parameters<typeof list>[0]) =>
		(await list(before)).map(({ lastText }) => lastText);
	const list = (before: { updatedAt: number; sessionKey: string }) =>
		store.listSessions({ before, limit: 2 });
	const [, last] = await list({ updatedAt: NOW + 1, sessionKey: "" });
	// As nobody does it: another text of the same length, at the same time.
	for (const path of files) {
		const text = readFileSync(path, "utf8").replace("first", "other");
		writeFileSync(path, text);
		utimesSync(path, untouched, untouched);
	}
	await store.saveMessage(`${keys[3]}`, user("said"), NOW - 3);
	const second = last ?? { updatedAt: 0, sessionKey: "" };
	expect(await page(second)).toEqual(["first", "said"]);
	expect(await page({ updatedAt: NOW - 3, sessionKey: `${keys[3]}` })).toEqual([
		"first",
	]);
	// That was the last page: the next list begins anew.
	expect(await page(second)).toEqual(["other", "said"]);
});
