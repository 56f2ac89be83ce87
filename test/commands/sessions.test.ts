import { expect, test } from "bun:test";
import { openStore } from "../../src/app_store.ts";
import type { Message } from "../../src/core/message.ts";
import { loadSettings } from "../../src/settings/settings.ts";
import { type Outcome, run } from "../support/command.ts";
import { temporaryHome } from "../support/home.ts";
import { ANY_PORT, startServe } from "../support/serve.ts";

for (const driver of ["sqlite", "file"])
	test(`sessions in the ${driver} store are listed, shown, exported and deleted`, async () => {
		using home = temporaryHome({
			agents: { main: { provider: "demo" } },
			storage: { driver },
		});
		const aeon = (...args: string[]) => run(args, { home: home.path });
		expect((await aeon("sessions", "list")).out).toBe("No sessions yet.\n");
		await aeon("chat", "-m", "write hello to a.txt");
		await aeon("chat", "-m", "hello", "--session", "work");

		const list = (await aeon("sessions", "list")).out;
		expect(list.match(/agent:main:cli:\w+/g)).toEqual([
			"agent:main:cli:work",
			"agent:main:cli:local",
		]);
		expect(list).toContain("4 messages");
		const lines = (await aeon("sessions", "list", "--json")).out
			.trim()
			.split("\n");
		expect(lines.map((line) => JSON.parse(line).message_count)).toEqual([2, 4]);

		const { out: shown } = await aeon("sessions", "show", "local");
		expect(shown).toContain("user\nwrite hello to a.txt");
		expect(shown).toContain('· file_write {"path":"a.txt","content":"hello"}');
		expect(shown).toContain('tool file_write\nWrote 5 bytes to "a.txt".');

		const exported = (
			await aeon("sessions", "export", "agent:main:cli:local")
		).out
			.trim()
			.split("\n")
			.map((line) => JSON.parse(line));
		expect(exported.map(({ role }) => role)).toEqual([
			"user",
			"assistant",
			"tool",
			"assistant",
		]);
		expect(exported[1].metadata.tool_calls).toMatchObject([
			{ name: "file_write", input: { path: "a.txt", content: "hello" } },
		]);

		expect((await aeon("sessions", "delete", "work")).out).toBe(
			"Deleted agent:main:cli:work.\n",
		);
		const gone = await aeon("sessions", "show", "work");
		expect(gone.code).toBe(1);
		expect(gone.err).toBe(
			"aeon: there is no session agent:main:cli:work\naeon sessions list shows those that there are.\n",
		);
	});

test("sessions can be read without the key that a chat needs", async () => {
	using home = temporaryHome({
		agents: {
			main: { provider: "anthropic", model: "m", api_key: "${NOT_SET}" },
		},
	});
	expect((await run(["sessions", "list"], { home: home.path })).code).toBe(0);
});

const FIRST_AT = Date.UTC(2026, 0, 2, 3, 4);
const LOCAL = "agent:main:cli:local";

/** What was said in one session, all kinds of it. */
const SAID: Message[] = [
	{
		role: "user",
		content: "Look at this:\n# no heading of mine",
		attachments: [
			{ path: "photos/a.jpg", mimeType: "image/jpeg" },
			{ path: "b.pdf", mimeType: "application/pdf" },
		],
	},
	{
		role: "assistant",
		content: "",
		toolCalls: [
			{ id: "c1", name: "file_read", input: { path: "a.md", text: "\x9b2J" } },
			{ id: "c2", name: "exec\x1b[2J\n## x", input: {} },
		],
	},
	{
		role: "tool",
		content: "```js\nlet a;\n```\nand ````\n",
		toolCallId: "c1",
		toolName: "file_read",
	},
	{
		role: "tool",
		content: "no such tool \x1b[31m",
		toolCallId: "c2",
		toolName: "exec\x1b[2J\n## x",
		isError: true,
	},
	{
		role: "assistant",
		content: "It is **code**.\x1b[31m",
		notice: "Older turns were left out.",
	},
	{ role: "summary", content: "They looked at code.", through: 2 },
	{ role: "user", content: "Thanks." },
];

/** A home in which things were said, a message a minute; and what was said in one of its sessions was kept by a reset. */
async function homeWithSessions(driver: string) {
	const home = temporaryHome({
		agents: { main: { provider: "demo" } },
		storage: { driver },
		...ANY_PORT,
	});
	const { path } = home;
	const settings = await loadSettings({
		env: {},
		cwd: path,
		home: path,
		needs: "storage",
	});
	const store = await openStore(settings);
	let now = FIRST_AT;
	const save = async (key: string, ...messages: Message[]) => {
		for (const message of messages) {
			await store.saveMessage(key, message, now);
			now += 60_000;
		}
	};
	await save(LOCAL, ...SAID);
	await save("agent:main:cli:old", { role: "user", content: "Once." });
	await store.resetSession("agent:main:cli:old", now);
	await store.close();
	return home;
}

/** What these commands come to, one after the other: without a server, then with one. */
async function bothWays(home: string, commands: string[][]) {
	const runAll = async () => {
		const outcomes: Outcome[] = [];
		for (const args of commands)
			outcomes.push(await run(["sessions", ...args], { home }));
		return outcomes;
	};
	const alone = await runAll();
	using _serve = await startServe(home);
	expect(await runAll()).toEqual(alone);
	return alone.map(({ code, out, err }) => {
		expect({ code, err }).toEqual({ code: 0, err: "" });
		return out;
	});
}

const DOCUMENT = `# agent:main:cli:local

## 2026-01-02 03:04 UTC, user

Look at this:
# no heading of mine

Attached: photos/a.jpg, b.pdf

## 2026-01-02 03:05 UTC, assistant

Calls file_read:

\`\`\`json
{
  "path": "a.md",
  "text": "2J"
}
\`\`\`

Calls exec\\x1b[2J\\n## x:

\`\`\`json
{}
\`\`\`

## 2026-01-02 03:06 UTC, tool file_read

\`\`\`\`\`
\`\`\`js
let a;
\`\`\`
and \`\`\`\`
\`\`\`\`\`

## 2026-01-02 03:07 UTC, tool exec\\x1b[2J\\n## x (failed)

\`\`\`
no such tool [31m
\`\`\`

## 2026-01-02 03:08 UTC, assistant

It is **code**.[31m

[Older turns were left out.]

## 2026-01-02 03:09 UTC, summary (stands for what was said before)

They looked at code.

## 2026-01-02 03:10 UTC, user

Thanks.
`;

for (const driver of ["sqlite", "file"])
	test(`sessions in the ${driver} store are exported as a document and for programs, one or all, through the server as without one`, async () => {
		using home = await homeWithSessions(driver);
		const archive = `agent:main:cli:old#${FIRST_AT + 8 * 60_000}`;
		const [document, all, lines, allLines, plain, old] = await bothWays(
			home.path,
			[
				["export", "local", "--format", "markdown"],
				["export", "--all", "--format", "markdown"],
				["export", "local", "--format", "jsonl"],
				["export", "--all"],
				["export", "local"],
				["export", archive],
			],
		);
		expect(document).toBe(DOCUMENT);
		const asSection = DOCUMENT.replaceAll(/^#(?=#? (agent:|2026-))/gm, "##");
		expect(all).toBe(
			`# Sessions\n\n## agent:main:cli:old\n\nNothing was said.\n\n## ${archive}\n\n### 2026-01-02 03:11 UTC, user\n\nOnce.\n\n${asSection}`,
		);
		expect(plain).toBe(lines as string);
		const messages = (text = "") =>
			text
				.trimEnd()
				.split("\n")
				.map((line) => JSON.parse(line));
		expect(
			messages(lines).map(({ role, content }) => ({ role, content })),
		).toEqual(SAID.map(({ role, content }) => ({ role, content })));
		expect(messages(allLines)).toEqual([
			...messages(old).map((one) => ({ session_key: archive, ...one })),
			...messages(lines).map((one) => ({ session_key: LOCAL, ...one })),
		]);
	}, 60_000);

test("a summary is shown as what it is", async () => {
	using home = await homeWithSessions("sqlite");
	const [shown] = await bothWays(home.path, [["show", "local"]]);
	expect(shown).toContain(
		"\n2026-01-02 03:09 summary (stands for what was said before)\nThey looked at code.\n",
	);
	expect(shown).toContain(" tool exec\\x1b[2J\\n## x (failed)\n");
	// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it is about
	expect(shown).not.toMatch(/[\x1b\x9b]/);
});

test("an export that makes no sense is explained, and one of nothing says so beside what a program reads", async () => {
	using home = temporaryHome({ agents: { main: { provider: "demo" } } });
	const refused = async (...args: string[]) => {
		const { code, out, err } = await run(["sessions", "export", ...args], {
			home: home.path,
		});
		expect(out).toBe("");
		return `${code} ${err}`;
	};
	expect(await refused()).toBe(
		"2 aeon: name the session to export, or write --all for every one\naeon sessions list shows those that there are.\n",
	);
	expect(await refused("local", "--all")).toBe(
		"2 aeon: SESSION and --all do not go together\n",
	);
	expect(await refused("local", "--format", "html")).toBe(
		"2 aeon: --format html: write jsonl or markdown\n",
	);
	expect(await refused("local")).toBe(
		"1 aeon: there is no session agent:main:cli:local\naeon sessions list shows those that there are.\n",
	);
	for (const format of ["jsonl", "markdown"])
		expect(await refused("--all", "--format", format)).toBe(
			"0 No sessions yet.\n",
		);
});
