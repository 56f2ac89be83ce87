import { expect, test } from "bun:test";
import { chmodSync, existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { run, start } from "../support/command.ts";
import { temporaryHome } from "../support/home.ts";
import { until } from "../support/until.ts";
import { homeWithModel } from "./home_with_model.ts";

const MAIN = join(import.meta.dir, "..", "..", "src", "main.ts");
const DEMO = "This is Aeon's demo: no model is connected.";

test("with nothing set up the demo answers, says what it is and how to go on", async () => {
	using home = temporaryHome();
	const { code, out, err } = await run(["chat", "-m", "hello"], {
		home: home.path,
	});
	expect(code).toBe(0);
	expect(out).toStartWith(`${DEMO} You said "hello"`);
	expect(err).toContain("Set ANTHROPIC_API_KEY or OPENAI_API_KEY");
});

test("--json prints one object with the answer, its calls and its cost", async () => {
	using it = await homeWithModel([
		{
			toolCalls: [
				{
					id: "c1",
					name: "file_write",
					input: { path: "a.txt", content: "x" },
				},
			],
		},
		{ text: "Written.", usage: { input: 20, output: 3 } },
	]);
	const { code, out, err } = await run(["chat", "-m", "write", "--json"], {
		home: it.home,
	});
	expect({ code, err: err.trim() }).toEqual({
		code: 0,
		err: '· file_write {"path":"a.txt","content":"x"}',
	});
	expect(out.trim().split("\n")).toHaveLength(1);
	const answer = JSON.parse(out);
	expect(answer).toMatchObject({
		text: "Written.",
		tool_calls: [
			{
				id: "c1",
				name: "file_write",
				input: { path: "a.txt", content: "x" },
				success: true,
			},
		],
		stop_reason: "end_turn",
		session_key: "agent:main:cli:local",
	});
	expect(Object.keys(answer)).toEqual([
		"text",
		"tool_calls",
		"usage",
		"stop_reason",
		"session_key",
		"run_id",
	]);
	expect(answer.run_id).toMatch(/^run-[0-9a-f-]{36}$/);
	expect(Object.keys(answer.usage)).toEqual([
		"input_tokens",
		"output_tokens",
		"cache_read_tokens",
		"cache_write_tokens",
	]);
});

test("a conversation goes on in the next run, and --session keeps another one beside it", async () => {
	using it = await homeWithModel([
		{ text: "one" },
		{ text: "two" },
		{ text: "three" },
	]);
	const { home } = it;
	await run(["chat", "-m", "first"], { home });
	await run(["chat", "-m", "second"], { home });
	await run(["chat", "-m", "other", "--session", "work"], { home });
	const roles = it.llm.requests.map(({ body }) =>
		body.messages?.map(({ role }) => role).join(" "),
	);
	expect(roles).toEqual([
		"system user",
		"system user assistant user",
		"system user",
	]);
});

test("a message may begin with a dash, come from standard input, and hold any character", async () => {
	using home = temporaryHome();
	const said = async (args: string[], input?: string) =>
		(
			await run(["chat", ...args], {
				home: home.path,
				...(input !== undefined && { input }),
			})
		).out;
	expect(await said(["-m", "-5 degrees"])).toContain('You said "-5 degrees"');
	expect(await said(["--message=--help"])).toContain('You said "--help"');
	expect(await said(["-m", "-"], "from a pipe\n")).toContain(
		'You said "from a pipe"',
	);
	expect(await said(["-m", "😀 ünï"])).toContain('You said "😀 ünï"');
});

test("behind a pipe every line is a message, commands are obeyed, and the output is plain", async () => {
	using home = temporaryHome();
	const { out, code } = await run(["chat"], {
		home: home.path,
		input: "hello\n\n/model\n/nope\nbye\n",
	});
	expect(code).toBe(0);
	expect(out.split("\n").map((line) => line.slice(0, 60))).toEqual([
		expect.stringContaining("hello"),
		"* main: demo/demo",
		"There is no command /nope. /help lists them.",
		expect.stringContaining("bye"),
		"",
	]);
	expect(out).not.toContain("\x1b");
});

test("a command that nobody can be asked about is not run, and it is said how to allow it", async () => {
	using home = temporaryHome();
	const { out, err } = await run(["chat", "-m", "run touch ran"], {
		home: home.path,
	});
	expect(err).toContain(
		'Not run, since nobody can be asked here: touch ran\nSet tools.exec.approval to "allow"',
	);
	expect(out).toContain("did not allow");
	expect(existsSync(join(home.path, ".aeon/workspace/ran"))).toBe(false);
});

test("no secret of Aeon's reaches a command, a file of the session or the log", async () => {
	const canary = "sk-canary-abcdefghijklmnop";
	using it = await homeWithModel(
		[
			{
				toolCalls: [
					{
						name: "exec",
						input: { command: "env; cat ~/.aeon/aeon.json; echo end" },
					},
				],
			},
			{
				status: 401,
				body: { error: { message: `Incorrect API key provided: ${canary}` } },
			},
		],
		{ tools: { exec: { approval: "allow" } } },
	);
	const config = JSON.parse(
		readFileSync(join(it.home, ".aeon/aeon.json"), "utf8"),
	);
	config.agents.main.api_key = "${MY_KEY}";
	await Bun.write(join(it.home, ".aeon/aeon.json"), JSON.stringify(config));
	const { code, out, err } = await run(
		["chat", "-m", "leak", "--log-level", "debug"],
		{
			home: it.home,
			env: { MY_KEY: canary, BUN_CONFIG_X: "1" },
		},
	);
	expect(code).toBe(1);
	const sent = JSON.stringify(it.llm.requests[1]?.body);
	expect(sent).toContain("end");
	const seen = [
		out,
		err,
		sent,
		readFileSync(join(it.home, ".aeon/logs/aeon.log"), "utf8"),
		readFileSync(join(it.home, ".aeon/sessions.db"), "latin1"),
	].join();
	expect(seen).not.toContain(canary);
	expect(sent).not.toContain("BUN_CONFIG_X");
});

test("everything in the state directory is its owner's alone", async () => {
	using home = temporaryHome();
	await run(["chat", "-m", "write hello to a.txt"], { home: home.path });
	const mode = (path: string) =>
		(statSync(join(home.path, ".aeon", path)).mode & 0o777).toString(8);
	expect(
		[
			"",
			"sessions.db",
			"logs",
			"logs/aeon.log",
			"workspace",
			"workspace/a.txt",
		].map(mode),
	).toEqual(["700", "600", "700", "600", "700", "600"]);
});

test("a provider that cannot be reached ends in one sentence and exit code 1", async () => {
	using home = temporaryHome({
		agents: {
			main: {
				provider: "openai",
				model: "m",
				api_key: "k",
				base_url: "http://127.0.0.1:9",
				headers_timeout_ms: 200,
			},
		},
	});
	const { code, out, err } = await run(["chat", "-m", "hello"], {
		home: home.path,
	});
	expect({ code, out }).toEqual({ code: 1, out: "" });
	expect(err).toMatch(/^127\.0\.0\.1:9 .*\(4 tries\)$/m);
	expect(err).not.toContain("    at ");
});

test("Ctrl-C stops the turn, keeps what was said, and gives exit code 130", async () => {
	using it = await homeWithModel([{ text: "Half an answer", ending: "hang" }]);
	const child = start(["chat", "-m", "talk"], { home: it.home });
	const reader = child.stdout.getReader();
	let out = "";
	while (!out.includes("Half an answer"))
		out += Buffer.from((await reader.read()).value ?? []);
	child.kill("SIGINT");
	expect(await child.exited).toBe(130);
	const { out: shown } = await run(["sessions", "show", "local"], {
		home: it.home,
	});
	expect(shown).toContain("Half an answer\n[Stopped]");
});

test("a command line that makes no sense is explained, with exit code 2", async () => {
	using home = temporaryHome();
	const explained = async (...args: string[]) => {
		const { code, out, err } = await run(args, { home: home.path });
		expect({ code, out: out.includes("USAGE") ? "" : out }).toEqual({
			code: 2,
			out: "",
		});
		return err.split("\n")[0];
	};
	expect(await explained("chta")).toBe(
		"aeon: there is no command aeon chta; did you mean aeon chat?",
	);
	expect(await explained("chat", "--sesion", "x")).toBe(
		"aeon: there is no flag --sesion; did you mean --session?",
	);
	expect(await explained("chat", "-m")).toBe("aeon: -m needs a value");
	expect(await explained("chat", "hello")).toBe(
		'aeon: "hello" is one argument too many',
	);
	expect(await explained("chat", "--json")).toBe("aeon: --json needs -m TEXT");
	expect(await explained("chat", "--agent", "x", "-m", "hi")).toBe(
		'aeon: there is no agent "x": agents are main',
	);
	expect(await explained("chat", "--log-level", "loud")).toBe(
		"aeon: --log-level loud: write one of debug, info, warn, error",
	);
	expect(await explained("chat", "--config", "gone.json")).toBe(
		`aeon: ${home.path}/gone.json: there is no such file`,
	);
	expect(await explained("sessions")).toBe(
		"aeon: aeon sessions needs one of the commands above",
	);
	expect(await explained("sessions", "toString")).toStartWith(
		"aeon: there is no command aeon sessions toString",
	);
});

test("every command has its help", async () => {
	using home = temporaryHome();
	for (const command of [
		"",
		"chat",
		"serve",
		"status",
		"sessions",
		"sessions list",
		"sessions show",
		"sessions export",
		"sessions delete",
		"config",
		"config check",
		"config show",
		"config schema",
	]) {
		const args = [...command.split(" ").filter(Boolean), "--help"];
		const { code, out } = await run(args, { home: home.path });
		expect(code).toBe(0);
		expect(out).toContain(`USAGE aeon ${command}`.trim());
		expect(out).not.toContain("\x1b");
	}
});

test("a signal stops the turn, ends the commands it runs, and gives 128 and its number", async () => {
	for (const [signal, code] of [
		["SIGHUP", 129],
		["SIGINT", 130],
		["SIGQUIT", 131],
		["SIGTERM", 143],
	] as const) {
		using it = await homeWithModel(
			[
				{
					toolCalls: [
						{ name: "exec", input: { command: "echo $$ > pid; sleep 60" } },
					],
				},
			],
			{ tools: { exec: { approval: "allow" } } },
		);
		const child = start(["chat", "-m", "go"], { home: it.home });
		const file = join(it.home, ".aeon/workspace/pid");
		const pid = () =>
			existsSync(file) ? readFileSync(file, "utf8").trim() : "";
		await until(() => pid() !== "");
		child.kill(signal);
		expect([signal, await child.exited]).toEqual([signal, code]);
		expect(existsSync(`/proc/${pid()}`)).toBe(false);
	}
});

test("a reader that goes away does not stop the turn, and is no failure", async () => {
	using it = await homeWithModel([{ text: ["Early", " and late."] }]);
	const command = `"${process.execPath}" "${MAIN}" chat -m hi | head -c 2; exit \${PIPESTATUS[0]}`;
	const child = Bun.spawn(["bash", "-c", command], {
		cwd: it.home,
		env: { PATH: process.env.PATH ?? "", HOME: it.home },
		stdout: "pipe",
		stderr: "pipe",
	});
	expect({
		out: await child.stdout.text(),
		err: await child.stderr.text(),
		code: await child.exited,
	}).toEqual({ out: "Ea", err: "", code: 0 });
	expect(
		(await run(["sessions", "show", "local"], { home: it.home })).out,
	).toContain("Early and late.");
});

test("an argument that is missing is explained", async () => {
	using home = temporaryHome();
	const { code, err } = await run(["sessions", "show"], { home: home.path });
	expect(code).toBe(2);
	expect(err).toBe(
		"aeon: Missing required positional argument: SESSION\naeon sessions show --help shows how it is used.\n",
	);
});

test("a state directory that its owner made for all to read is closed", async () => {
	using home = temporaryHome({ agents: { main: { provider: "demo" } } });
	chmodSync(join(home.path, ".aeon"), 0o755);
	await run(["chat", "-m", "hi"], { home: home.path });
	expect(statSync(join(home.path, ".aeon")).mode & 0o777).toBe(0o700);
});

test("a session that began in another dialog goes on here, with its questions", async () => {
	using home = temporaryHome({
		agents: { main: { provider: "demo" } },
		tools: { exec: { approval: "ask" } },
	});
	const session = ["--session", "agent:main:telegram:5"];
	const { out, err } = await run(["chat", ...session], {
		home: home.path,
		input: "hello\nsend a word\nrun id\n",
	});
	expect(out).toContain('You said "hello"');
	expect(err).toContain("a word\n");
	expect(err).toContain("Not run, since nobody can be asked here: id");
});

test("--demo answers whatever model the configuration has, which is then not asked", async () => {
	using it = await homeWithModel([{ text: "from the model" }]);
	const { out, code } = await run(["chat", "--demo", "-m", "hello"], {
		home: it.home,
	});
	expect(code).toBe(0);
	expect(out).toContain('You said "hello"');
	expect(it.llm.requests).toHaveLength(0);
});

test("--log-level says what goes into the log: the texts at debug, at error not even the turns", async () => {
	for (const [level, events] of [
		["debug", ["turn.message", "turn.done", "turn.answer"]],
		["info", ["turn.done"]],
		["error", []],
	] as const) {
		using home = temporaryHome({ agents: { main: { provider: "demo" } } });
		const chat = ["chat", "-m", "hello", "--log-level", level];
		expect((await run(chat, { home: home.path })).code).toBe(0);
		const log = join(home.path, ".aeon/logs/aeon.log");
		const lines = existsSync(log) ? readFileSync(log, "utf8") : "";
		const told = [...lines.matchAll(/"event":"(turn\.\w+)"/g)];
		expect(told.map(([, event]) => event ?? "")).toEqual([...events]);
	}
});
