import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { join } from "node:path";
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
		expect(await it.host.cancel(SESSION)).toBe(true);
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
		expect(await it.host.cancel(SESSION)).toBe(false);
		llm.stop();
	});

/** Aeon with a model that says this, and another program that can lock its database. */
async function withLocker(
	script: Parameters<typeof startFakeLlm>[0]["script"],
) {
	const llm = await startFakeLlm({ api: "anthropic", script });
	const it = await openTestAeon({
		provider: "anthropic",
		model: "fake-1",
		api_key: "test-key",
		base_url: llm.url,
	});
	const other = new Database(join(it.home, ".aeon/sessions.db"));
	return Object.assign(it, {
		lock: () => other.run("BEGIN IMMEDIATE"),
		unlock: () => other.run("ROLLBACK"),
		[Symbol.dispose]() {
			other.close();
			llm.stop();
		},
	});
}

/** The texts of a session as they lie in the store. */
async function texts(it: TestAeon): Promise<string[]> {
	const messages = await it.aeon.store.getHistory(SESSION, 50);
	return messages.map(({ content }) => content);
}

test("a turn stops in under a second while its message waits for a locked database, and the message is kept in its place", async () => {
	await using it = await withLocker(() => ({ text: "Hello again." }));
	using _ = it;
	it.lock();
	const turn = it.say("go");
	const ticks = await countTicks(400);
	const before = performance.now();
	it.host.cancel(SESSION);
	const result = await turn;
	expect(performance.now() - before).toBeLessThan(900);
	expect(result).toMatchObject({
		text: "",
		stopReason: "cancelled",
		error: { code: "cancelled", message: "Stopped." },
	});
	expect(ticks).toBeGreaterThan(5);
	const next = it.say("hello");
	it.unlock();
	expect((await next).text).toBe("Hello again.");
	expect(await texts(it)).toEqual(["go", "hello", "Hello again."]);
});

test("a turn stops in under a second while its answer waits for a locked database", async () => {
	await using it = await withLocker(() => {
		it.lock();
		return { text: "Half of it", ending: "hang" };
	});
	using _ = it;
	const turn = it.say("go");
	await it.event("agent.delta");
	const before = performance.now();
	it.host.cancel(SESSION);
	const result = await turn;
	expect(performance.now() - before).toBeLessThan(900);
	expect(result).toMatchObject({
		text: "Half of it\n\n[Stopped]",
		stopReason: "cancelled",
	});
	it.unlock();
	await it.aeon.store.saveMessage(
		SESSION,
		{ role: "user", content: "after" },
		0,
	);
	expect(await texts(it)).toEqual(["go", "Half of it", "after"]);
});

test("a stopped turn whose message could not be kept is told in the log, and leaving does not wait for it", async () => {
	await using it = await withLocker(() => ({ text: "never asked" }));
	using _ = it;
	it.lock();
	const turn = it.say("go");
	// By then it is on its way into the store.
	await new Promise(setImmediate);
	const before = performance.now();
	await it.aeon.close();
	expect(performance.now() - before).toBeLessThan(900);
	expect((await turn).stopReason).toBe("cancelled");
	expect(it.logged("message.lost")).toMatchObject([
		{
			level: "warn",
			session: SESSION,
			role: "user",
			error: { code: "storage_failed" },
		},
	]);
});

/** How often a timer of 10 ms came to its turn in that time. */
async function countTicks(ms: number): Promise<number> {
	let ticks = 0;
	const timer = setInterval(() => ticks++, 10);
	await Bun.sleep(ms);
	clearInterval(timer);
	return ticks;
}
