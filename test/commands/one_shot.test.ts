import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CTRL_C, CTRL_D, openTerminal } from "../dialogs/cli/terminal.ts";
import { run, start } from "../support/command.ts";
import { temporaryHome } from "../support/home.ts";
import { homeWithModel } from "./home_with_model.ts";

const NO_COLOUR = { NO_COLOR: "1" };
const QUESTION = "[y] yes  [a] always this exact command  [n] no > ";
const SAY = ["chat", "-m", "go"];

/** What a model says that wants to run these commands, one after the other, and then has no more to say. */
function calls(...commands: string[]) {
	return [
		{
			toolCalls: commands.map((command) => ({
				name: "exec",
				input: { command },
			})),
		},
		{ text: "Done." },
	];
}

test("Ctrl-C at a question stops the turn, and the exit code is 130", async () => {
	for (const interrupt of ["key", "signal"]) {
		using it = await homeWithModel(calls("touch ran"));
		using terminal = openTerminal(it.home, { args: SAY });
		await terminal.sees(QUESTION);
		if (interrupt === "key") terminal.types(CTRL_C);
		else terminal.kill("SIGINT");
		expect([interrupt, await terminal.exited]).toEqual([interrupt, 130]);
		expect(terminal.bytes()).toContain("\r\nStopped.\r\n");
		expect(it.llm.requests).toHaveLength(1);
		expect(existsSync(join(it.home, ".aeon/workspace/ran"))).toBe(false);
	}
});

test("with --json a turn that Ctrl-C stopped is printed as one that was cancelled", async () => {
	using it = await homeWithModel(calls("touch ran"));
	const args = [...SAY, "--json"];
	using terminal = openTerminal(it.home, { args });
	await terminal.sees(QUESTION);
	terminal.types(CTRL_C);
	expect(await terminal.exited).toBe(130);
	const json = /^\{.*\}\r$/m.exec(terminal.bytes())?.[0] ?? "";
	expect(JSON.parse(json)).toMatchObject({
		stop_reason: "cancelled",
		error: { code: "cancelled" },
	});
	expect(it.llm.requests).toHaveLength(1);
});

test("each question has its own answer; Ctrl-D is no to it and to those after it", async () => {
	using it = await homeWithModel(
		calls("touch first", "touch second", "touch third", "touch fourth"),
	);
	using terminal = openTerminal(it.home, { args: SAY });
	for (const answer of ["y\r", "n\r", CTRL_D]) {
		await terminal.sees(QUESTION);
		terminal.types(answer);
	}
	await terminal.sees("nobody can be asked here: touch fourth");
	await terminal.sees("Done.");
	expect(await terminal.exited).toBe(0);
	expect(readdirSync(join(it.home, ".aeon/workspace"))).toEqual(["first"]);
});

test("with NO_COLOR nothing but text is written to a terminal", async () => {
	using it = await homeWithModel(calls("touch ran"));
	using terminal = openTerminal(it.home, { args: SAY, env: NO_COLOUR });
	await terminal.sees(QUESTION);
	terminal.types("y\r");
	await terminal.sees("Done.");
	expect(await terminal.exited).toBe(0);
	expect(terminal.bytes()).not.toContain("\x1b");
	expect(terminal.bytes()).not.toContain("⠋");
});

test("standard error has colours only where it is a terminal itself", async () => {
	using it = await homeWithModel(calls("touch ran"), {
		tools: { exec: { approval: "allow" } },
	});
	const errorsTo = join(it.home, "err");
	const options = { args: SAY, env: {}, errorsTo };
	using terminal = openTerminal(it.home, options);
	expect(await terminal.exited).toBe(0);
	expect(terminal.bytes()).toContain("\x1b[36m⠋");
	expect(readFileSync(errorsTo, "utf8")).toBe("· exec touch ran\n");
});

test("a chat behind a pipe takes the commands that a chat in the terminal takes", async () => {
	using it = await homeWithModel([]);
	const { code, out, err } = await run(["chat"], {
		home: it.home,
		input: "hi\n/model b\nhi\n/session work\nhi\n/exit\nnever said\n",
	});
	expect({ code, out: out.split("\n"), err }).toEqual({
		code: 0,
		out: [
			"nothing more",
			"b answers from now on.",
			"nothing more",
			"Session agent:main:cli:work",
			"nothing more",
			"",
		],
		err: "",
	});
	expect(
		it.llm.requests.map(({ body }) => [
			body.model,
			body.messages?.map(({ role }) => role).join(" "),
		]),
	).toEqual([
		["fake-1", "system user"],
		["b", "system user assistant user"],
		["b", "system user"],
	]);
});

test("/help behind a pipe lists every command that is taken there", async () => {
	using home = temporaryHome();
	const { out } = await run(["chat"], { home: home.path, input: "/help\n" });
	const words = out.split("\n").map((line) => line.split(" ")[0]);
	expect(words.filter(Boolean).sort()).toEqual(
		[
			"/compact",
			"/exit",
			"/help",
			"/model",
			"/new",
			"/session",
			"/status",
			"/stop",
			"/usage",
		].sort(),
	);
});

test("a line behind a pipe that cannot be taken is told of, and the next one is taken", async () => {
	using it = await homeWithModel([{ text: "Here." }]);
	const { code, out, err } = await run(["chat"], {
		home: it.home,
		input:
			"/session agent:nobody:cli:x\nhi\n/session agent:main\n/session agent:main:cli:local\nhi\n",
	});
	expect({
		code,
		out,
		err: err.split("\n").map((line) => line.slice(0, 40)),
	}).toEqual({
		code: 0,
		out: "Session agent:nobody:cli:x\nSession agent:main:cli:local\nHere.\n",
		err: [
			'There is no agent "nobody": agents are m',
			'"agent:main" is not a session key: write',
			"",
		],
	});
});

test("a signal ends a chat behind a pipe, whatever is still to be said", async () => {
	using it = await homeWithModel([{ text: "Half", ending: "hang" }]);
	const child = start(["chat"], { home: it.home, input: "one\ntwo\n" });
	await it.llm.arrival(0);
	child.kill("SIGHUP");
	expect(await child.exited).toBe(129);
	expect(it.llm.requests).toHaveLength(1);
});
