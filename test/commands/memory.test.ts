import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Outcome, run } from "../support/command.ts";
import { memoryFile, rememberFacts } from "../support/facts.ts";
import { temporaryHome } from "../support/home.ts";
import { ANY_PORT, startServe } from "../support/serve.ts";
import { upTo } from "../support/wire.ts";

const FACTS = [
	{ agentId: "main", user: "telegram:777", text: "Clara is allergic to nuts." },
	{ agentId: "main", user: "anna", text: "Lives in Graz;\nworks\tat night" },
	{ agentId: "main", user: "telegram:777", text: "Prefers green tea." },
	{ agentId: "work", user: "cli:local", text: "The server's name is atlas." },
];

const CONFIG = { agents: { main: { provider: "demo" } }, ...ANY_PORT };

/** What these commands come to, one after the other: without a server, then anew with one. */
async function bothWays(
	facts: typeof FACTS,
	commands: string[][],
): Promise<{ alone: Outcome[]; through: Outcome[] }> {
	const runAll = async (home: string) => {
		const outcomes: Outcome[] = [];
		for (const args of commands)
			outcomes.push(await run(["memory", ...args], { home }));
		return outcomes;
	};
	using one = temporaryHome(CONFIG);
	await rememberFacts(one.path, facts);
	const alone = await runAll(one.path);
	using other = temporaryHome(CONFIG);
	await rememberFacts(other.path, facts);
	using _serve = await startServe(other.path);
	return { alone, through: await runAll(other.path) };
}

const said = (out: string): Outcome => ({ code: 0, out, err: "" });

const LISTED = {
	clara:
		"1  main, telegram:777, 2026-01-02 03:04\n  Clara is allergic to nuts.\n",
	graz: "2  main, anna, 2026-01-02 03:05\n  Lives in Graz;\n  works\tat night\n",
	tea: "3  main, telegram:777, 2026-01-02 03:06\n  Prefers green tea.\n",
	atlas:
		"4  work, cli:local, 2026-01-02 03:07\n  The server's name is atlas.\n",
};

test("what is remembered is listed, found and forgotten, through the server as without one", async () => {
	const { clara, graz, tea, atlas } = LISTED;
	const { alone, through } = await bothWays(FACTS, [
		["list"],
		["list", "--agent", "main", "--user", "telegram:777"],
		["list", "--user", "anna"],
		["list", "--agent", "work", "--json"],
		["search", "tea"],
		["search", "submarine", "tea"],
		["search", "allergic", "--user", "telegram:777", "--json"],
		["search", "allergic", "--user", "anna"],
		["search", "submarine"],
		["list", "--user", "777", "--agent", "main"],
		["forget", "1", "1", "9", "4", "10"],
		["list"],
		["forget", "1"],
		["forget", "3", "2"],
		["list"],
		["search", "tea"],
		["search", "tea", "--json"],
	]);
	expect(through).toEqual(alone);
	const nothing =
		'Nothing is remembered yet.\nSay in a chat what is to be kept: "Remember that I am left-handed."\n';
	const line = (index: number) => {
		const { agentId: agent_id, ...fact } = FACTS[index] as (typeof FACTS)[0];
		const saved_at = Date.UTC(2026, 0, 2, 3, 4 + index);
		return `${JSON.stringify({ agent_id, ...fact, id: index + 1, saved_at })}\n`;
	};
	const none = "Nothing that is remembered matches.\n";
	expect(alone).toEqual([
		said(atlas + tea + graz + clara),
		said(tea + clara),
		said(graz),
		said(line(3)),
		said(tea),
		said(tea),
		said(line(0)),
		said(none),
		said(none),
		said(
			"Nothing is remembered by the agent main of the user 777.\naeon memory list shows whose facts there are.\n",
		),
		{
			code: 1,
			out: "Forgot 1.\nForgot 4.\n",
			err: "aeon: there are no facts 9, 10\naeon memory list shows those that there are.\n",
		},
		said(tea + graz),
		{
			code: 1,
			out: "",
			err: "aeon: there is no fact 1\naeon memory list shows those that there are.\n",
		},
		said("Forgot 3.\nForgot 2.\n"),
		said(nothing),
		said(nothing),
		{ code: 0, out: "", err: nothing },
	]);
});

test("everything that is remembered is exported, for programs and for people, however much it is", async () => {
	const facts = [
		...FACTS,
		...upTo(1_100).map((n) => ({
			agentId: "main",
			user: "cli:many",
			text: `Fact number ${n}`,
		})),
	];
	const { alone, through } = await bothWays(facts, [
		["export"],
		["export", "--format", "jsonl", "--agent", "work"],
		["export", "--format", "markdown"],
		["export", "--format", "markdown", "--user", "anna"],
		["export", "--user", "nobody"],
	]);
	expect(through).toEqual(alone);
	expect(alone.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0]);
	const [all, work, document, anna, nobody] = alone.map(({ out }) => out);
	const lines = all?.trimEnd().split("\n") ?? [];
	expect(lines.map((line) => JSON.parse(line))).toEqual(
		facts
			.map(({ agentId, user, text }, index) => ({
				agent_id: agentId,
				user,
				text,
				id: index + 1,
				saved_at: Date.UTC(2026, 0, 2, 3, 4 + index),
			}))
			.reverse(),
	);
	expect(work).toBe(`${lines.at(-4)}\n`);
	const [title, ...sections] = document?.split("\n## ") ?? [];
	expect(title).toBe("# What Aeon remembers\n");
	expect(
		sections.map((one) => [one.split("\n")[0], one.match(/^- /gm)?.length]),
	).toEqual([
		["main, anna", 1],
		["main, cli:many", 1_100],
		["main, telegram:777", 2],
		["work, cli:local", 1],
	]);
	expect(sections[2]).toBe(
		"main, telegram:777\n\n- Prefers green tea. (3, 2026-01-02 03:06 UTC)\n- Clara is allergic to nuts. (1, 2026-01-02 03:04 UTC)\n",
	);
	expect(anna).toBe(
		"# What Aeon remembers\n\n## main, anna\n\n- Lives in Graz;\n  works\tat night (2, 2026-01-02 03:05 UTC)\n",
	);
	expect(nobody).toBe("");
	expect(alone[4]?.err).toBe(
		"Nothing is remembered of the user nobody.\naeon memory list shows whose facts there are.\n",
	);
}, 60_000);

test("an empty memory says so and what to do, and no file is made for the asking", async () => {
	using home = temporaryHome(CONFIG);
	const nothing = /^Nothing is remembered yet\.\nSay in a chat /;
	for (const args of [
		["list"],
		["search", "tea"],
		["list", "--user", "anna"],
	]) {
		const { code, out, err } = await run(["memory", ...args], {
			home: home.path,
		});
		expect({ code, err }).toEqual({ code: 0, err: "" });
		expect(out).toMatch(nothing);
	}
	// What a program reads has nothing in it that is no fact.
	for (const args of [["export"], ["export", "--format", "markdown"]]) {
		const { code, out, err } = await run(["memory", ...args], {
			home: home.path,
		});
		expect({ code, out }).toEqual({ code: 0, out: "" });
		expect(err).toMatch(nothing);
	}
	const files = readdirSync(join(home.path, ".aeon"));
	expect(files).toEqual(["aeon.json"]);
});

test("nothing in a fact moves the cursor or hides, and a program gets it as it is", async () => {
	const text = "red \x1b[31m \x9b2J \x07 \u202eback\u202c \u200b zero\r over";
	using home = temporaryHome(CONFIG);
	await rememberFacts(home.path, [
		{ agentId: "main", user: "ws:a\x1b[2J\nb", text },
	]);
	const memory = async (...args: string[]) =>
		(await run(["memory", ...args], { home: home.path })).out;
	const shown =
		"red \\x1b[31m \\x9b2J \\x07 \\u{202e}back\\u{202c} \\u{200b} zero\\x0d over";
	expect(await memory("list")).toBe(
		`1  main, ws:a\\x1b[2J\\nb, 2026-01-02 03:04\n  ${shown}\n`,
	);
	expect(await memory("export", "--format", "markdown")).toContain(
		`\n## main, ws:a\\x1b[2J\\nb\n\n- ${shown} (1,`,
	);
	const line = await memory("list", "--json");
	// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it is about
	expect(line.trimEnd()).not.toMatch(/[\0-\x1f\x7f-\x9f\u202a-\u202e]/);
	expect(JSON.parse(line).text).toBe(text);
});

test("a command line about what is remembered that makes no sense is explained, and nothing is done", async () => {
	using home = temporaryHome(CONFIG);
	await rememberFacts(home.path, FACTS);
	const refused = async (...args: string[]) => {
		const { code, out, err } = await run(["memory", ...args], {
			home: home.path,
		});
		expect({ code, out }).toEqual({ code: 2, out: "" });
		return err;
	};
	const explained = (given: string) =>
		`aeon: ${given} is no fact: write the number that aeon memory list shows\n`;
	expect(await refused("forget", "1", "two")).toBe(explained("two"));
	expect(await refused("forget", "1", "1.5")).toBe(explained("1.5"));
	expect(await refused("forget")).toBe(
		"aeon: Missing required positional argument: ID...\naeon memory forget --help shows how it is used.\n",
	);
	expect(await refused("search", " ")).toBe("aeon: say what is to be found\n");
	expect(await refused("export", "--format", "xml")).toBe(
		"aeon: --format xml: write jsonl or markdown\n",
	);
	expect(await refused("list", "tea")).toBe(
		'aeon: "tea" is one argument too many\n',
	);
	const { out } = await run(["memory", "list"], { home: home.path });
	expect(out).toContain(LISTED.clara);
});

test("what cannot be read is said to be so, through the server as without one", async () => {
	using home = temporaryHome(CONFIG);
	mkdirSync(memoryFile(home.path));
	const list = () => run(["memory", "list"], { home: home.path });
	const { code, out, err } = await list();
	expect({ code, out }).toEqual({ code: 1, out: "" });
	expect(err).toStartWith("aeon: ");
	expect(err).toContain(memoryFile(home.path));
	using _serve = await startServe(home.path);
	expect(await list()).toMatchObject({
		code: 1,
		out: "",
		err: expect.stringContaining(memoryFile(home.path)),
	});
});

test("a search goes by the meaning, too, through the server as without one, and says so where that fails", async () => {
	let isWell = true;
	using endpoint = Bun.serve({
		hostname: "127.0.0.1",
		port: 0,
		async fetch(request) {
			if (!isWell) return new Response("no such key", { status: 401 });
			const { input } = (await request.json()) as { input: string[] };
			const data = input.map((text, index) => ({
				index,
				embedding: /cat|animal/i.test(text) ? [1, 0] : [0, 1],
			}));
			return Response.json({ data });
		},
	});
	const model = "meanings";
	const base_url = `${endpoint.url}v1`;
	using home = temporaryHome({
		...CONFIG,
		memory: { embeddings: { base_url, model } },
	});
	const { path } = home;
	const owner = { agentId: "main", user: "anna" };
	await rememberFacts(
		path,
		[
			{ ...owner, text: "Has two cats." },
			{ ...owner, text: "Lives in Graz." },
		],
		memoryFile(path),
		{ base_url, model, send_dimensions: false },
	);
	const search = (...words: string[]) =>
		run(["memory", "search", ...words], { home: path });
	const cats = "1  main, anna, 2026-01-02 03:04\n  Has two cats.\n";
	const graz = "2  main, anna, 2026-01-02 03:05\n  Lives in Graz.\n";
	const failing = /^Facts are not found by their meaning: .*401.*\n$/;
	const bothFail = async () => {
		isWell = false;
		const found = await search("Graz");
		expect(found).toMatchObject({ code: 0, out: graz });
		expect(found.err).toMatch(failing);
		expect(await search("an animal")).toMatchObject({
			out: "Nothing that is remembered matches.\n",
		});
		isWell = true;
	};
	expect(await search("animals")).toEqual(said(cats));
	await bothFail();
	using _serve = await startServe(path);
	expect(await search("animals")).toEqual(said(cats));
	await bothFail();
});

test("a variable that is not set is named where a command needs it, and only there", async () => {
	using home = temporaryHome({
		...CONFIG,
		memory: {
			database: `\${DISK}/memory.db`,
			embeddings: {
				base_url: "http://127.0.0.1:9",
				model: "meanings",
				api_key: `\${KEY}`,
			},
		},
	});
	const { path } = home;
	expect(await run(["memory", "list"], { home: path })).toEqual({
		code: 2,
		out: "",
		err: `aeon: ${path}/.aeon/aeon.json cannot be used:\n  memory.database: \${DISK} is not set in the environment: set DISK there or in ~/.aeon/secrets.env, or write \${DISK:-default}\n`,
	});
	await rememberFacts(path, FACTS);
	const env = { DISK: join(path, ".aeon") };
	const { atlas, tea, graz, clara } = LISTED;
	expect(await run(["memory", "list"], { home: path, env })).toEqual(
		said(atlas + tea + graz + clara),
	);
	expect(await run(["memory", "search", "tea"], { home: path, env })).toEqual({
		...said(tea),
		err: "Facts are not found by their meaning: KEY is not set in the environment.\n",
	});
});

test("another configuration has what is remembered where it says, though a server runs", async () => {
	using home = temporaryHome(CONFIG);
	const database = join(home.path, "other.db");
	const config = join(home.path, "other.json");
	const sections = {
		agents: CONFIG.agents,
		storage: { sessions_db: join(home.path, "other_sessions.db") },
		memory: { database },
	};
	writeFileSync(config, JSON.stringify(sections));
	await rememberFacts(home.path, FACTS.slice(0, 1));
	await rememberFacts(home.path, FACTS.slice(3), database);
	using _serve = await startServe(home.path);
	const list = ["memory", "list"];
	const { out } = await run([...list, "--config", config], {
		home: home.path,
	});
	expect(out).toContain("The server's name is atlas.");
	expect((await run(list, { home: home.path })).out).toBe(LISTED.clara);
});
