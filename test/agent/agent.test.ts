// What aeon.json says of an agent reaches its turns, through the whole of Aeon.

import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadSettings } from "../../src/settings/settings.ts";
import { openTestAeon } from "../support/aeon.ts";
import {
	type FakeAnswer,
	type FakeRequest,
	startFakeLlm,
} from "../support/fake_llm.ts";
import { temporaryFolder, temporaryHome } from "../support/home.ts";

/** An Aeon with this agent, whose model gives these answers in order. */
async function answering(
	answers: FakeAnswer[],
	agent: object = {},
	sections: object = {},
) {
	const llm = await startFakeLlm({
		api: "anthropic",
		script: (_request, n) => answers[n] ?? { text: `answer ${n}` },
	});
	const it = await openTestAeon(
		{
			provider: "anthropic",
			model: "fake-1",
			api_key: "test-key",
			base_url: llm.url,
			...agent,
		},
		{ tools: { exec: { approval: "allow" } }, ...sections },
	);
	return Object.assign(it, { llm, [Symbol.dispose]: () => llm.stop() });
}

/** Who says what in a request, without the times. */
function said({ body }: FakeRequest): string[] {
	return (body.messages ?? []).map(({ role, content }) => {
		const [, text] =
			/"text":"(?:\[[^\]]*\] )?([^"]*)"/.exec(JSON.stringify(content)) ?? [];
		return `${role}: ${text}`;
	});
}

test("a request holds the last messages, no more of them than history_limit, from the beginning of a turn on", async () => {
	for (const [history_limit, expected] of [
		[
			5,
			[
				"user: question 2",
				"assistant: answer 2",
				"user: question 3",
				"assistant: answer 3",
				"user: question 4",
			],
		],
		[4, ["user: question 3", "assistant: answer 3", "user: question 4"]],
	] as const) {
		const alone = { compaction: { at: 0 }, memory: { recall: false } };
		await using it = await answering([], { history_limit }, alone);
		using _ = it;
		for (let n = 0; n < 5; n++) await it.say(`question ${n}`);
		expect(said(it.llm.requests[4] as FakeRequest)).toEqual([...expected]);
	}
});

test("a system prompt stands at the beginning of the model's, given in aeon.json or in a file", async () => {
	using folder = temporaryFolder();
	const system_prompt_file = join(folder.path, "who.md");
	writeFileSync(system_prompt_file, "You are Miss Marple, from a file.\n");
	const system = async (agent: object) => {
		await using it = await answering([], agent);
		using _ = it;
		await it.say("hello");
		return String(it.llm.requests[0]?.body.system?.[0]?.text).split("\n\n");
	};
	const [own, rules] = await system({});
	expect(own).toStartWith("You are Aeon");
	expect(rules).toStartWith("Answer briefly");
	const system_prompt = "You are Poirot.";
	expect(await system({ system_prompt })).toEqual([
		system_prompt,
		rules as string,
	]);
	expect(await system({ system_prompt_file })).toEqual([
		"You are Miss Marple, from a file.",
		rules as string,
	]);
});

test("an agent is offered the tools of its list, and none of the others runs", async () => {
	const call = { name: "file_write", input: { path: "a", content: "b" } };
	await using it = await answering([{ toolCalls: [call] }], {
		tools: ["exec", "file_read"],
	});
	using _ = it;
	const { toolCalls } = await it.say("write");
	expect(toolCalls).toMatchObject([{ name: "file_write", success: false }]);
	const [request] = it.llm.requests;
	expect(request?.body.tools?.map(({ name }) => name).sort()).toEqual([
		"exec",
		"file_read",
	]);
	expect(() => readFileSync(join(it.workspace, "a"))).toThrow("ENOENT");
});

test("an agent is offered every tool where it has no list", async () => {
	await using it = await answering([]);
	using _ = it;
	await it.say("hello");
	const [request] = it.llm.requests;
	expect(request?.body.tools?.map(({ name }) => name).sort()).toEqual([
		"exec",
		"file_read",
		"file_write",
		"memory_forget",
		"memory_save",
		"memory_search",
		"message_send",
		"session_search",
	]);
});

test("a turn makes no more tool calls than max_tool_calls", async () => {
	const asks = Array.from({ length: 9 }, (_, n) => ({
		toolCalls: [{ name: "exec", input: { command: `echo ${n}` } }],
	}));
	await using it = await answering(asks, { max_tool_calls: 2 });
	using _ = it;
	const result = await it.say("loop");
	expect(result.stopReason).toBe("loop_limit");
	expect(result.toolCalls.map(({ success }) => success)).toEqual([
		true,
		true,
		false,
	]);
	expect(result.text).toBe(
		'[Stopped: 2 tool calls are the limit for one turn. Say "go on" to continue]',
	);
});

test("an agent that says nothing of them has 50 messages, 25 tool calls and ten minutes", async () => {
	using home = temporaryHome({ agents: { main: { provider: "demo" } } });
	const { agents } = await loadSettings({
		env: {},
		cwd: home.path,
		home: home.path,
		needs: "everything",
	});
	expect(agents.main).toMatchObject({
		history_limit: 50,
		max_tool_calls: 25,
		max_turn_seconds: 600,
	});
});

test("no text of a conversation is in the log above debug", async () => {
	const secret = (what: string) => `private-${what}`;
	await using it = await answering([
		{
			text: secret("aside"),
			thinking: secret("thought"),
			toolCalls: [
				{
					name: "exec",
					input: { command: `echo ${secret("output")}; exit 3` },
				},
				{ name: "message_send", input: { text: secret("message") } },
			],
		},
		{ text: secret("answer") },
		{ text: secret("half"), ending: "reset" },
	]);
	using _ = it;
	await it.say(secret("question"));
	await it.say(secret("again"));
	const lines = readFileSync(join(it.home, ".aeon/logs/aeon.log"), "utf8")
		.split("\n")
		.filter((line) => line && JSON.parse(line).level !== "debug");
	expect(lines.map((line) => JSON.parse(line).event)).toEqual(
		expect.arrayContaining(["turn.done", "turn.failed"]),
	);
	expect(lines.filter((line) => line.includes("private-"))).toEqual([]);
});
