// Messages that come from the command line or a pipe, and answers that go where standard output goes.

import { AeonError } from "../core/errors.ts";
import type { TurnResult } from "../core/event.ts";
import { print, printError, terminalStyle } from "../core/terminal.ts";
import { Conversation } from "../dialogs/cli/conversation.ts";
import { plain } from "../dialogs/cli/plain.ts";
import type { ScreenOptions } from "../dialogs/cli/screen.ts";
import { withSignals } from "./signals.ts";
import type { Talk } from "./talk.ts";

/** Says one thing and shows the answer, as text or as one JSON object. `-` reads the message from standard input. */
export async function sayOnce(
	talk: Talk,
	sessionKey: string,
	message: string,
	asJson: boolean,
): Promise<number> {
	const text = message === "-" ? await readAll() : message;
	const { out, aside } = standardOutputs();
	const nowhere = { hasColour: false, write() {} };
	const host = talk.addDialog(plain({ out: asJson ? nowhere : out, aside }));
	const conversation = new Conversation(host, sessionKey);
	const { result, code } = await takeTurn(conversation, text);
	if (asJson) out.write(`${JSON.stringify(describeResult(result))}\n`);
	return code;
}

/** Says every line of standard input, one after the other. */
export async function sayEach(talk: Talk, sessionKey: string): Promise<number> {
	const { out, aside } = standardOutputs();
	const host = talk.addDialog(plain({ out, aside }));
	const conversation = new Conversation(host, sessionKey);
	const { createInterface } = await import("node:readline");
	let code = 0;
	for await (const line of createInterface({ input: process.stdin })) {
		if (line.trim() === "") continue;
		try {
			const obeyed = await conversation.obey(line);
			if (obeyed?.leaves) break;
			if (obeyed) {
				out.write(`${obeyed.text}\n`);
				continue;
			}
			const turn = await takeTurn(conversation, line);
			code = turn.code;
			if (turn.isInterrupted) break;
		} catch (error) {
			if (!(error instanceof AeonError)) throw error;
			aside.write(`${error.message}\n`);
			code = 1;
		}
	}
	return code;
}

/** Answers go to standard output, what stands beside them to standard error. */
function standardOutputs(): ScreenOptions {
	const { env } = process;
	return {
		out: { ...terminalStyle(env, "stdout"), write: print },
		aside: { ...terminalStyle(env, "stderr"), write: printError },
	};
}

/** One turn, which a signal stops, and what the command is to exit with after it. */
async function takeTurn(
	conversation: Conversation,
	text: string,
): Promise<{ result: TurnResult; code: number; isInterrupted: boolean }> {
	const { value: result, exitCode } = await withSignals(
		() => void conversation.stop(),
		() => conversation.say(text),
	);
	const code = exitCode ?? (result.error ? 1 : 0);
	return { result, code, isInterrupted: exitCode !== undefined };
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
