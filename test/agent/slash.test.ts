import { expect, test } from "bun:test";
import { openTestAeon, SESSION } from "../support/aeon.ts";
import { startFakeLlm } from "../support/fake_llm.ts";

async function twoAgents() {
	const llm = await startFakeLlm({
		api: "openai",
		script: (request) => ({
			text: `${request.body.model} answers`,
			usage: { input: 10, output: 4 },
		}),
	});
	const agent = (model: string) => ({
		provider: "openai",
		model,
		base_url: llm.url,
	});
	const it = await openTestAeon(agent("first"), {}, undefined, {
		other: agent("second"),
	});
	const type = (line: string, model?: string) =>
		it.host.command(line, { sessionKey: SESSION, model });
	return { it, llm, type };
}

test("/model lists the agents with their models and marks the one that answers", async () => {
	const { it, llm, type } = await twoAgents();
	expect(await type("/model")).toEqual({
		text: "* main: openai/first\n  other: openai/second",
	});
	expect(await type("/model", "other")).toEqual({
		text: "  main: openai/first\n* other: openai/second",
	});
	expect(await type("/model", "third")).toEqual({
		text: "  main: openai/first\n  other: openai/second\n* third",
	});
	expect(await type("/model other")).toEqual({
		text: "other answers from now on.",
		model: "other",
	});
	await it[Symbol.asyncDispose]();
	llm.stop();
});

test("a message may be answered by another agent's model, or by another model of the provider", async () => {
	const { it, llm } = await twoAgents();
	const ask = async (model?: string) =>
		(
			await it.host.receive({
				sessionKey: SESSION,
				text: "hi",
				...(model && { model }),
			})
		).text;
	expect([await ask(), await ask("other"), await ask("third")]).toEqual([
		"first answers",
		"second answers",
		"third answers",
	]);
	await it[Symbol.asyncDispose]();
	llm.stop();
});

test("/usage counts the answers of the session and their tokens", async () => {
	const { it, llm, type } = await twoAgents();
	expect(await type("/usage")).toEqual({
		text: "0 answers: 0 tokens in (0 from the cache), 0 out.",
	});
	await it.say("one");
	await it.say("two");
	expect(await type("/usage")).toEqual({
		text: "2 answers: 20 tokens in (0 from the cache), 8 out.",
	});
	await it[Symbol.asyncDispose]();
	llm.stop();
});

test("/stop says whether anything was running; /help lists every command", async () => {
	const { it, llm, type } = await twoAgents();
	expect(await type("/stop")).toEqual({ text: "Nothing is running." });
	expect(
		(await type("/help"))?.text.split("\n").map((line) => line.split(" ")[0]),
	).toEqual([
		"/new",
		"/stop",
		"/status",
		"/model",
		"/compact",
		"/usage",
		"/help",
	]);
	await it[Symbol.asyncDispose]();
	llm.stop();
});

test("an unknown command is named, a message that begins with a path is a message", async () => {
	const { it, llm, type } = await twoAgents();
	expect(await type("/nwe")).toEqual({
		text: "There is no command /nwe. /help lists them.",
	});
	expect(await type("/toString")).toEqual({
		text: "There is no command /toString. /help lists them.",
	});
	expect(await type("/etc/passwd is what?")).toBeUndefined();
	expect(await type("hello /new")).toBeUndefined();
	expect(await type("  /NEW  ")).toEqual({
		text: "A new conversation begins.",
	});
	await it[Symbol.asyncDispose]();
	llm.stop();
});

test("a command that cannot be done says why", async () => {
	const { it, llm } = await twoAgents();
	const reply = await it.host.command("/model", {
		sessionKey: "nonsense",
	});
	expect(reply?.text).toContain('"nonsense" is not a session key');
	await it[Symbol.asyncDispose]();
	llm.stop();
});
