// Messages that come from the command line or a pipe, and answers that go where standard output goes.

import type { Aeon } from "../app.ts";
import type { TurnResult } from "../core/event.ts";
import { print, printError, terminalStyle } from "../core/terminal.ts";
import { plain } from "../dialogs/cli/plain.ts";
import { INTERRUPTED, withSignals } from "./signals.ts";

/** Says one thing and shows the answer, as text or as one JSON object. `-` reads the message from standard input. */
export async function sayOnce(
	aeon: Aeon,
	sessionKey: string,
	message: string,
	asJson: boolean,
): Promise<number> {
	const text = message === "-" ? await readAll() : message;
	const style = asJson
		? { isTty: false, hasColour: false }
		: terminalStyle(process.env);
	const write = asJson ? () => {} : print;
	aeon.addDialog(plain({ ...style, write, aside: printError }));
	const { result, code } = await takeTurn(aeon, sessionKey, text);
	if (asJson) print(`${JSON.stringify(describeResult(result))}\n`);
	return code;
}

/** Says every line of standard input, one after the other. */
export async function sayEach(aeon: Aeon, sessionKey: string): Promise<number> {
	const style = terminalStyle(process.env);
	aeon.addDialog(plain({ ...style, write: print, aside: printError }));
	const { createInterface } = await import("node:readline");
	let code = 0;
	for await (const line of createInterface({ input: process.stdin })) {
		if (line.trim() === "") continue;
		if (line.trim() === "/exit") break;
		const reply = await aeon.host.command(line, { sessionKey });
		if (reply) {
			print(`${reply.text}\n`);
			continue;
		}
		({ code } = await takeTurn(aeon, sessionKey, line));
		if (code >= INTERRUPTED) break;
	}
	return code;
}

/** One turn, which a signal stops, and what the command is to exit with after it. */
async function takeTurn(
	aeon: Aeon,
	sessionKey: string,
	text: string,
): Promise<{ result: TurnResult; code: number }> {
	const { value: result, exitCode } = await withSignals(
		() => void aeon.host.cancel(sessionKey),
		() => aeon.host.receive({ sessionKey, text }),
	);
	return { result, code: exitCode ?? (result.error ? 1 : 0) };
}

/** A turn in the words of the wire. */
function describeResult(result: TurnResult): object {
	const { usage, toolCalls, error } = result;
	return {
		text: result.text,
		tool_calls: toolCalls.map(({ id, name, input, success }) => ({
			id,
			name,
			input,
			success,
		})),
		usage: {
			input_tokens: usage.inputTokens,
			output_tokens: usage.outputTokens,
			cache_read_tokens: usage.cacheReadTokens,
			cache_write_tokens: usage.cacheWriteTokens,
		},
		stop_reason: result.stopReason,
		session_key: result.sessionKey,
		run_id: result.runId,
		...(error && { error }),
	};
}

async function readAll(): Promise<string> {
	const chunks: Buffer[] = [];
	for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
	return Buffer.concat(chunks).toString().trimEnd();
}
