// What the runtime tells, in the words of the protocol.

import type { RuntimeEvent, TurnResult } from "../core/event.ts";
import { CODE_ON_WIRE } from "./codes.ts";
import type { WireEvent } from "./events.ts";

/** A runtime's event as clients are told it. */
export function toWire(happened: RuntimeEvent): WireEvent {
	switch (happened.type) {
		case "agent.done": {
			const { runId, sessionKey, seq, result } = happened;
			const data = { runId, sessionKey, seq, ...outcome(result) };
			return { event: "agent.done", data };
		}
		case "agent.error": {
			const { runId, sessionKey, seq, result } = happened;
			const data = {
				runId,
				sessionKey,
				seq,
				...outcome(result),
				code: CODE_ON_WIRE[result.error?.code ?? "internal"],
				message: result.error?.message ?? "The turn failed",
			};
			return { event: "agent.error", data };
		}
		default: {
			const { type, ...data } = happened;
			return { event: type, data } as WireEvent;
		}
	}
}

/** How a turn ended, without its tool calls. */
export function outcome({ text, usage, stopReason, model }: TurnResult) {
	return { text, usage, stopReason, ...(model !== undefined && { model }) };
}
