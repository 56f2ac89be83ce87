// A server whose store is damaged, full or locked: it answers all the same, and says what is wrong.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import {
	mkdirSync,
	readdirSync,
	readFileSync,
	unlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { backUpToday } from "../../src/app_backup.ts";
import { findServer } from "../../src/core/presence.ts";
import { readSettings } from "../../src/settings/settings.ts";
import { canMount, grow, onSmallDisk } from "../storage/small_disk.ts";
import { start } from "../support/command.ts";
import { temporaryHome } from "../support/home.ts";
import {
	config,
	modelSaying,
	openServer,
	spawnServer,
	type TestServer,
} from "../support/server.ts";
import { WireClient } from "../support/wire.ts";

const KEY = "agent:main:ws:tests";
const OTHER = "agent:main:ws:other";

const database = (home: string) => join(home, ".aeon", "sessions.db");

/** What a turn says. */
async function say(client: WireClient, message: string, sessionKey = KEY) {
	const params = { message, sessionKey, wait: true };
	return (await client.call("agent.send", params)).text ?? "";
}

const contents = async (client: WireClient, sessionKey = KEY) =>
	(await client.call("session.history", { sessionKey })).messages.map(
		({ content }) => content,
	);

/** Puts nonsense in the place of a database, all of it or all but its first page. */
function damage(path: string, from = 0): void {
	writeFileSync(path, readFileSync(path).fill(0x7f, from));
}

/** Makes the daily backup of a home. */
async function backUp(home: string): Promise<void> {
	const reading = await readSettings({
		env: {},
		cwd: home,
		home,
		needs: "everything",
	});
	await backUpToday({
		reading,
		state: join(home, ".aeon"),
		now: Date.now(),
		signal: AbortSignal.timeout(10_000),
	});
}

async function readiness(server: TestServer) {
	const response = await server.get("/ready");
	return { status: response.status, ...((await response.json()) as object) };
}

/** A home in whose sessions something was said. */
async function usedHome(agent: object) {
	const home = temporaryHome();
	await using server = await openServer(config(agent), home.path);
	using client = await server.connect();
	await say(client, "before");
	return home;
}

for (const hasBackup of [true, false])
	test(`a database that is damaged at the start is set aside, ${hasBackup ? "its backup taken" : "without a backup"}, and every session hears of it once`, async () => {
		using model = await modelSaying(() => ({ text: "Well." }));
		using home = await usedHome(model.agent);
		const path = database(home.path);
		if (hasBackup) await backUp(home.path);
		damage(path);
		await using server = await spawnServer(config(model.agent), home.path);
		using client = await server.connect();
		const sentence = hasBackup
			? /could not be read, so the file was set aside as .*sessions\.db\.damaged-\d+; they go on from the backup of /
			: /could not be read, so the file was set aside as .*; there was no backup, so they begin anew/;
		await server.line(sentence);
		const { notices, storage } = await client.call("status");
		expect(storage).toEqual({ driver: "sqlite", isWell: true });
		expect(notices).toEqual([expect.stringMatching(sentence)]);
		expect(await readiness(server)).toMatchObject({
			status: 200,
			ok: true,
			notices: [expect.stringMatching(sentence)],
		});
		expect(server.logged("store.trouble")).toHaveLength(1);
		expect(await say(client, "one")).toMatch(sentence);
		expect(await say(client, "two")).toBe("Well.");
		expect(await say(client, "one", OTHER)).toMatch(sentence);
		expect(await say(client, "two", OTHER)).toBe("Well.");
		expect(await contents(client)).toEqual([
			...(hasBackup ? ["before", "Well."] : []),
			"one",
			"Well.",
			"two",
			"Well.",
		]);
		const aside = readdirSync(join(home.path, ".aeon")).filter((name) =>
			/^sessions\.db\.damaged-\d+$/.test(name),
		);
		expect(aside).toHaveLength(1);
	});

test("a database that is damaged while the server runs costs no answer", async () => {
	using model = await modelSaying(() => ({ text: "Well." }));
	using home = await usedHome(model.agent);
	await using server = await openServer(config(model.agent), home.path);
	using client = await server.connect();
	await say(client, "one");
	const path = database(home.path);
	// So that nothing is read from the cache.
	const other = new Database(path);
	other.run("CREATE TABLE other (x); PRAGMA wal_checkpoint(TRUNCATE)");
	other.close();
	damage(path, 4096);
	const said = await say(client, "two");
	expect(said).toMatch(/could not be read, so the file was set aside/);
	expect(said).toEndWith("Well.");
	expect(await say(client, "four")).toBe("Well.");
	const { notices, storage } = await client.call("status");
	expect(storage.isWell).toBe(true);
	expect(notices).toHaveLength(1);
});

test.skipIf(!canMount)(
	"on a full disk everybody is answered and told, and all is well again once there is room (needs the right to mount)",
	async () => {
		await onSmallDisk(async (folder) => {
			using model = await modelSaying(() => ({ text: "Well." }));
			await using server = await openServer(
				config(model.agent, {
					storage: {
						driver: "sqlite",
						sessions_db: join(folder, "sessions.db"),
					},
				}),
			);
			using client = await server.connect();
			const ballast = join(folder, "ballast");
			await say(client, "before");
			for (let size = 1_000_000; size > 500; size /= 2)
				try {
					writeFileSync(ballast, Buffer.alloc(Math.ceil(size)), { flag: "a" });
				} catch {}
			const large = "x".repeat(200_000);
			const full = /the disk is full/;
			const first = await say(client, large);
			const told = full.test(first) ? first : await say(client, "next");
			expect(told).toMatch(full);
			expect(told).toEndWith("Well.");
			expect(await say(client, "again")).toBe("Well.");
			const { storage } = await client.call("status");
			expect(storage).toMatchObject({
				isWell: false,
				problem: expect.stringMatching(full),
			});
			expect((await readiness(server)).status).toBe(503);
			const during = await contents(client);
			grow(folder);
			unlinkSync(ballast);
			while (!(await client.call("status")).storage.isWell) {
				await say(client, "and now", OTHER);
				// Thousands of them would be more than is kept.
				await Bun.sleep(10);
			}
			expect((await readiness(server)).status).toBe(200);
			expect(await contents(client)).toEqual(during);
			expect(await say(client, "after")).toBe("Well.");
			expect(server.logged("store.well")).not.toEqual([]);
		});
	},
);

test("while another program locks the database, the server lives, is not ready, and forgets nothing that waits", async () => {
	let answers = false;
	using model = await modelSaying(() =>
		answers ? { text: "Well." } : { instead: "hang" },
	);
	using home = temporaryHome();
	{
		await using server = await openServer(config(model.agent), home.path);
		using client = await server.connect();
		await client.call("agent.send", { message: "one", sessionKey: KEY });
		await client.call("agent.send", { message: "two", sessionKey: KEY });
		await model.llm.arrival(0);
	}
	answers = true;
	const locker = new Database(database(home.path));
	locker.run("PRAGMA journal_mode = DELETE");
	locker.run("BEGIN EXCLUSIVE");
	await using server = await openServer(config(model.agent), home.path);
	expect((await server.get("/health")).status).toBe(200);
	const ready = await readiness(server);
	expect(ready).toMatchObject({ status: 503, ok: false });
	expect(JSON.stringify(ready)).toMatch(/being opened|opening its store/);
	using client = await server.connect();
	await client.call("hello");
	while (!/locked/.test(JSON.stringify(await readiness(server))))
		await client.call("ping");
	locker.run("ROLLBACK");
	locker.close();
	await client.until(() =>
		client.events.some(({ event }) => event === "agent.done"),
	);
	while (!(await client.call("status")).storage.isWell);
	expect((await readiness(server)).status).toBe(200);
	expect(await contents(client)).toEqual(["one", "Well.", "two", "Well."]);
	await say(client, "three");
	expect(model.llm.requests).toHaveLength(4);
}, 30_000);

test("status answers though nothing can be counted, and says what is wrong", async () => {
	using home = temporaryHome();
	mkdirSync(database(home.path), { recursive: true });
	await using server = await openServer(config(), home.path);
	using client = await server.connect();
	const status = await client.call("status");
	expect(status).toMatchObject({
		sessions: 0,
		tokensToday: { inputTokens: 0, outputTokens: 0 },
		storage: { isWell: false, problem: expect.stringContaining("sessions.db") },
	});
});

test("what was accepted and could not be kept until the end is said to be lost, in time", async () => {
	using home = temporaryHome();
	const sections = config(undefined, { server: { drain_ms: 0 } });
	await using server = await spawnServer(sections, home.path);
	using client = await server.connect();
	await client.call("status");
	const locker = new Database(database(home.path));
	locker.run("PRAGMA busy_timeout = 5000");
	locker.run("BEGIN EXCLUSIVE");
	await client.call("agent.send", { message: "one", sessionKey: KEY });
	const before = performance.now();
	server.kill("SIGTERM");
	expect(await server.exited).toBe(0);
	expect(performance.now() - before).toBeLessThan(3_500);
	locker.close();
	const lost = /writes to agent:main:ws:tests are lost/;
	await server.line(lost);
	expect(JSON.stringify(server.logged("store.trouble"))).toMatch(lost);
}, 20_000);

test.skipIf(!canMount)(
	"a server starts on a full disk, and is found once there is room (needs the right to mount)",
	async () => {
		await onSmallDisk(async (home) => {
			const state = join(home, ".aeon");
			mkdirSync(state);
			writeFileSync(join(state, "aeon.json"), JSON.stringify(config()));
			writeFileSync(join(state, "token"), "the-token-of-before\n");
			const ballast = join(home, "ballast");
			for (let size = 1_000_000; size > 500; size /= 2)
				try {
					writeFileSync(ballast, Buffer.alloc(Math.ceil(size)), { flag: "a" });
				} catch {}
			const child = start(["serve"], { home });
			try {
				let said = "";
				for await (const chunk of child.stderr) {
					said += Buffer.from(chunk);
					if (said.includes("Aeon listens on ")) break;
				}
				const [url = ""] = /ws:[^;]+/.exec(said) ?? [said];
				using client = await new WireClient(`${url}/ws`, {
					token: "the-token-of-before",
				}).opened();
				expect((await client.call("status")).storage.isWell).toBe(false);
				expect(findServer(state)).toBeUndefined();
				unlinkSync(ballast);
				while (!findServer(state)) await client.call("ping");
				expect(findServer(state)).toMatchObject({ pid: child.pid, url });
			} finally {
				child.kill("SIGKILL");
				await child.exited;
			}
		});
	},
);
