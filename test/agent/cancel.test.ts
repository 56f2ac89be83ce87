import { expect, test } from "bun:test";
import { openTestAeon, SESSION, type TestAeon } from "../support/aeon.ts";
import {
	type FakeAnswer,
	type FakeLlm,
	startFakeLlm,
} from "../support/fake_llm.ts";

const overloaded: FakeAnswer = {
	status: 529,
	headers: { "retry-after": "30" },
	body: { error: { type: "overloaded_error", message: "Overloaded" } },
};
const asks = (command: string): FakeAnswer => ({
	text: "On it.",
	toolCalls: [{ name: "exec", input: { command } }],
});

/** What the model answers first, how to know that the state is reached, and what is left to be said. */
const states: Record<
	string,
	{
		first: FakeAnswer;
		approval?: string;
		reached(it: TestAeon, llm: FakeLlm): Promise<unknown>;
		text: string;
	}
> = {
	"waiting for the model's first byte": {
		first: { instead: "hang" },
		reached: (_it, llm) => llm.arrival(0),
		text: "",
	},
	"in the middle of an answer": {
		first: { text: "Half of it", ending: "hang" },
		reached: (it) => it.event("agent.delta"),
		text: "Half of it\n\n[Stopped]",
	},
	"waiting to try the model again": {
		first: overloaded,
		reached: (_it, llm) => llm.arrival(0),
		text: "",
	},
	"running a command": {
		first: asks("sleep 60"),
		reached: (it) => it.event("agent.tool_call"),
		text: "On it.\n\n[Stopped]",
	},
	"running a command that ignores SIGTERM": {
		first: asks("trap '' TERM; sleep 60 & wait; wait"),
		reached: (it) => it.event("agent.tool_call"),
		text: "On it.\n\n[Stopped]",
	},
	"waiting for a person's word": {
		first: asks("true"),
		approval: "ask",
		reached: (it) => it.event("agent.tool_call"),
		text: "On it.\n\n[Stopped]",
	},
};

for (const [
	state,
	{ first, approval = "allow", reached, text },
] of Object.entries(states))
	test(`a turn stops in under a second while ${state}, and the session goes on`, async () => {
		const llm = await startFakeLlm({
			api: "anthropic",
			script: (_request, n) => (n === 0 ? first : { text: "Hello again." }),
		});
		const agent = {
			provider: "anthropic",
			model: "fake-1",
			api_key: "test-key",
			base_url: llm.url,
		};
		const never = new Promise<never>(() => {});
		await using it = await openTestAeon(
			agent,
			{ tools: { exec: { approval } } },
			() => never,
		);
		const turn = it.say("go");
		await reached(it, llm);
		const before = performance.now();
		expect(it.aeon.host.cancel(SESSION)).toBe(true);
		const result = await turn;
		expect(performance.now() - before).toBeLessThan(1000);
		expect(result).toMatchObject({
			text,
			stopReason: "cancelled",
			error: { code: "cancelled", message: "Stopped." },
		});
		expect(it.events.filter(({ type }) => type === "agent.error")).toHaveLength(
			1,
		);
		expect((await it.say("hello")).text).toBe("Hello again.");
		expect(llm.breaches).toEqual([]);
		expect(it.aeon.host.cancel(SESSION)).toBe(false);
		llm.stop();
	});
