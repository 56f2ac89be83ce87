import { expect, test } from "bun:test";
import { describeStatus } from "../../src/commands/status.ts";
import { run } from "../support/command.ts";
import { rememberFacts } from "../support/facts.ts";
import { temporaryHome } from "../support/home.ts";
import { ANY_PORT, startServe } from "../support/serve.ts";
import { homeWithModel } from "./home_with_model.ts";

test("status says of the running server how it is, a line for everything", async () => {
	using it = await homeWithModel(
		[{ text: "Hi.", usage: { input: 20, output: 3 } }],
		ANY_PORT,
	);
	const { home } = it;
	await rememberFacts(home, [
		{ agentId: "main", user: "cli:local", text: "Likes tea." },
		{ agentId: "main", user: "cli:local", text: "Lives in Graz." },
	]);
	using serve = await startServe(home);
	await run(["chat", "-m", "hi"], { home });
	const { code, out, err } = await run(["status"], { home });
	expect({ code, err }).toEqual({ code: 0, err: "" });
	const lines = new Map(
		out
			.trimEnd()
			.split("\n")
			.map((line) => [line.slice(0, 10).trim(), line.slice(10)]),
	);
	expect(Object.fromEntries(lines)).toEqual({
		version: expect.stringMatching(/^\d+\.\d+\.\d+/),
		process: `${serve.presence.pid}`,
		uptime: expect.stringMatching(/^\d+ s$/),
		memory: expect.stringMatching(/^\d+ MB$/),
		config: `${home}/.aeon/aeon.json`,
		storage: "sqlite, well",
		sessions: "1",
		facts: "2",
		clients: "1",
		dialogs: "ws running",
		queue: "0 running, 0 waiting",
		today: "20 tokens in (0 from the cache), 3 out",
		faults: "0",
	});
	const json = await run(["status", "--json"], { home });
	expect(json.out.trimEnd().split("\n")).toHaveLength(1);
	expect(JSON.parse(json.out)).toMatchObject({
		pid: serve.presence.pid,
		sessions: 1,
		facts: { count: 2, waiting: 0 },
		clients: 1,
		queue: { running: 0, waiting: 0 },
		tokensToday: { inputTokens: 20, outputTokens: 3 },
		storage: { driver: "sqlite", isWell: true },
	});
});

test("without a server status says so, and how to start one, with exit code 1", async () => {
	using home = temporaryHome();
	for (const flags of [[], ["--json"]])
		expect(await run(["status", ...flags], { home: home.path })).toEqual({
			code: 1,
			out: "",
			err: "aeon: aeon serve is not running\nStart it with aeon serve, or name one elsewhere with --url ws://HOST:7777.\n",
		});
});

test("status shows times in two units, what is wrong with the storage, and what every person should know", () => {
	const found = {
		version: "1.2.3",
		pid: 7,
		uptimeMs: 0,
		config: null,
		memory: { rssBytes: 38_400_000 },
		storage: { driver: "file", isWell: false, problem: "the disk is full" },
		sessions: 2,
		clients: 3,
		dialogs: [
			{ name: "ws", state: "running" as const },
			{ name: "telegram", state: "retrying" as const },
			{
				name: "whatsapp",
				state: "stopped" as const,
				problem: "the token is refused",
				delay: {
					since: Date.UTC(2026, 0, 1, 2, 3, 4),
					parts: 2,
					reason: "too many at once",
				},
				lastFailure: {
					at: Date.UTC(2026, 0, 2, 3, 4, 5),
					reason: "they wrote too long ago",
				},
			},
		],
		queue: { running: 1, waiting: 2 },
		tokensToday: {
			inputTokens: 5,
			outputTokens: 6,
			cacheReadTokens: 4,
			cacheWriteTokens: 0,
		},
		faults: 1,
		notices: ["A word.\x1b[31m", "Another."],
	};
	expect(describeStatus(found)).toBe(
		[
			"version   1.2.3",
			"process   7",
			"uptime    0 s",
			"memory    38 MB",
			"config    none; the defaults",
			"storage   file, the disk is full",
			"sessions  2",
			"clients   3",
			"dialogs   ws running, telegram retrying, whatsapp stopped (the token is refused; 2 waiting since 2026-01-01T02:03Z: too many at once; could not deliver at 2026-01-02T03:04Z: they wrote too long ago)",
			"queue     1 running, 2 waiting",
			"today     5 tokens in (4 from the cache), 6 out",
			"faults    1",
			"notice    A word.\\x1b[31m",
			"notice    Another.",
			"",
		].join("\n"),
	);
	const uptime = (uptimeMs: number) =>
		/uptime +(.*)/.exec(describeStatus({ ...found, uptimeMs }))?.[1];
	const second = 1_000;
	const hour = 3600 * second;
	const facts = (facts: { count: number; waiting: number; problem?: string }) =>
		/facts +(.*)/.exec(describeStatus({ ...found, facts }))?.[1];
	expect(facts({ count: 12, waiting: 0 })).toBe("12");
	expect(facts({ count: 12, waiting: 3 })).toBe("12, 3 waiting to be embedded");
	const problem = "The endpoint refuses the key\x1b[31m.";
	expect(facts({ count: 12, waiting: 3, problem })).toBe(
		"12, 3 waiting to be embedded. The endpoint refuses the key\\x1b[31m.",
	);
	expect(
		[
			999,
			59.9 * second,
			61 * second,
			hour,
			76 * hour + 59 * 60 * second,
			4000 * hour,
		].map(uptime),
	).toEqual(["0 s", "59 s", "1 min 1 s", "1 h 0 min", "3 d 4 h", "166 d 16 h"]);
});
