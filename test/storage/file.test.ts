import { afterEach, beforeEach, expect, test } from "bun:test";
import {
	appendFileSync,
	copyFileSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	statSync,
	truncateSync,
	unlinkSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { file } from "../../src/storage/file.ts";
import type { SessionStore } from "../../src/storage/store.ts";
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
