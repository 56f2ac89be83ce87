// Step 6 of a turn, execute tools: one call after the other, each result kept before anyone is told of it.

import type { ToolCall } from "../core/message.ts";
import { failure, type ToolResult } from "../tools/tool.ts";
import type { LoopLimits } from "./limits.ts";
import type { Turn } from "./turn.ts";

/** How long a tool may take to end once the turn is stopped. */
const TOOL_ABORT_MS = 800;

/** Runs the calls of an answer, as far as the limits allow; a call that may not run gets a result that says so. */
export async function executeTools(
	turn: Turn,
	calls: ToolCall[],
	limits: LoopLimits,
): Promise<void> {
	for (const call of calls) {
		turn.parts.signal.throwIfAborted();
		turn.tell({
			type: "agent.tool_call",
			callId: call.id,
			name: call.name,
			input: call.input,
		});
		const result = await runTool(turn, call, limits);
		const { success, attachments } = result;
		const output = success
			? result.output
			: [result.error, result.output].filter(Boolean).join("\n");
		turn.countCall(call, success);
		await turn.keep({
			role: "tool",
			toolCallId: call.id,
			toolName: call.name,
			content: output,
			...(!success && { isError: true }),
			...(attachments && { attachments }),
		});
		turn.tell({
			type: "agent.tool_result",
			callId: call.id,
			name: call.name,
			success,
			output,
		});
	}
}

async function runTool(
	turn: Turn,
	call: ToolCall,
	limits: LoopLimits,
): Promise<ToolResult> {
	if (!limits.mayRun()) return failure("Not run: the turn's limit is reached.");
	const result = call.error
		? failure(call.error)
		: await orAborted(
				turn.parts.agent.runTool(call, turn.parts),
				turn.parts.signal,
			);
	limits.count(call, result);
	return result;
}

/** Waits for a tool, but not much longer than the turn lives: a tool that does not hear the signal holds nobody up. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
	const { promise: aborted, reject } = Promise.withResolvers<never>();
	let timer: ReturnType<typeof setTimeout> | undefined;
	const onAbort = () => {
		timer = setTimeout(() => reject(signal.reason), TOOL_ABORT_MS);
	};
	if (signal.aborted) onAbort();
	else signal.addEventListener("abort", onAbort);
	try {
		const result = await Promise.race([work, aborted]);
		signal.throwIfAborted();
		return result;
	} finally {
		clearTimeout(timer);
		signal.removeEventListener("abort", onAbort);
	}
}
