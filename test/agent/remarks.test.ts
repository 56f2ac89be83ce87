// Aeon's own sentences beside the model's: they show as they are, outside of its code, and none is taken for an answer.

import { describe, expect, test } from "bun:test";
import type { Agent } from "../../src/agent/agent.ts";
import { deliverFailure, stopped } from "../../src/agent/delivery.ts";
import { Turn } from "../../src/agent/turn.ts";
import { AeonError } from "../../src/core/errors.ts";
import { silent } from "../../src/core/logger.ts";
import type { SessionStore } from "../../src/storage/store.ts";

/** A turn by itself, and the text that was told of it. */
function openTurn() {
	let told = "";
	const turn = new Turn({
		runId: "run-1",
		agent: {} as Agent,
		model: undefined,
		sessionKey: "agent:main:cli:test",
		signal: new AbortController().signal,
		store: {} as SessionStore,
		logger: silent,
		now: () => 0,
		approve: async () => "deny",
		send: async () => "",
		onEvent(event) {
			if (event.type === "agent.delta") told += event.text;
		},
	});
	return { turn, told: () => told };
}

const REFUSED = new AeonError(
	"llm_rejected",
	"the host said 401: [no](http://x.yz) *key*",
);

describe("a remark", () => {
	const said: [string, string][] = [
		["", "[Stopped]"],
		["Half", "Half\n\n[Stopped]"],
		["```js\nlet a", "```js\nlet a\n```\n\n[Stopped]"],
		["```js\nlet a;\n", "```js\nlet a;\n```\n\n[Stopped]"],
		["~~~~\na\n\n", "~~~~\na\n\n~~~~\n\n[Stopped]"],
		["- a\n  ```\n  b", "- a\n  ```\n  b\n  ```\n\n[Stopped]"],
		["```\na\n```\n", "```\na\n```\n\n[Stopped]"],
	];
	test.each(said)("under %j stands outside of its code", (text, whole) => {
		const { turn, told } = openTurn();
		turn.say(text);
		turn.remark("Stopped");
		expect(turn.text).toBe(whole);
		expect(told()).toBe(whole);
	});

	test("shows what others wrote in it as it is", () => {
		const { turn } = openTurn();
		turn.remark("document `__init__.py`: [x](http://y.z) *a*");
		expect(turn.text).toBe("[document `__init__.py`: [x\\](http://y.z) \\*a*]");
	});
});

describe("a turn that fails", () => {
	const NO_WORDS = "voice message, 12 s; no transcriber is configured";

	test("after something was said was cut", () => {
		const { turn } = openTurn();
		turn.remark(NO_WORDS);
		turn.breakParagraph();
		turn.say("Half");
		expect(deliverFailure(turn, REFUSED).text).toBe(
			`[${NO_WORDS}]\n\nHalf\n\n[The answer was cut: the host said 401: [no\\](http://x.yz) \\*key*]`,
		);
	});

	test("before the model said anything says why, and calls nothing an answer", () => {
		const { turn, told } = openTurn();
		turn.remark(NO_WORDS);
		turn.breakParagraph();
		turn.say("\n");
		const { text, error } = deliverFailure(turn, REFUSED);
		expect(text.replace(/\n+/g, "\n")).toBe(
			`[${NO_WORDS}]\nThe host said 401: [no\\](http://x.yz) \\*key*`,
		);
		expect(told()).toBe(text);
		expect(error?.message).toBe(REFUSED.message);
	});

	test("or is stopped before that is just stopped", () => {
		const { turn } = openTurn();
		turn.remark(NO_WORDS);
		expect(deliverFailure(turn, stopped()).text).toBe(
			`[${NO_WORDS}]\n\nStopped.`,
		);
	});

	test("without a word has no text, only its error", () => {
		const { turn } = openTurn();
		expect(deliverFailure(turn, REFUSED).text).toBe("");
	});
});
