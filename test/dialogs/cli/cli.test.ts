import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type FakeAnswer, startFakeLlm } from "../../support/fake_llm.ts";
import { temporaryHome } from "../../support/home.ts";
import { CTRL_C, CTRL_D, openTerminal, UP } from "./terminal.ts";

function homeWithModel(url: string, approval = "ask") {
	return temporaryHome({
		agents: { main: { provider: "openai", model: "fake-1", base_url: url } },
		tools: { exec: { approval } },
	});
}

async function model(script: (n: number) => FakeAnswer) {
	const llm = await startFakeLlm({
		api: "openai",
		script: (_request, n) => script(n),
	});
	return Object.assign(llm, { [Symbol.dispose]: () => llm.stop() });
}

test("a person types, is answered, pastes several lines, and leaves with Ctrl-D", async () => {
	using home = temporaryHome();
	using chat = openTerminal(home.path);
	await chat.sees("/help lists the commands");
	chat.types("hello\r");
	await chat.sees('You said "hello"');
	await chat.sees("> ");
	chat.types("\x1b[200~one\rtwo\x1b[201~\r");
	await chat.sees('You said "one\r\ntwo"');
	chat.types(CTRL_D);
	expect(await chat.exited).toBe(0);
});

test("a command is shown exactly, with its directory, and runs only after a yes", async () => {
	using llm = await model((n) =>
		n % 2
			? { text: `answer ${n}` }
			: {
					toolCalls: [{ name: "exec", input: { command: "echo run >> ran" } }],
				},
	);
	using home = homeWithModel(llm.url);
	using chat = openTerminal(home.path);
	const ran = () => {
		const file = join(home.path, ".aeon/workspace/ran");
		return existsSync(file) ? readFileSync(file, "utf8") : "";
	};
	for (const [word, count] of [
		["n", 0],
		["y", 1],
		["a", 2],
	] as const) {
		chat.types("go\r");
		await chat.sees("    echo run >> ran");
		await chat.sees(`in ${home.path}/.aeon/workspace`);
		await chat.sees("[y] yes  [a] always this exact command  [n] no > ");
		chat.types(`${word}\r`);
		await chat.sees("answer");
		expect(ran()).toBe("run\n".repeat(count));
	}
	chat.types("go\r");
	await chat.sees("answer");
	expect(ran()).toBe("run\n".repeat(3));
});

test("Ctrl-C stops the turn and the chat goes on; at the prompt it leaves with 130", async () => {
	using llm = await model((n) =>
		n === 0 ? { text: "Half", ending: "hang" } : { text: "Whole." },
	);
	using home = homeWithModel(llm.url);
	using chat = openTerminal(home.path);
	chat.types("talk\r");
	await chat.sees("Half");
	chat.types(CTRL_C);
	await chat.sees("[Stopped]");
	chat.types("again\r");
	await chat.sees("Whole.");
	chat.types("a line that is thrown away");
	chat.types(CTRL_C);
	chat.types(CTRL_C);
	expect(await chat.exited).toBe(130);
});

test("a second Ctrl-C leaves though the turn will not end", async () => {
	using llm = await model(() => ({
		toolCalls: [{ name: "exec", input: { command: "trap '' TERM; sleep 60" } }],
	}));
	using home = homeWithModel(llm.url, "allow");
	using chat = openTerminal(home.path);
	chat.types("go\r");
	await chat.sees("· exec");
	chat.types(CTRL_C + CTRL_C);
	expect(await chat.exited).toBe(130);
});

test("Ctrl-C stops what runs in a session that the person has left meanwhile", async () => {
	using llm = await model(() => ({ text: "Half", ending: "hang" }));
	using home = homeWithModel(llm.url);
	using chat = openTerminal(home.path);
	chat.types("talk\r");
	await chat.sees("Half");
	chat.types("/session other\r");
	await chat.sees("Session agent:main:cli:other");
	chat.types(CTRL_C);
	await chat.sees("[Stopped]");
	chat.types("/exit\r");
	expect(await chat.exited).toBe(0);
});

test("/stop stops what runs in this session, and where nothing does, what runs in another one", async () => {
	using llm = await model((n) => ({ text: `Half ${n}`, ending: "hang" }));
	using home = homeWithModel(llm.url);
	using chat = openTerminal(home.path);
	chat.types("talk\r");
	await chat.sees("Half 0");
	chat.types("/session other\r");
	await chat.sees("Session agent:main:cli:other");
	chat.types("talk\r");
	await chat.sees("Half 1");
	let isFirstClosed = false;
	const first = llm.requests[0]?.closed.then(() => {
		isFirstClosed = true;
	});
	chat.types("/stop\r");
	await chat.sees("Stopping.");
	await chat.sees("[Stopped]");
	expect(isFirstClosed).toBe(false);
	chat.types("/stop\r");
	await chat.sees("Stopping session agent:main:cli:local.");
	await first;
	await chat.sees("[Stopped]");
	chat.types("/stop\r");
	await chat.sees("Nothing is running.");
});

test("what is typed while Aeon answers waits for its turn, and /stop acts at once", async () => {
	const gate = Promise.withResolvers<FakeAnswer>();
	const llm = await startFakeLlm({
		api: "openai",
		script: (_request, n) =>
			n === 0
				? gate.promise
				: n === 1
					? { text: "Second." }
					: { text: "Third", ending: "hang" },
	});
	using home = homeWithModel(llm.url);
	using chat = openTerminal(home.path);
	chat.types("one\r");
	await llm.arrival(0);
	chat.types("two\r");
	await chat.sees("(waits) two");
	gate.resolve({ text: "First." });
	await chat.sees("First.");
	await chat.sees("Second.");
	chat.types("three\r");
	await chat.sees("Third");
	chat.types("/stop\r");
	await chat.sees("[Stopped]");
	llm.stop();
});

test("the history of a chat is there in the next one, and sessions can be changed", async () => {
	using home = temporaryHome();
	{
		using chat = openTerminal(home.path);
		await chat.sees("> ");
		chat.types("remember me\r");
		await chat.sees("You said");
		chat.types("/session work\r");
		await chat.sees("Session agent:main:cli:work");
		chat.types("/exit\r");
		expect(await chat.exited).toBe(0);
	}
	using chat = openTerminal(home.path);
	await chat.sees("> ");
	chat.types(`${UP}${UP}${UP}\r`);
	await chat.sees('You said "remember me"');
});

test("what stands half typed in the line is no answer to a question", async () => {
	const gate = Promise.withResolvers<FakeAnswer>();
	const llm = await startFakeLlm({
		api: "openai",
		script: (_request, n) => (n === 0 ? gate.promise : { text: "Refused." }),
	});
	using home = homeWithModel(llm.url);
	using chat = openTerminal(home.path);
	chat.types("go\r");
	await llm.arrival(0);
	// What is typed now is not echoed: that the line before it is told of shows that it has arrived.
	chat.types("later\ry");
	await chat.sees("(waits) later");
	gate.resolve({
		toolCalls: [{ name: "exec", input: { command: "touch ran\u202e" } }],
	});
	await chat.sees("touch ran\\u{202e}");
	await chat.sees("[n] no > ");
	chat.types("\r");
	await chat.sees("Refused.");
	await chat.sees("> y");
	expect(existsSync(join(home.path, ".aeon/workspace/ran"))).toBe(false);
	llm.stop();
});

test("Ctrl-D at a question leaves in peace, and the command does not run", async () => {
	using llm = await model(() => ({
		toolCalls: [{ name: "exec", input: { command: "touch ran" } }],
	}));
	using home = homeWithModel(llm.url);
	using chat = openTerminal(home.path);
	chat.types("go\r");
	await chat.sees("[n] no > ");
	chat.types(CTRL_D);
	expect(await chat.exited).toBe(0);
	expect(existsSync(join(home.path, ".aeon/workspace/ran"))).toBe(false);
});

test("a message that Aeon sends is shown as one", async () => {
	using home = temporaryHome();
	using chat = openTerminal(home.path);
	chat.types("send good morning\r");
	await chat.sees("message:\r\ngood morning\r\n");
});

test("a chat whose terminal is gone ends", async () => {
	using home = temporaryHome();
	using chat = openTerminal(home.path);
	await chat.sees("> ");
	chat.hangUp();
	expect(await chat.exited).toBeGreaterThanOrEqual(0);
});
