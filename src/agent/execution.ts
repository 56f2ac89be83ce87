// Step 6 of a turn, execute tools: one call after the other, each result kept before anyone is told of it.

import { orAborted } from "../core/abort.ts";
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
	const { agent, signal } = turn.parts;
	const result = call.error
		? failure(call.error)
		: await orAborted(agent.runTool(call, turn.parts), signal, TOOL_ABORT_MS);
	signal.throwIfAborted();
	limits.count(call, result);
	return result;
}
