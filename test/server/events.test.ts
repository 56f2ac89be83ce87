import { expect, test } from "bun:test";
import { RunBook } from "../../src/server/runs.ts";
import type { FakeAnswer } from "../support/fake_llm.ts";
import { config, modelSaying, openServer } from "../support/server.ts";
import {
	type Told,
	transcript,
	upTo,
	type WireClient,
} from "../support/wire.ts";

const KEY = "agent:main:ws:tests";
const slow = { tools: { exec: { approval: "allow" } } };

test("every client is told the same events under the same ids", async () => {
	await using server = await openServer(config());
	using one = await server.connect();
	using other = await server.connect();
	const { runId } = await one.call("agent.send", { message: "hello" });
	const end = ({ change }: Told["data"]) => change === "turn";
	await one.event("session.updated", end);
	await other.event("session.updated", end);
	expect(one.events).toEqual(other.events);
	expect(new Set(one.events.map(({ id }) => id)).size).toBe(one.events.length);
	expect(transcript(other.events, runId).text).toBe(
		transcript(other.events, runId).last?.data.text,
	);
});

test("a client is told of the sessions and events it wants, until it wants others", async () => {
	await using server = await openServer(config());
	using client = await server.connect();
	const say = (sessionKey: string) =>
		client.call("agent.send", { message: "hello", sessionKey, wait: true });
	const OTHER = "agent:main:ws:other";
	await client.call("events.subscribe", { sessionKeys: [KEY] });
	await say(OTHER);
	await client.call("dialog.send", { dialog: "ws", to: "me", text: "to all" });
	await say(KEY);
	await client.event("session.updated");
	expect(
		new Set(client.events.map(({ data }) => data.sessionKey ?? "all")),
	).toEqual(new Set(["all", KEY]));
	client.events.length = 0;
	await client.call("events.subscribe", { events: ["agent.done"] });
	await say(OTHER);
	await say(KEY);
	expect(client.events.map(({ event }) => event)).toEqual([
		"agent.done",
		"agent.done",
	]);
	client.events.length = 0;
	await client.call("events.subscribe", { events: [], sessionKeys: [] });
	await say(KEY);
	expect(client.events).toEqual([]);
	await client.call("events.subscribe");
	await say(KEY);
	expect(client.events.length).toBeGreaterThan(3);
});

/** A turn with thoughts, a tool and several pieces of text; each of its two requests waits for its word to go on. */
const gated = (gates: Promise<void>[]) =>
	modelSaying(async (_request, n): Promise<FakeAnswer> => {
		await gates[n];
		return n % 2 === 0
			? {
					thinking: "Hm.",
					text: ["I ", "look."],
					toolCalls: [{ name: "exec", input: { command: "echo hi" } }],
				}
			: { text: ["It ", "says ", "hi."] };
	});

/** What a client that was away makes of what it is told: what came before the answer to `events.subscribe` comes again. */
async function resume(
	client: WireClient,
	seen: readonly Told[],
	after: unknown,
): Promise<Told[]> {
	await client.call("events.subscribe", { after });
	client.events.length = 0;
	await client.until(() => client.events.some(isEnd));
	return [...seen, ...client.events.filter(({ event }) => isOfRun(event))];
}

const isOfRun = (event: string) => event.startsWith("agent.");
const isEnd = ({ event }: Told) => /^agent\.(done|error)$/.test(event);

test("a client that is cut off at any frame of a run, and comes back, has the one whole transcript", async () => {
	using model = await gated([]);
	await using server = await openServer(config(model.agent, slow));
	using watcher = await server.connect();
	await watcher.call("agent.send", {
		message: "go",
		sessionKey: KEY,
		wait: true,
	});
	const names = watcher.events
		.filter(({ event }) => isOfRun(event))
		.map(({ event }) => event);
	expect(names.length).toBeGreaterThan(9);
	for (const by of ["id", "seq"])
		for (const cutAfter of upTo(names.length)) {
			using client = await server.connect();
			const own = () => client.events.filter(({ event }) => isOfRun(event));
			const { runId } = await client.call("agent.send", {
				message: "go",
				sessionKey: `${KEY}-${by}-${cutAfter}`,
			});
			await client.until(() => own().length >= cutAfter);
			const seen = own().slice(0, cutAfter);
			client.cut();
			const last = seen.at(-1);
			using back = await server.connect();
			const after = by === "id" ? last?.id : { [runId]: last?.data.seq };
			const isOver = cutAfter === names.length;
			if (isOver) await back.call("events.subscribe", { after });
			const whole = isOver ? seen : await resume(back, seen, after);
			const { seqs, names: told, text, last: end } = transcript(whole, runId);
			expect(told).toEqual(names);
			expect(seqs).toEqual(upTo(names.length));
			expect(text).toBe(end?.data.text);
			expect(new Set(whole.map(({ id }) => id)).size).toBe(whole.length);
		}
});

test("a run goes on without its client, and one that comes in the middle learns the rest and the whole text", async () => {
	const { promise: open, resolve } = Promise.withResolvers<void>();
	using model = await gated([Promise.resolve(), open]);
	await using server = await openServer(config(model.agent, slow));
	using first = await server.connect();
	const { runId } = await first.call("agent.send", {
		message: "go",
		sessionKey: KEY,
	});
	await first.event("agent.tool_result");
	first.cut();
	await first.closed;
	using second = await server.connect();
	resolve();
	const done = await second.end(runId);
	const { seqs } = transcript(second.events, runId);
	expect(seqs[0]).toBeGreaterThan(5);
	expect(seqs).toEqual(upTo(seqs.at(-1) ?? 0).slice((seqs[0] ?? 0) - 1));
	expect(done.data.text).toBe("I look.\n\nIt says hi.");
});

test("the id of an event of another process hides nothing", async () => {
	await using server = await openServer(config());
	using client = await server.connect();
	for (const _ of upTo(3))
		await client.call("agent.send", { message: "hi", wait: true });
	const after = client.events.at(-1)?.id;
	await server.stop();
	await using restarted = await openServer(config(), server.home);
	using other = await restarted.connect();
	await other.call("agent.send", { message: "hi", wait: true });
	using back = await restarted.connect();
	const { replayed } = await back.call("events.subscribe", { after });
	expect(replayed).toBeGreaterThan(3);
	await back.event("agent.done");
	const { replayed: none } = await back.call("events.subscribe", {
		after: { "run-unknown": 1 },
	});
	expect(none).toBe(0);
});

test("what comes again is narrowed as the rest is", async () => {
	await using server = await openServer(config());
	using client = await server.connect();
	await client.call("agent.send", { message: "hi", wait: true });
	using back = await server.connect();
	await back.call("events.subscribe", {
		after: "evt-0",
		events: ["agent.done"],
	});
	await back.event("agent.done");
	await back.call("ping");
	expect(back.events.map(({ event }) => event)).toEqual(["agent.done"]);
});

test("runs are forgotten by their age, their number and their size, those that go on last", () => {
	let now = 1_760_000_000_000;
	const book = new RunBook(() => now);
	const told = (
		runId: string,
		event: "agent.delta" | "agent.done",
		text = "",
	) =>
		book.record({
			event,
			data: { runId, sessionKey: KEY, seq: 1, text },
		} as never);
	const known = () =>
		new Set(
			book.after("").map(({ data }) => ("runId" in data ? data.runId : "")),
		);
	told("open", "agent.delta");
	for (const n of upTo(150)) told(`run-${n}`, "agent.done");
	expect(known().size).toBe(101);
	expect(known()).toContain("open");
	expect(known()).not.toContain("run-50");
	for (const n of upTo(5))
		told(`large-${n}`, "agent.done", "x".repeat(300_000));
	expect(known()).toEqual(new Set(["open", "large-3", "large-4", "large-5"]));
	now += 6 * 60_000;
	told("later", "agent.done");
	expect(known()).toEqual(new Set(["open", "later"]));
	for (const _ of upTo(50)) told("open", "agent.delta", "x".repeat(100_000));
	told("open", "agent.done");
	const size = JSON.stringify(book.after("").map(({ data }) => data)).length;
	expect(size).toBeLessThan(1_100_000);
});
