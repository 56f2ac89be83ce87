// What is true of summaries and searches in the file store only: what is read, and what a file may hold.

import { afterEach, beforeEach, expect, test } from "bun:test";
import {
	appendFileSync,
	copyFileSync,
	mkdtempSync,
	readFileSync,
	rmSync,
	statSync,
	truncateSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { file } from "../../src/storage/file.ts";
import type { SessionStore } from "../../src/storage/store.ts";
import { all, say, user } from "./store_contract.ts";
import { summary } from "./summary_contract.ts";

const KEY = "agent:main:cli:local";
const NOW = 1_760_000_000_000;

let directory: string;
let path: string;
let store: SessionStore;

beforeEach(async () => {
	directory = mkdtempSync(join(tmpdir(), "aeon-file-search-"));
	path = join(directory, "agent%3amain%3acli%3alocal.jsonl");
	store = await file.open({ directory });
});

afterEach(async () => {
	await store.close();
	rmSync(directory, { recursive: true });
});

test("what was looked through for a summary is not looked through again", async () => {
	await say(store, KEY, "x".repeat(100));
	expect(await store.findSummary(KEY)).toBeUndefined();
	const line = JSON.stringify({ ...summary("forged", 1), timestamp: 5 });
	const bytes = readFileSync(path);
	const forged = Buffer.from(
		line.padEnd(bytes.length - bytes.indexOf("\n") - 2),
	);
	forged.copy(bytes, bytes.indexOf("\n") + 1);
	writeFileSync(path, bytes);
	expect(await store.findSummary(KEY)).toBeUndefined();
	const fresh = await file.open({ directory });
	expect((await fresh.findSummary(KEY))?.content).toBe("forged");
	const saved = await store.saveMessage(KEY, summary("new", 1), NOW);
	for (const one of [store, fresh])
		expect(await one.findSummary(KEY)).toEqual(saved as never);
});

test("a summary is found where its line lies across pieces of the file", async () => {
	for (const length of [65_300, 65_400, 65_420, 65_440, 65_460, 65_536]) {
		await say(store, KEY, "x".repeat(length));
		const saved = await store.saveMessage(KEY, summary(`${length}`, 1), NOW);
		const fresh = await file.open({ directory });
		for (const one of [store, fresh])
			expect(await one.findSummary(KEY)).toEqual(saved as never);
	}
	for (let length = 65_536 - 230; length < 65_536 - 50; length++) {
		truncateSync(path, 0);
		const saved = await store.saveMessage(KEY, summary("s", 1), NOW);
		await say(store, KEY, "x".repeat(length));
		const fresh = await file.open({ directory });
		expect(await fresh.findSummary(KEY)).toEqual(saved as never);
	}
});

test("a summary that is torn anywhere is none, and the one before it is found", async () => {
	await say(store, KEY, "one");
	const first = await store.saveMessage(KEY, summary("first", 1), NOW);
	const whole = statSync(path).size;
	await store.saveMessage(KEY, summary("torn ü}", 1), NOW);
	const bytes = readFileSync(path);
	for (let kept = 1; kept < bytes.length - whole - 1; kept++) {
		writeFileSync(path, bytes.subarray(0, whole + kept));
		const fresh = await file.open({ directory });
		expect(await fresh.findSummary(KEY)).toEqual(first as never);
		const next = await store.saveMessage(KEY, summary("next", 1), NOW);
		for (const one of [fresh, store])
			expect(await one.findSummary(KEY)).toEqual(next as never);
	}
});

test("a summary is found in what another process has put in the file's place", async () => {
	await say(store, KEY, "one", "two");
	const saved = await store.saveMessage(KEY, summary("mine", 1), NOW);
	expect(await store.findSummary(KEY)).toEqual(saved as never);
	const bytes = readFileSync(path);
	truncateSync(path, saved.id);
	expect(await store.findSummary(KEY)).toBeUndefined();
	// The same file, cut and filled again with something else.
	writeFileSync(path, bytes);
	await store.findSummary(KEY);
	writeFileSync(path, bytes.fill("x", saved.id, saved.id + 9));
	expect(await store.findSummary(KEY)).toBeUndefined();
});

test("a summary that was seen while it was being written is found", async () => {
	await say(store, KEY, "one");
	const whole = statSync(path).size;
	const saved = await store.saveMessage(KEY, summary("s", 1), NOW);
	const bytes = readFileSync(path);
	for (const cut of [5, 30, bytes.length - whole - 2]) {
		const fresh = await file.open({ directory });
		writeFileSync(path, bytes.subarray(0, whole + cut));
		expect(await fresh.findSummary(KEY)).toBeUndefined();
		appendFileSync(path, bytes.subarray(whole + cut));
		expect(await fresh.findSummary(KEY)).toEqual(saved as never);
	}
});

test("a summary is found in a file that has become shorter", async () => {
	const saved = await store.saveMessage(KEY, summary("s", 1), NOW);
	const bytes = readFileSync(path);
	truncateSync(path, saved.id);
	await say(store, KEY, "x".repeat(9_000));
	expect(await store.findSummary(KEY)).toBeUndefined();
	writeFileSync(path, bytes);
	expect(await store.findSummary(KEY)).toEqual(saved as never);
});

test("a summary whose numbers are unreadable stands for nothing", async () => {
	await say(store, KEY, "one");
	for (const through of ["-1", "1.5", "1e300", '"1"', "null"]) {
		appendFileSync(
			path,
			`{"role":"summary","content":"short","timestamp":5,"metadata":{"through":${through}}}\n`,
		);
		expect(await store.findSummary(KEY)).toMatchObject(summary("short", 0));
	}
});

test("what is torn, foreign or written by hand keeps nothing else from being found", async () => {
	await say(store, KEY, "a walnut");
	appendFileSync(
		path,
		[
			'{"role":"user","content":"torn walnut',
			"walnut",
			'{"walnut":1}',
			'{"timestamp":1,"content":"by hand: w\\u0061lnut","role":"user"}',
			'{"content":"by hand: walnut","timestamp":1,"role":"assistant"}',
			"",
		].join("\n"),
	);
	const found = await find("walnut");
	expect(found.map(({ text }) => text).sort()).toEqual([
		"a walnut",
		"by hand: walnut",
	]);
});

test("a file that a person has copied to another's name is searched for nobody", async () => {
	await say(store, KEY, "a walnut");
	copyFileSync(path, join(directory, "agent%3amain%3acli%3aben.jsonl"));
	const query = { text: "walnut", limit: 9 };
	expect(
		await store.searchMessages({
			...query,
			sessionKeys: ["agent:main:cli:ben"],
		}),
	).toEqual([]);
	expect(await find("walnut")).toHaveLength(1);
});

test("of sessions and archives the latest are read first, and no more than 32 MB of all", async () => {
	const other = "agent:main:telegram:1";
	const large = "y".repeat(1_000_000);
	await store.saveMessage(KEY, user("walnut oldest"), 1);
	await store.saveMessage(other, user("walnut old"), 2);
	await store.resetSession(KEY, 3);
	for (let n = 0; n < 30; n++)
		await store.saveMessage(n % 2 ? KEY : other, user(large), 10 + n);
	await store.saveMessage(KEY, user("walnut new"), 50);
	await store.saveMessage(other, user("walnut newest"), 60);
	const texts = async () =>
		(
			await store.searchMessages({
				text: "walnut",
				sessionKeys: [KEY, other],
				limit: 9,
			})
		).map(({ text }) => text);
	expect(await texts()).toEqual([
		"walnut newest",
		"walnut new",
		"walnut old",
		"walnut oldest",
	]);
	for (let n = 0; n < 4; n++) await store.saveMessage(KEY, user(large), 20 + n);
	expect(await texts()).toEqual(["walnut newest", "walnut new"]);
}, 20_000);

test("a torn line does not make what was said before it older", async () => {
	const other = "agent:main:telegram:1";
	await store.saveMessage(other, user("walnut old"), 2);
	await store.saveMessage(KEY, user("walnut new"), 50);
	appendFileSync(path, '{"role":"user","content":"torn');
	const found = await store.searchMessages({
		text: "walnut",
		sessionKeys: [other, KEY],
		limit: 9,
	});
	expect(found.map(({ text }) => text)).toEqual(["walnut new", "walnut old"]);
});

test("others have their turn while much is read", async () => {
	await say(store, KEY, "one");
	const line = '{"role":"user","content":"walnut of many","timestamp":5}\n';
	appendFileSync(path, line.repeat(50_000));
	let [turns, isFound] = [0, false];
	const searching = find("walnut").then(() => {
		isFound = true;
	});
	for (; !isFound; turns++)
		await new Promise((resolve) => setImmediate(resolve));
	await searching;
	expect(turns).toBeGreaterThan(3);
});

test("the session that is shown is the one that was said, never a summary", async () => {
	await say(store, KEY, "said");
	await store.saveMessage(KEY, summary("short", 1), NOW + 5);
	expect(await store.listSessions()).toMatchObject([
		{ lastText: "said", messageCount: 2 },
	]);
	expect(await all(store, KEY)).toHaveLength(2);
});

function find(text: string) {
	return store.searchMessages({ text, sessionKeys: [KEY], limit: 9 });
}
