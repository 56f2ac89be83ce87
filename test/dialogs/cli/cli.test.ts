import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { type FakeAnswer, startFakeLlm } from "../../support/fake_llm.ts";
import { temporaryHome } from "../../support/home.ts";

const MAIN = join(import.meta.dir, "..", "..", "..", "src", "main.ts");
const CTRL_C = "\x03";
const CTRL_D = "\x04";
const UP = "\x1b[A";

/** `aeon chat` on a real pseudo-terminal, in this home. */
function openChat(home: string) {
	let screen = "";
	let seen = 0;
	const waiting: { text: string; found(): void }[] = [];
	const look = () => {
		for (const one of [...waiting]) {
			const at = screen.indexOf(one.text, seen);
			if (at < 0) continue;
			seen = at + one.text.length;
			waiting.splice(waiting.indexOf(one), 1);
			one.found();
		}
	};
	const decoder = new TextDecoder();
	const child = Bun.spawn([process.execPath, MAIN, "chat"], {
		cwd: home,
		env: {
			PATH: process.env.PATH ?? "",
			HOME: home,
			TERM: "xterm",
			NO_COLOR: "1",
		},
		terminal: {
			cols: 100,
			rows: 30,
			data(_terminal, bytes) {
				screen += stripVTControlCharacters(
					decoder.decode(bytes, { stream: true }),
				);
				look();
			},
		},
	});
	return {
		/** Resolves when this stands on the screen, after what was seen last. */
		sees: (text: string) =>
			new Promise<void>((found) => {
				waiting.push({ text, found });
				look();
			}),
		types: (keys: string) => void child.terminal?.write(keys),
		/** What happens to a terminal whose window is closed. */
		hangUp() {
			child.terminal?.close();
			child.kill("SIGHUP");
		},
		exited: child.exited,
		[Symbol.dispose]: () => child.kill("SIGKILL"),
	};
}

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
	using chat = openChat(home.path);
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
	using chat = openChat(home.path);
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
	using chat = openChat(home.path);
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
	using chat = openChat(home.path);
	chat.types("go\r");
	await chat.sees("· exec");
	chat.types(CTRL_C + CTRL_C);
	expect(await chat.exited).toBe(130);
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
	using chat = openChat(home.path);
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
		using chat = openChat(home.path);
		await chat.sees("> ");
		chat.types("remember me\r");
		await chat.sees("You said");
		chat.types("/session work\r");
		await chat.sees("Session agent:main:cli:work");
		chat.types("/exit\r");
		expect(await chat.exited).toBe(0);
	}
	using chat = openChat(home.path);
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
	using chat = openChat(home.path);
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
	using chat = openChat(home.path);
	chat.types("go\r");
	await chat.sees("[n] no > ");
	chat.types(CTRL_D);
	expect(await chat.exited).toBe(0);
	expect(existsSync(join(home.path, ".aeon/workspace/ran"))).toBe(false);
});

test("a message that Aeon sends is shown as one", async () => {
	using home = temporaryHome();
	using chat = openChat(home.path);
	chat.types("send good morning\r");
	await chat.sees("message:\r\ngood morning\r\n");
});

test("a chat whose terminal is gone ends", async () => {
	using home = temporaryHome();
	using chat = openChat(home.path);
	await chat.sees("> ");
	chat.hangUp();
	expect(await chat.exited).toBeGreaterThanOrEqual(0);
});
