import { expect, test } from "bun:test";
import {
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	renameSync,
	statSync,
	utimesSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { keepDailyBackups } from "../../src/app_daily.ts";
import { dailyName } from "../../src/backup/daily.ts";
import { createLogger } from "../../src/core/logger.ts";
import { readSettings } from "../../src/settings/settings.ts";
import {
	configOf,
	DRIVERS,
	fullHome,
	PASSING,
	remembered,
	STATE,
	saidIn,
	sayIn,
} from "../backup/full_home.ts";
import { canMount, onSmallDisk, remount } from "../storage/small_disk.ts";
import { run, start } from "../support/command.ts";
import { temporaryFolder, temporaryHome } from "../support/home.ts";
import {
	config,
	type InChild,
	modelSaying,
	openServer,
	spawnServer,
} from "../support/server.ts";
import { upTo, type WireClient } from "../support/wire.ts";

const DAY_MS = 24 * 60 * 60_000;

const SESSIONS = upTo(4).map((n) => `agent:main:ws:${n}`);

for (const driver of DRIVERS) {
	test(`a backup of a ${driver} store comes back into a new home, with everything in it`, async () => {
		using home = await fullHome(driver);
		using other = temporaryFolder();
		const file = join(other.path, "a.tar.gz");
		const made = await run(["backup", file], { home: home.path });
		expect(made).toMatchObject({ code: 0, err: "" });
		expect(made.out).toMatch(
			/^Wrote .*: 1 session, 2 messages, 2 facts, aeon.json, the token, the secrets, 4 lists, 1 prompt; \d+ kB\. The workspace is not in it\.\n$/,
		);
		expect(statSync(file).mode & 0o777).toBe(0o600);
		const back = await run(["restore", file, "--yes"], { home: other.path });
		expect(back).toMatchObject({ code: 0, err: "" });
		expect(await saidIn(other.path, driver)).toEqual(["one", "two"]);
		expect(await remembered(other.path)).toEqual([
			"The cat is called Kaa.",
			"Anna likes tea.",
		]);
		const state = join(other.path, ".aeon");
		for (const [name, text] of Object.entries(STATE))
			expect([name, readFileSync(join(state, name), "utf8")]).toEqual([
				name,
				text,
			]);
		for (const name of Object.keys(PASSING))
			expect([name, existsSync(join(state, name))]).toEqual([name, false]);
		for (const name of ["aeon.json", "persona.txt"])
			expect(readFileSync(join(state, name), "utf8")).toBe(
				readFileSync(join(home.path, ".aeon", name), "utf8"),
			);
		for (const name of readdirSync(state, { recursive: true }).map(String)) {
			const status = statSync(join(state, name));
			const mode = status.isDirectory() ? 0o700 : 0o600;
			expect([name, status.mode & 0o777]).toEqual([name, mode]);
		}
	});

	test(`a backup of a ${driver} store that is busy has every message that was acknowledged before`, async () => {
		using model = await modelSaying(({ lastText }) => ({
			text: `To ${lastText.split("] ").at(-1)}`,
		}));
		const sections = config(model.agent, {
			storage: { driver },
			compaction: { at: 0 },
		});
		using folder = temporaryFolder();
		const file = join(folder.path, "a.tar.gz");
		const before = new Map<string, number>();
		{
			await using server = await spawnServer(sections);
			const acknowledged = new Map(SESSIONS.map((key) => [key, 0]));
			const talking = Promise.allSettled(
				SESSIONS.map((key) => talk(server, key, acknowledged)),
			);
			using client = await server.connect();
			await until(client, () =>
				[...acknowledged.values()].every((count) => count > 5),
			);
			for (const [key, count] of acknowledged) before.set(key, count);
			const made = await run(["backup", file], { home: server.home });
			expect(made).toMatchObject({ code: 0, err: "" });
			expect(server.logged("fault")).toEqual([]);
			server.kill("SIGKILL");
			await talking;
		}
		const back = await run(["restore", file, "--yes"], { home: folder.path });
		expect(back).toMatchObject({ code: 0, err: "" });
		writeFileSync(
			join(folder.path, ".aeon", "aeon.json"),
			JSON.stringify(sections),
		);
		await using again = await spawnServer(sections, folder.path);
		using client = await again.connect();
		for (const key of SESSIONS) {
			const messages = await settled(client, key, before.get(key) ?? 0);
			const said = messages
				.filter(({ role }) => role === "user")
				.map(({ content }) => content);
			expect(said.length).toBeGreaterThanOrEqual(before.get(key) ?? 0);
			expect(said).toEqual(upTo(said.length).map((n) => `m${n}`));
			// What came after the backup had begun may be in it as far as it had got.
			const spoken = upTo(said.length).flatMap((n) => [`m${n}`, `To m${n}`]);
			expect(messages.map(({ content }) => content)).toEqual(
				spoken.slice(0, messages.length),
			);
		}
	}, 60_000);
}

/** Says one thing after the other until the server is gone. */
async function talk(
	server: InChild,
	sessionKey: string,
	acknowledged: Map<string, number>,
) {
	using client = await server.connect();
	for (let n = 1; ; n++) {
		const { runId } = await client.call("agent.send", {
			message: `m${n}`,
			messageId: `${sessionKey} m${n}`,
			sessionKey,
		});
		acknowledged.set(sessionKey, n);
		await client.end(runId);
	}
}

async function until(client: WireClient, isTrue: () => boolean) {
	while (!isTrue()) await client.call("ping");
}

/** What was said in a session, once so many messages are answered and nothing runs: a start takes up what waits. */
async function settled(client: WireClient, sessionKey: string, count: number) {
	for (;;) {
		const { queue } = await client.call("status");
		const { messages } = await client.call("session.history", {
			sessionKey,
			limit: 500,
		});
		const isThere = messages.some(({ content }) => content === `To m${count}`);
		if (queue.running === 0 && isThere) return messages;
	}
}

test("a backup is refused where there is nothing to back up, and where its file cannot be", async () => {
	using home = temporaryHome();
	const { path } = home;
	const file = join(path, "a.tar.gz");
	const refused = (...args: string[]) =>
		run(["backup", ...args], { home: path });
	expect(await refused(file)).toEqual({
		code: 1,
		out: "",
		err: "aeon: there is nothing yet to back up\n",
	});
	await sayIn(path, "sqlite", "one");
	const usage = "write aeon backup FILE [--force], or aeon backup --daily\n";
	for (const args of [[], [file, "--daily"], ["--daily", "--force"]])
		expect(await refused(...args)).toEqual({
			code: 2,
			out: "",
			err: `aeon: ${usage}`,
		});
	expect(await refused(path)).toMatchObject({ code: 2 });
	writeFileSync(file, "precious");
	expect(await refused("a.tar.gz")).toEqual({
		code: 1,
		out: "",
		err: `aeon: ${file} is there already\nName another file, or replace this one with --force.\n`,
	});
	expect(await refused(file, "--force")).toMatchObject({ code: 0 });
	const config = join(path, "aeon.json");
	const memory = { database: `\${NOWHERE}/memory.db` };
	writeFileSync(config, JSON.stringify(configOf("sqlite", { memory })));
	expect(await refused(file, "--force", "--config", config)).toEqual({
		code: 2,
		out: "",
		err: `aeon: ${config} cannot be used:\n  memory.database: \${NOWHERE} is not set in the environment: set NOWHERE\n`,
	});
});

test("a backup that is interrupted leaves nothing behind", async () => {
	using home = await fullHome("file");
	const { path } = home;
	const sessions = join(path, ".aeon", "sessions");
	const [name = ""] = readdirSync(sessions).filter((one) => /main/.test(one));
	const random = crypto.getRandomValues(new Uint8Array(65_536)).toHex();
	const line = JSON.stringify({
		...JSON.parse(
			readFileSync(join(sessions, name), "utf8").trim().split("\n").at(-1) ??
				"",
		),
		content: random,
	});
	for (const _ of upTo(40))
		writeFileSync(join(sessions, name), `${line}\n`.repeat(10), { flag: "a" });
	mkdirSync(join(path, "out"));
	const child = start(["backup", join(path, "out", "a.tar.gz")], {
		home: path,
	});
	const growing = () =>
		readdirSync(join(path, "out"), { recursive: true }).some((one) =>
			String(one).endsWith("packed"),
		);
	while (!growing()) await Bun.sleep(2);
	child.kill("SIGINT");
	expect(await child.exited).not.toBe(0);
	expect(await child.stderr.text()).toBe("aeon: no backup was made\n");
	expect(readdirSync(join(path, "out"))).toEqual([]);
}, 60_000);

test("of the daily backups as many are kept as are wanted, and nothing else in their folder is touched", async () => {
	using home = await fullHome("sqlite");
	const { path } = home;
	const place = join(path, "stick");
	writeFileSync(
		join(path, ".aeon", "aeon.json"),
		JSON.stringify(
			configOf("sqlite", { backups: { directory: place, keep: 2 } }),
		),
	);
	mkdirSync(place);
	const ahead = `aeon-${new Date().getFullYear() + 3}-01-01-0000.tar.gz`;
	const left = `aeon-2026-01-01-0000.tar.gz.${crypto.randomUUID()}.tmp`;
	mkdirSync(join(place, left));
	for (const name of [
		"aeon-2025-01-02-0000.tar.gz",
		"aeon-2025-01-03-0000.tar.gz",
		"holiday.tar.gz",
		ahead,
	])
		writeFileSync(join(place, name), "x");
	const made = await run(["backup", "--daily"], { home: path });
	expect(made).toMatchObject({ code: 0, err: "" });
	const [, name = ""] = /Wrote .*\/(aeon-[^:]+):/.exec(made.out) ?? [];
	expect(readdirSync(place).sort()).toEqual(
		["aeon-2025-01-03-0000.tar.gz", name, "holiday.tar.gz"].sort(),
	);
	writeFileSync(
		join(path, ".aeon", "aeon.json"),
		JSON.stringify(configOf("sqlite", { backups: { keep: 0 } })),
	);
	expect(await run(["backup", "--daily"], { home: path })).toMatchObject({
		code: 2,
		err: "aeon: backups.keep is 0: none is kept\n",
	});
});

test("where no daily backup can be put it is said with the name of the setting, and what to do", async () => {
	using home = await fullHome("sqlite");
	const { path } = home;
	writeFileSync(join(path, "file"), "x");
	const daily = (directory: string) => {
		const config = configOf("sqlite", { backups: { directory } });
		writeFileSync(join(path, ".aeon", "aeon.json"), JSON.stringify(config));
		return run(["backup", "--daily"], { home: path });
	};
	for (const directory of [join(path, "file"), join(path, "file", "below")])
		expect(await daily(directory)).toEqual({
			code: 1,
			out: "",
			err: `aeon: No backup can be put into backups.directory of aeon.json: ${directory} is no folder: there is a file in its place\nName another folder, or move that file aside.\n`,
		});
	// Root may write everywhere.
	if (process.getuid?.() !== 0) {
		const closed = join(path, "closed");
		mkdirSync(closed, { mode: 0o500 });
		expect(await daily(closed)).toEqual({
			code: 1,
			out: "",
			err: `aeon: No backup can be put into backups.directory of aeon.json: ${closed} may not be written\nCheck who owns it, or name another folder.\n`,
		});
	}
	if (!canMount) return;
	await onSmallDisk(async (disk) => {
		remount(disk, "ro");
		for (const directory of [disk, join(disk, "below")])
			expect(await daily(directory)).toEqual({
				code: 1,
				out: "",
				err: `aeon: No backup can be put into backups.directory of aeon.json: ${directory} may not be written: its disk is mounted read-only\nMount that disk so that it can be written, or name a folder on another one.\n`,
			});
	});
});

test.skipIf(process.platform !== "linux")(
	"a server has a backup made by a process of its own, which is not given its keys (needs /proc)",
	async () => {
		using home = await fullHome("sqlite");
		const { path } = home;
		const file = join(path, ".aeon", "aeon.json");
		writeFileSync(
			file,
			JSON.stringify(
				configOf("sqlite", {
					agents: {
						main: {
							provider: "anthropic",
							model: "m",
							api_key: `\${CANARY_KEY}`,
							system_prompt_file: `\${PERSONAS}/persona.txt`,
						},
					},
				}),
			),
		);
		const env = {
			PATH: process.env.PATH ?? "",
			CANARY_KEY: "sk-canary",
			PERSONAS: join(path, ".aeon"),
		};
		const surroundings = { env, cwd: path, home: path };
		const reading = await readSettings({ ...surroundings, needs: "storage" });
		const log = join(path, "log");
		const stopping = new AbortController();
		const ended = keepDailyBackups(
			{
				surroundings,
				reading: () => reading,
				logger: createLogger({ path: log, level: "info", secrets: [] }),
				pace: { firstMs: 1, pauseMs: 20 },
			},
			stopping.signal,
		);
		let environment = "";
		while (!existsSync(log)) {
			environment ||= environmentOf("--daily");
			await Bun.sleep(1);
		}
		stopping.abort();
		await ended;
		const [record] = readFileSync(log, "utf8").trim().split("\n");
		const { event, said, problem } = JSON.parse(record ?? "");
		expect({ event, problem }).toEqual({
			event: "backup.made",
			problem: undefined,
		});
		expect(said).toContain("1 session, 2 messages, 2 facts");
		expect(said).toContain("1 prompt");
		expect(readdirSync(join(path, ".aeon", "backups"))).toHaveLength(1);
		expect(environment).toContain(`PERSONAS=${env.PERSONAS}`);
		expect(environment).not.toContain("sk-canary");
	},
	60_000,
);

/** The environment of a process of ours with this argument, as far as it can be seen. */
function environmentOf(argument: string): string {
	for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name)))
		try {
			const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
			const status = readFileSync(`/proc/${pid}/status`, "utf8");
			if (!words.includes(argument)) continue;
			if (!status.includes(`PPid:\t${process.pid}\n`)) continue;
			return readFileSync(`/proc/${pid}/environ`, "utf8");
		} catch {}
	return "";
}

test("a server has a second backup made only once something has changed", async () => {
	using home = await fullHome("sqlite");
	const { path } = home;
	await using server = await openServer(configOf("sqlite"), path);
	using client = await server.connect();
	const { runId } = await client.call("agent.send", { message: "hello" });
	await client.end(runId);
	const surroundings = { env: {}, cwd: path, home: path };
	const reading = await readSettings({ ...surroundings, needs: "storage" });
	const backups = join(path, ".aeon", "backups");
	let looks = 0;
	const stopping = new AbortController();
	const ended = keepDailyBackups(
		{
			surroundings,
			reading() {
				looks++;
				return reading;
			},
			logger: createLogger({
				path: join(path, "log"),
				level: "info",
				secrets: [],
			}),
			pace: { firstMs: 1, pauseMs: 5 },
		},
		stopping.signal,
	);
	const files = () => (existsSync(backups) ? readdirSync(backups) : []);
	const state = join(path, ".aeon");
	const made = () => files().filter((name) => name.endsWith(".gz"));
	while (made().length < 1) await Bun.sleep(5);
	// As if it had been made two days ago, and what is in it a day before that.
	const then = Date.now() - 2 * DAY_MS;
	for (const { name } of readdirSync(state, { withFileTypes: true }))
		utimesSync(join(state, name), then / 1000 - 86_400, then / 1000 - 86_400);
	renameSync(join(backups, made()[0] ?? ""), join(backups, dailyName(then)));
	const before = looks;
	while (looks < before + 20) await Bun.sleep(5);
	expect(files()).toEqual([dailyName(then)]);
	const again = await client.call("agent.send", { message: "hello again" });
	await client.end(again.runId);
	while (made().length < 2) await Bun.sleep(5);
	stopping.abort();
	await ended;
}, 60_000);
