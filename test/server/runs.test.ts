import { expect, test } from "bun:test";
import type { WireEvent } from "../../src/server/events.ts";
import { RunBook } from "../../src/server/runs.ts";

const of = (runId: string, seq: number) => ({
	runId,
	sessionKey: "agent:main:ws:a",
	seq,
});

const noUsage = {
	inputTokens: 0,
	outputTokens: 0,
	cacheReadTokens: 0,
	cacheWriteTokens: 0,
};

/** A run that does this, from its start to its end. */
function tell(book: RunBook, runId: string, middle: WireEvent[] = []): void {
	book.record({ event: "agent.start", data: of(runId, 1) });
	for (const event of middle) book.record(event);
	book.record({
		event: "agent.done",
		data: {
			...of(runId, middle.length + 2),
			text: "",
			usage: noUsage,
			stopReason: "end_turn",
		},
	});
}

const sizeOf = (events: { data: object }[]) => JSON.stringify(events).length;

test("what is kept of runs that have ended is bounded, whatever they brought", () => {
	const book = new RunBook();
	for (let n = 0; n < 30; n++)
		tell(book, `run-${n}`, [
			{
				event: "agent.tool_call",
				data: {
					...of(`run-${n}`, 2),
					callId: "a",
					name: "file_write",
					input: { content: "x".repeat(300_000) },
				},
			},
		]);
	const kept = book.after("evt-of-another-process-1");
	expect(kept.length).toBeGreaterThan(0);
	expect(sizeOf(kept)).toBeLessThan(1_300_000);
});

test("runs are forgotten after five minutes and beyond a hundred, the oldest first", () => {
	let now = 0;
	const book = new RunBook(() => now);
	tell(book, "old");
	now = 5 * 60_000 + 1;
	for (let n = 0; n < 120; n++) tell(book, `run-${n}`);
	const runs = new Set(
		book.after("").map(({ data }) => (data as { runId: string }).runId),
	);
	expect(runs.size).toBe(100);
	expect(runs.has("old")).toBe(false);
	expect(runs.has("run-0")).toBe(false);
	expect(runs.has("run-119")).toBe(true);
});

test("messages that answer nobody come again to whoever names the last event it had", () => {
	const book = new RunBook();
	const first = book.record({ event: "agent.start", data: of("run-1", 1) });
	for (let n = 0; n < 60; n++)
		book.record({
			event: "message.outbound",
			data: {
				deliveryId: `delivery-${n}`,
				state: "sent",
				dialog: "ws",
				to: "me",
				text: `${n}`,
			},
		});
	const missed = book.after(first.id);
	expect(missed.map(({ event }) => event)).toEqual(
		Array(50).fill("message.outbound"),
	);
	expect(missed.at(-1)?.data).toMatchObject({ text: "59" });
	expect(book.after({ "run-1": 1 })).toEqual([]);
});
