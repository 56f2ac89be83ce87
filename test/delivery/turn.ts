// A turn of a test's own, told to an outbox event by event.

import type { TurnEventBody, TurnResult } from "../../src/core/event.ts";
import { NO_USAGE } from "../../src/core/message.ts";
import type { Outbox } from "../../src/delivery/outbox.ts";

/** Begins a turn of this run with somebody; what is told later goes to the outbox that there is then. */
export function beginTurn(
	outbox: () => Outbox,
	runId: string,
	to = "777",
	reference?: string,
) {
	const sessionKey = `agent:main:post:${to}`;
	const address = { dialog: "post", to, sessionKey, reference };
	let seq = 0;
	let said = "";
	const tell = (body: TurnEventBody) =>
		outbox().show(address, { runId, sessionKey, seq: ++seq, ...body });
	const result = (error?: TurnResult["error"]): TurnResult => ({
		runId,
		sessionKey,
		text: said,
		toolCalls: [],
		usage: NO_USAGE,
		stopReason: "end_turn",
		...(error && { error }),
	});
	tell({ type: "agent.start" });
	return {
		say(text: string) {
			said += text;
			tell({ type: "agent.delta", text });
		},
		call(command: string) {
			const input = { command };
			tell({ type: "agent.tool_call", callId: "1", name: "exec", input });
		},
		end(error?: TurnResult["error"]) {
			const ended = result(error);
			tell({ type: error ? "agent.error" : "agent.done", result: ended });
			return outbox().deliver(ended, [runId], address);
		},
		/** The process ends in it: nothing is delivered, the next start goes on. */
		postpone() {
			const error = { code: "shutting_down", message: "later" } as const;
			tell({ type: "agent.error", result: result(error) });
		},
	};
}
