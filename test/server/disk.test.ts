// What a server does when its disk fails it: it goes on, and says so everywhere.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import {
	copyFileSync,
	mkdirSync,
	readdirSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { canMount, grow, onSmallDisk } from "../storage/small_disk.ts";
import { temporaryHome } from "../support/home.ts";
import { config, type InChild, spawnServer } from "../support/server.ts";
import type { WireClient } from "../support/wire.ts";

const KEY = "agent:main:ws:tests";

for (const hasBackup of [true, false])
	test(`a damaged database is put aside at the start, ${hasBackup ? "its newest backup taken" : "a new one begun"}, and it is said everywhere once`, async () => {
		using home = temporaryHome();
		const database = join(home.path, ".aeon", "sessions.db");
		await haveConversation(home.path);
		if (hasBackup) backUp(database);
		for (const beside of ["-wal", "-shm"])
			rmSync(`${database}${beside}`, { force: true });
		writeFileSync(database, "this is no database ".repeat(500));
		await using server = await spawnServer(config(), home.path);
		using client = await server.connect();
		await expectSaid(server, client, hasBackup);
		const names = readdirSync(join(home.path, ".aeon"));
		expect(
			names.filter((name) => /^sessions\.db\.damaged-\d+$/.test(name)),
		).toHaveLength(1);
	});

test("a database that is damaged while it is used is put aside with its -wal and -shm, and the answer still comes", async () => {
	await using server = await spawnServer(config());
	using client = await server.connect();
	await say(client, "one");
	const database = join(server.home, ".aeon", "sessions.db");
	backUp(database);
	// From outside, over what the server has open.
	writeFileSync(database, Buffer.alloc(40_960, 7));
	writeFileSync(`${database}-wal`, Buffer.alloc(0));
	await expectSaid(server, client, true);
	const { messages } = await client.call("session.history", {
		sessionKey: KEY,
	});
	expect(messages.map(({ content }) => content)).toContain("after the damage");
});

test.skipIf(!canMount)(
	"on a full disk every message is answered, it is said, and kept once there is room (needs the right to mount)",
	() =>
		onSmallDisk(async (disk) => {
			const sessions_db = join(disk, "sessions.db");
			await using server = await spawnServer(
				config(undefined, { storage: { sessions_db } }),
			);
			using client = await server.connect();
			await say(client, "while there is room");
			fill(join(disk, "ballast"));
			const first = await say(client, "x".repeat(100_000));
			const second = await say(client, "once more");
			expect(`${first}${second}`).toContain("the disk is full");
			const { storage } = await client.call("status");
			expect(storage).toMatchObject({ isWell: false });
			expect(storage.problem).toContain("the disk is full");
			const ready = await server.get("/ready");
			expect(ready.status).toBe(503);
			expect(await ready.text()).toContain("the disk is full");
			expect(server.said.join("\n")).toContain("the disk is full");
			expect(await contents(client)).toContain("once more");
			grow(disk);
			await say(client, "room again");
			while ((await server.get("/ready")).status !== 200) await Bun.sleep(50);
			using reader = new Database(sessions_db, { readonly: true });
			const kept = reader
				.query<{ content: string }, []>(
					"SELECT content FROM messages WHERE role = 'user' ORDER BY id",
				)
				.all()
				.map(({ content }) => content.slice(0, 20));
			expect(kept).toEqual([
				"while there is room",
				"x".repeat(20),
				"once more",
				"room again",
			]);
		}),
);

test("a database that another program keeps locked at the start holds up nothing, and what is said meanwhile is kept", async () => {
	using home = temporaryHome();
	await haveConversation(home.path);
	const path = join(home.path, ".aeon", "sessions.db");
	const other = new Database(path);
	other.run("PRAGMA locking_mode = EXCLUSIVE");
	other.run("BEGIN EXCLUSIVE");
	await using server = await spawnServer(config(), home.path);
	expect((await server.get("/health")).status).toBe(200);
	expect((await server.get("/ready")).status).toBe(503);
	using client = await server.connect();
	const text = await say(client, "are you there?");
	expect(text).toContain("are you there?");
	other.run("ROLLBACK");
	other.close();
	while ((await server.get("/ready")).status !== 200) await Bun.sleep(50);
	expect(await contents(client)).toContain("are you there?");
}, 60_000);

/** A home with one answered message. */
async function haveConversation(home: string): Promise<void> {
	await using server = await spawnServer(config(), home);
	using client = await server.connect();
	await say(client, "before the damage");
	server.kill("SIGTERM");
	await server.exited;
}

async function say(client: WireClient, message: string): Promise<string> {
	const { text = "" } = await client.call("agent.send", {
		message,
		sessionKey: KEY,
		wait: true,
	});
	return text;
}

async function contents(client: WireClient): Promise<string[]> {
	const { messages } = await client.call("session.history", {
		sessionKey: KEY,
	});
	return messages.map(({ content }) => content);
}

/** The damage and what was done about it: in the next answer of each session, in status, /ready, the log and the terminal. */
async function expectSaid(
	server: InChild,
	client: WireClient,
	hasBackup: boolean,
): Promise<void> {
	const what = hasBackup ? "from the backup of" : "there was no backup";
	expect(await say(client, "after the damage")).toContain(what);
	expect(await say(client, "and again")).not.toContain(what);
	const { storage, notices } = await client.call("status");
	expect(storage.isWell).toBe(true);
	expect(notices.join()).toContain(what);
	expect(await (await server.get("/ready")).text()).toContain(what);
	expect(server.log()).toContain(what);
	expect(server.said.join("\n")).toContain(what);
}

function backUp(database: string): void {
	const folder = join(database, "..", "backups");
	mkdirSync(folder, { recursive: true });
	using whole = new Database(database);
	whole.run("PRAGMA wal_checkpoint(TRUNCATE)");
	copyFileSync(database, join(folder, "sessions.db"));
}

/** Takes all the room that is left. */
function fill(path: string): void {
	for (const size of [100_000, 4096, 100])
		try {
			for (;;) writeFileSync(path, Buffer.alloc(size), { flag: "a" });
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
		}
}
