import { expect, test } from "bun:test";
import fc from "fast-check";
import type { TurnEvent, TurnResult } from "../../src/core/event.ts";
import { NO_USAGE } from "../../src/core/message.ts";
import { Run, type RunEvent } from "../../src/remote/run.ts";

const RUN = { runId: "run-1", sessionKey: "agent:main:cli:test" };
const PIECES = ["One, ", "two, ", "three, ", "four."];
const RESULT: TurnResult = {
	...RUN,
	text: PIECES.join(""),
	toolCalls: [],
	usage: NO_USAGE,
	stopReason: "end_turn",
};

const EVENTS: RunEvent[] = [
	{ event: "agent.start", data: { ...RUN, seq: 1 } },
	...PIECES.map((text, index): RunEvent => {
		const data = { ...RUN, seq: index + 2, text };
		return { event: "agent.delta", data };
	}),
	{
		event: "agent.done",
		data: {
			...RUN,
			seq: PIECES.length + 2,
			text: RESULT.text,
			usage: NO_USAGE,
			stopReason: "end_turn",
		},
	},
];

const WHOLE: TurnEvent[] = [
	{ type: "agent.start", ...RUN, seq: 1 },
	...PIECES.map((text, index): TurnEvent => {
		return { type: "agent.delta", ...RUN, seq: index + 2, text };
	}),
	{ type: "agent.done", ...RUN, seq: PIECES.length + 2, result: RESULT },
];

function shown(events: RunEvent[]): TurnEvent[] {
	const seen: TurnEvent[] = [];
	const run = new Run(RUN, (event) => seen.push(event));
	const openAt = Math.floor(events.length / 2);
	for (const [index, event] of events.entries()) {
		if (index === openAt) run.open();
		run.take(event);
	}
	run.open();
	run.end(RESULT);
	return seen;
}

test("events in any order, and any number of times, are shown once and in order", () => {
	fc.assert(
		fc.property(
			fc.shuffledSubarray([...EVENTS, ...EVENTS], {
				minLength: 2 * EVENTS.length,
			}),
			(events) => expect(shown(events)).toEqual(WHOLE),
		),
	);
});

test("whatever events are missing, the text is whole at the end", () => {
	fc.assert(
		fc.property(fc.shuffledSubarray(EVENTS), (events) => {
			const seen = shown(events);
			const text = seen.map((event) =>
				event.type === "agent.delta" ? event.text : "",
			);
			expect(text.join("")).toBe(RESULT.text);
			expect(seen.map(({ seq }) => seq)).toEqual(
				seen.map((_, index) => index + 1),
			);
			expect(seen.at(0)?.type).toBe("agent.start");
			expect(seen.at(-1)?.type).toBe("agent.done");
		}),
	);
});

test("nothing is shown before the turn before it has ended", () => {
	const seen: TurnEvent[] = [];
	const run = new Run(RUN, (event) => seen.push(event));
	for (const event of EVENTS) expect(run.take(event)).toBe(false);
	expect(seen).toEqual([]);
	run.open();
	expect(seen).toEqual(WHOLE.slice(0, -1));
});

test("a gap is told of once, where it is seen first", () => {
	const run = new Run(RUN, () => {});
	run.open();
	const [start, one, two, three, four, done] = EVENTS as [
		RunEvent,
		RunEvent,
		RunEvent,
		RunEvent,
		RunEvent,
		RunEvent,
	];
	const told = [start, start, two, three, one, one, done, four, start];
	expect(told.map((event) => run.take(event))).toEqual([
		false,
		false,
		true,
		false,
		false,
		false,
		true,
		false,
		false,
	]);
	expect(run.seq).toBe(5);
});

test("a run that its server does not know any more keeps what was seen of it, with a sentence under it", () => {
	const seen: TurnEvent[] = [];
	const run = new Run(RUN, (event) => seen.push(event));
	const [start, one] = EVENTS as [RunEvent, RunEvent];
	const call = { ...RUN, seq: 3, callId: "c1", name: "exec", input: {} };
	run.open();
	run.take(start);
	run.take(one);
	run.take({ event: "agent.tool_call", data: call });
	run.take({
		event: "agent.tool_result",
		data: {
			...RUN,
			seq: 4,
			callId: "c1",
			name: "exec",
			success: true,
			output: "",
		},
	});
	const lost = run.lost();
	run.end(lost);
	expect(lost.toolCalls).toEqual([
		{ id: "c1", name: "exec", input: {}, success: true },
	]);
	expect(seen.slice(-2)).toEqual([
		{
			type: "agent.delta",
			...RUN,
			seq: 5,
			text: "\n\n[The server was restarted while it answered, and the rest of the answer is lost: say it again.]",
		},
		{ type: "agent.error", ...RUN, seq: 6, result: lost },
	]);
});
