// What the model of a soak does: the newest message tells it, as "turn=17 does=write". Answers begin with "answer 17.".

import { anthropicEvents } from "../../../test/llm/fake_events.ts";

/** What a soak's turns are; of each kind the model does something else, and those that are stopped or cut a client, too. */
export type Act =
	/** Answers. */
	| "say"
	/** Call a tool, then answer. */
	| "write"
	| "read"
	| "exec"
	/** As exec, which nobody allows. */
	| "deny"
	/** 529, however often it is asked; or the first time only. */
	| "refuse"
	| "falter"
	/** The connection is reset in the middle of the answer. */
	| "reset"
	/** Begins an answer and does not go on: somebody stops it. */
	| "slow"
	/** Takes some time over its answer, in which its client goes away and comes again. */
	| "linger";

/** What a request is answered with: so much, with pauses between, and how the connection ends then. */
export interface Answer {
	pieces: string[];
	pauseMs: number;
	ending: "end" | "reset" | "stay";
}

const STREAM =
	"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
const LAST = "0\r\n\r\n";
const OVERLOADED = JSON.stringify({
	type: "error",
	error: { type: "overloaded_error", message: "Overloaded" },
});
const REFUSAL = `HTTP/1.1 529 Overloaded\r\nContent-Type: application/json\r\nContent-Length: ${OVERLOADED.length}\r\nRetry-After: 0\r\nConnection: close\r\n\r\n${OVERLOADED}`;

const CALLS: Partial<Record<Act, (turn: number) => object>> = {
	write: (turn) => ({
		name: "file_write",
		input: { path: `${turn % FILES}.txt`, content: `${turn} `.repeat(500) },
	}),
	read: () => ({ name: "file_read", input: { path: SOAK_FILE } }),
	exec: () => ({ name: "exec", input: { command: PRINT } }),
	deny: () => ({ name: "exec", input: { command: PRINT } }),
};

/** What is read; it has to be in the workspace. */
export const SOAK_FILE = "soak.txt";

/** Far more than is kept of it. */
const PRINT = "yes 'what a long day' | head -c 1000000";
const FILES = 100;

/** Turns that have been refused once. */
const faltered = new Set<number>();

/** The answer to a request's body; undefined where it is none of a soak's. */
export function soakAnswer(body: string): Answer | undefined {
	if (!body.includes(" does=")) return undefined;
	const asked = [...body.matchAll(/turn=(\d+) does=(\w+)/g)]
		.map(([, turn, does]) => ({ turn: Number(turn), does: does as Act }))
		// What is remembered of earlier ones may stand below the newest.
		.reduce<{ turn: number; does: Act } | undefined>(
			(newest, one) => (newest && newest.turn > one.turn ? newest : one),
			undefined,
		);
	if (!asked) return undefined;
	const { turn, does } = asked;
	const isRefused =
		does === "refuse" || (does === "falter" && !faltered.delete(turn));
	if (isRefused) {
		if (does === "falter") faltered.add(turn);
		return { pieces: [REFUSAL], pauseMs: 0, ending: "end" };
	}
	const id = `toolu_${turn}`;
	const call = body.includes(`"tool_use_id":"${id}"`) ? undefined : CALLS[does];
	if (call)
		return whole(
			anthropicEvents({ toolCalls: [{ id, ...call(turn) } as never] }),
		);
	const text = [`answer ${turn}.`, ...Array(3).fill(` ${"x".repeat(99)}`)];
	const events = anthropicEvents({ text });
	if (does !== "reset" && does !== "slow" && does !== "linger")
		return whole(events);
	const half = events.indexOf("event: content_block_delta", events.length / 2);
	const first = STREAM + chunk(events.slice(0, half));
	if (does === "linger")
		return {
			pieces: [first, chunk(events.slice(half)) + LAST],
			pauseMs: 40,
			ending: "end",
		};
	const ending = does === "slow" ? "stay" : "reset";
	return { pieces: [first], pauseMs: 20, ending };
}

function whole(events: string): Answer {
	const piece = STREAM + chunk(events) + LAST;
	return { pieces: [piece], pauseMs: 0, ending: "end" };
}

/** RFC 9112, 7.1; all of it is ASCII. */
function chunk(text: string): string {
	return `${text.length.toString(16)}\r\n${text}\r\n`;
}
