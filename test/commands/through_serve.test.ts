import { expect, test } from "bun:test";
import { readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CTRL_C, CTRL_D, openTerminal } from "../dialogs/cli/terminal.ts";
import { type Outcome, run, start } from "../support/command.ts";
import type { FakeAnswer } from "../support/fake_llm.ts";
import { temporaryHome } from "../support/home.ts";
import { ANY_PORT, startServe } from "../support/serve.ts";
import { homeWithModel } from "./home_with_model.ts";

interface Typed {
	args: string[];
	input?: string;
}

/** What is different every time: runs and times. */
function steady({ code, out, err }: Outcome): Outcome {
	const fixed = (text: string) =>
		text
			.replaceAll(/run-[0-9a-f-]{36}/g, "run-…")
			.replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d/g, "<time>")
			.replaceAll(/("(?:timestamp|created_at|updated_at)"):\d{13}/g, "$1:0");
	return { code, out: fixed(out), err: fixed(err) };
}

/** What these commands come to, one after the other: without a server, then anew with one. */
async function bothWays(
	commands: Typed[],
	answers: FakeAnswer[],
	sections: object = {},
): Promise<{ alone: Outcome[]; through: Outcome[]; asked: number[] }> {
	using it = await homeWithModel([...answers, ...answers], {
		...ANY_PORT,
		...sections,
	});
	const { home } = it;
	const runAll = async () => {
		const outcomes: Outcome[] = [];
		for (const { args, input } of commands)
			outcomes.push(
				steady(
					await run(args, { home, ...(input !== undefined && { input }) }),
				),
			);
		return outcomes;
	};
	const alone = await runAll();
	const before = it.llm.requests.length;
	const state = join(home, ".aeon");
	for (const name of readdirSync(state))
		if (name !== "aeon.json") rmSync(join(state, name), { recursive: true });
	using _serve = await startServe(home);
	const through = await runAll();
	return { alone, through, asked: [before, it.llm.requests.length - before] };
}

const WRITE: FakeAnswer = {
	text: "A moment.",
	toolCalls: [
		{ id: "c1", name: "file_write", input: { path: "a.txt", content: "x" } },
	],
};
const RUN: FakeAnswer = {
	toolCalls: [{ id: "c2", name: "exec", input: { command: "touch ran" } }],
};

test("a chat through the server says to the byte what it says without one", async () => {
	const say = (...args: string[]) => ({ args: ["chat", "-m", ...args] });
	const { alone, through, asked } = await bothWays(
		[
			say("hello"),
			say("write", "--json"),
			say("run"),
			say("ünï 😀", "--session", "work"),
			{ args: ["chat", "-m", "-"], input: "from a pipe\n" },
			say(""),
			say("hi", "--agent", "nobody"),
			say("hi", "--session", "agent:nobody:cli:x"),
			say("hi", "--session", "agent:main"),
			say("hi", "--log-level", "loud"),
			say("a word"),
			say("refused", "--json"),
		],
		[
			{ text: ["Hel", "lo."] },
			WRITE,
			{ text: "Written.", usage: { input: 20, output: 3, cacheRead: 7 } },
			RUN,
			{ text: "Then not." },
			{ text: "In the\nother session \x1b[31m." },
			{ text: "Read." },
			{ toolCalls: [{ name: "message_send", input: { text: "A word." } }] },
			{ text: "Sent." },
			{ status: 401, body: { error: { message: "no such key" } } },
		],
	);
	// What the operator can do about it stands in the server's own log.
	const [last] = alone.slice(-1);
	if (last) last.err = last.err.replace("Check api_key.\n", "");
	expect(through).toEqual(alone);
	expect(asked).toEqual([10, 10]);
	expect(alone.map(({ code }) => code)).toEqual([
		0, 0, 0, 0, 0, 2, 2, 2, 2, 2, 0, 1,
	]);
	expect(through[2]?.err).toContain(
		"Not run, since nobody can be asked here: touch ran",
	);
	expect(through[10]?.err).toContain("message:\nA word.\n");
});

test("a chat behind a pipe through the server obeys the same commands in the same words", async () => {
	const input =
		"hi\n\n/model b\nhi\n/session work\nhi\n/nope\n/usage\n/stop\n/new\n/session agent:nobody:cli:x\nhi\n/session agent:main\n/help\n/exit\nnever said\n";
	const { alone, through } = await bothWays(
		[{ args: ["chat"], input }, { args: ["sessions", "export", "local"] }],
		[{ text: "One." }, { text: "Two." }, { text: "Three." }],
	);
	expect(through).toEqual(alone);
	expect(through[0]?.out).toContain("One.\nb answers from now on.\nTwo.\n");
});

test("sessions are listed, shown, exported and deleted through the server as they are without", async () => {
	const say = (...args: string[]) => ({ args: ["chat", "-m", ...args] });
	const sessions = (...args: string[]) => ({ args: ["sessions", ...args] });
	const { alone, through } = await bothWays(
		[
			sessions("list"),
			sessions("show", "local"),
			say("write"),
			say("hello", "--session", "work"),
			sessions("list"),
			sessions("list", "--json"),
			sessions("show", "local"),
			sessions("export", "agent:main:cli:local"),
			sessions("delete", "work"),
			sessions("delete", "work"),
			sessions("show", "agent:main"),
			sessions("list"),
		],
		[WRITE, { text: "Written." }, { text: "Other." }],
	);
	expect(through).toEqual(alone);
	expect(through[0]?.out).toBe("No sessions yet.\n");
	expect(through[7]?.out.split("\n")).toHaveLength(5);
	expect(through[8]?.out).toBe("Deleted agent:main:cli:work.\n");
});

test("what is said through the server is said in its process, and seen by others without it", async () => {
	using it = await homeWithModel(
		[{ text: "One." }, { text: "Two." }],
		ANY_PORT,
	);
	const { home } = it;
	using serve = await startServe(home);
	expect((await run(["chat", "-m", "hi"], { home })).out).toBe("One.\n");
	const { out } = await run(["status", "--json"], { home });
	expect(JSON.parse(out)).toMatchObject({
		sessions: 1,
		tokensToday: { inputTokens: 10 },
	});
	await serve.end("SIGKILL");
	// Nothing has to be tidied first.
	expect(await run(["chat", "-m", "hi"], { home })).toMatchObject({
		code: 0,
		out: "Two.\n",
		err: "",
	});
	const shown = (await run(["sessions", "show", "local"], { home })).out;
	expect(shown).toMatch(/One\.\n(.*\n)*Two\.\n/);
});

test("a configuration with a store of its own has nothing to do with the server", async () => {
	using it = await homeWithModel([{ text: "The model." }], ANY_PORT);
	const { home } = it;
	using _serve = await startServe(home);
	const say = async (...args: string[]) =>
		(await run(["chat", "-m", "hi", ...args], { home })).out;
	const other = join(home, "other.json");
	writeFileSync(
		other,
		JSON.stringify({
			agents: { main: { provider: "demo" } },
			storage: { sessions_db: join(home, "other.db") },
		}),
	);
	const demo = "This is Aeon's demo: no model is connected.";
	expect(await say("--config", other)).toStartWith(demo);
	const list = await run(["sessions", "list", "--config", other], { home });
	expect(list.out).toContain(demo);
	const env = { AEON_CONFIG: other };
	expect((await run(["chat", "-m", "hi"], { home, env })).out).toStartWith(
		demo,
	);
	expect(it.llm.requests).toHaveLength(0);
	// The server's own, by whatever name.
	expect(await say("--config", ".aeon/aeon.json")).toBe("The model.\n");
});

test("a configuration in the folder that a chat is started in is not the server's", async () => {
	using it = await homeWithModel([{ text: "The model." }], ANY_PORT);
	using folder = temporaryHome();
	using _serve = await startServe(it.home);
	const cwd = folder.path;
	const config = {
		agents: { main: { provider: "demo" } },
		storage: { sessions_db: "./sessions.db" },
	};
	writeFileSync(join(cwd, "aeon.json"), JSON.stringify(config));
	const chat = ["chat", "-m", "hi"];
	const { out } = await run(chat, { home: it.home, cwd });
	expect(out).toStartWith("This is Aeon's demo");
	const status = await run(["status"], { home: it.home, cwd });
	expect(status.code).toBe(0);
});

test("into the store of a server nobody else writes: others are refused, and sessions go through it", async () => {
	using it = await homeWithModel([{ text: "The model." }], ANY_PORT);
	const { home } = it;
	using serve = await startServe(home);
	const { pid } = serve.presence;
	await run(["chat", "-m", "hi"], { home });
	symlinkSync(join(home, ".aeon/sessions.db"), join(home, "same.db"));
	const agents = { main: { provider: "demo" } };
	const write = (name: string, storage: object) => {
		const file = join(home, name);
		writeFileSync(file, JSON.stringify({ agents, storage }));
		return file;
	};
	const other = write("other.json", {});
	const linked = write("linked.json", { sessions_db: "./same.db" });
	for (const flags of [["--demo"], ["--config", other], ["--config", linked]])
		expect(await run(["chat", "-m", "hi", ...flags], { home })).toEqual({
			code: 1,
			out: "",
			err: `aeon: aeon serve runs as process ${pid} and is the only one that may write to ${home}/.aeon/sessions.db\nLeave out ${flags[0]} to talk through it, end it with kill ${pid}, or name with --config a file whose storage.sessions_db lies elsewhere.\n`,
		});
	const env = { AEON_CONFIG: other };
	expect(await run(["chat", "-m", "hi"], { home, env })).toMatchObject({
		code: 1,
		err: expect.stringContaining(
			"Leave out AEON_CONFIG or ./aeon.json to talk",
		),
	});
	const list = ["sessions", "list", "--config", other];
	const { out } = await run(list, { home });
	expect(out).toContain("2 messages\n  The model.\n");
	// Another driver is another store.
	const files = write("files.json", { driver: "file" });
	const alone = await run(["chat", "-m", "hi", "--config", files], { home });
	expect(alone.out).toStartWith("This is Aeon's demo");
	await serve.end("SIGKILL");
	const demo = await run(["chat", "-m", "hi", "--demo"], { home });
	expect(demo.out).toStartWith("This is Aeon's demo");
});

test("a server that runs and does not answer is named, with what can be done", async () => {
	using it = await homeWithModel([], ANY_PORT);
	const { home } = it;
	using serve = await startServe(home);
	serve.kill("SIGSTOP");
	const began = Date.now();
	const { code, out, err } = await run(["chat", "-m", "hi"], { home });
	expect(Date.now() - began).toBeWithin(2_500, 6_000);
	const { pid, url } = serve.presence;
	expect({ code, out, err }).toEqual({
		code: 1,
		out: "",
		err: `aeon: aeon serve runs as process ${pid} and cannot be talked to at ${url}\nWait if it has just been started; otherwise look into its log, or end it with kill ${pid}.\n`,
	});
});

test("a server that ends while a chat is about to go through it leaves the work to the chat", async () => {
	using it = await homeWithModel([{ text: "Here." }], ANY_PORT);
	const { home } = it;
	using serve = await startServe(home);
	serve.kill("SIGSTOP");
	const child = start(["chat", "-m", "hi"], { home });
	// Long enough to have found the server.
	await Bun.sleep(700);
	await serve.end("SIGKILL");
	expect(await child.stdout.text()).toBe("Here.\n");
	expect(await child.exited).toBe(0);
});

test("Ctrl-C stops the turn in the server, which keeps what was said, and gives exit code 130", async () => {
	using it = await homeWithModel(
		[{ text: "Half an answer", ending: "hang" }],
		ANY_PORT,
	);
	const { home } = it;
	using _serve = await startServe(home);
	const child = start(["chat", "-m", "talk"], { home });
	const reader = child.stdout.getReader();
	let out = "";
	while (!out.includes("Half an answer"))
		out += Buffer.from((await reader.read()).value ?? []);
	child.kill("SIGINT");
	expect(await child.exited).toBe(130);
	const { out: shown } = await run(["sessions", "show", "local"], { home });
	expect(shown).toContain("Half an answer\n[Stopped]");
});

test("in the terminal a person is answered, asked and obeyed through the server as without it", async () => {
	using it = await homeWithModel(
		[
			RUN,
			{ text: "It ran." },
			{ text: "Half", ending: "hang" },
			{ text: "Whole." },
		],
		ANY_PORT,
	);
	const { home } = it;
	using _serve = await startServe(home);
	using chat = openTerminal(home);
	await chat.sees(
		"Aeon, session agent:main:cli:local. /help lists the commands, Ctrl-D leaves.",
	);
	chat.types("go\r");
	await chat.sees("    touch ran");
	await chat.sees(`in ${home}/.aeon/workspace`);
	await chat.sees("[y] yes  [a] always this exact command  [n] no > ");
	chat.types("y\r");
	await chat.sees("It ran.");
	expect(readdirSync(join(home, ".aeon/workspace"))).toEqual(["ran"]);
	await chat.sees("> ");
	chat.types("talk\r");
	await chat.sees("Half");
	chat.types(CTRL_C);
	await chat.sees("[Stopped]");
	chat.types("again\r");
	await chat.sees("Whole.");
	chat.types("/model\r");
	await chat.sees("* main: openai/fake-1");
	chat.types(CTRL_D);
	expect(await chat.exited).toBe(0);
});

test("a chat in the terminal goes on after the server was started anew", async () => {
	using it = await homeWithModel(
		[{ text: "One." }, { text: "Two." }],
		ANY_PORT,
	);
	const { home } = it;
	using serve = await startServe(home);
	using chat = openTerminal(home);
	await chat.sees("> ");
	chat.types("hi\r");
	await chat.sees("One.");
	await serve.end("SIGTERM");
	using _again = await startServe(home);
	chat.types("hi\r");
	await chat.sees("Two.");
	chat.types(CTRL_D);
	expect(await chat.exited).toBe(0);
});
