// What every dialog must do, whichever it is: run by each of them in provider.test.ts.

import { AeonError } from "../../src/core/errors.ts";
import { NO_USAGE } from "../../src/core/message.ts";
import type { DialogHost, DialogProvider } from "../../src/dialogs/provider.ts";

/** What a dialog did when it was taken through its life. */
export interface Conduct {
	name: string;
	/** It took the three parts of a turn without a throw, and what was shown of them came in order. */
	showsInOrder: boolean;
	sendsMessages: boolean;
	/** The answer to a question whose turn was stopped. */
	answerAfterStop: string | undefined;
	stopsTwice: boolean;
}

/** Takes a dialog through its life. `shown` gives all that the person has seen so far. */
export async function conductOf(
	dialog: DialogProvider,
	shown: () => string,
): Promise<Conduct> {
	const sessionKey = `agent:main:${dialog.name}:somebody`;
	const result = {
		runId: "run-1",
		sessionKey,
		text: "one two",
		toolCalls: [],
		usage: NO_USAGE,
		stopReason: "end_turn" as const,
	};
	const host: DialogHost = {
		receive: async () => result,
		accept: () => Promise.reject(new Error("not asked for here")),
		amend: async () => false,
		resume: async () => 0,
		cancel: async () => false,
		command: async () => undefined,
		say: async () => {},
		hasSaid: async () => false,
		confirm: async () => false,
		said: async () => undefined,
		report() {},
	};
	await dialog.start(host);
	const of = { runId: "run-1", sessionKey };
	dialog.show?.("somebody", { ...of, seq: 1, type: "agent.start" });
	for (const [index, text] of ["one ", "two"].entries())
		dialog.show?.("somebody", {
			...of,
			seq: index + 2,
			type: "agent.delta",
			text,
		});
	dialog.show?.("somebody", { ...of, seq: 4, type: "agent.done", result });
	const showsInOrder = shown().includes("one two");
	await dialog.send("somebody", { text: "good morning" });
	const sendsMessages = shown().includes("good morning");
	const request = { tool: "exec", command: "true", cwd: "/" };
	const stopped = AbortSignal.abort(new AeonError("cancelled", "Stopped."));
	const answerAfterStop = await dialog.approve?.("somebody", request, stopped);
	await dialog.stop();
	await dialog.stop();
	return {
		name: dialog.name,
		showsInOrder,
		sendsMessages,
		answerAfterStop,
		stopsTwice: true,
	};
}
