// May this command run? Asked with buttons: what is shown, who may answer, and what counts as no.

import { afterEach, beforeEach, expect, test } from "bun:test";
import type { Decision } from "../../../src/core/approval.ts";
import { AeonError } from "../../../src/core/errors.ts";
import {
	type LogFields,
	type Logger,
	silent,
} from "../../../src/core/logger.ts";
import { Questions } from "../../../src/dialogs/whatsapp/questions.ts";
import { type FakeClock, fakeClock } from "../../support/fake_clock.ts";
import { ANNA, BERT } from "./intake_rig.ts";

const MIN = 60_000;
const NONE: Partial<Sent> = {};

/** What was sent: to whom, the text, and the buttons where there are some. */
interface Sent {
	to: string;
	text: string;
	buttons?: readonly { id: string; title: string }[];
}

let clock: FakeClock;
let sent: Sent[];
let log: [string, LogFields?][];
let failures: unknown[];
let questions: Questions;
let turn: AbortController;
let split: (text: string) => string[];

beforeEach(() => {
	clock = fakeClock();
	sent = [];
	log = [];
	failures = [];
	turn = new AbortController();
	split = (text) => text.match(/.{1,4096}/gs) ?? [];
	const write: Logger["info"] = (event, fields) =>
		void log.push([event, fields]);
	const deliver = async (one: Sent, signal?: AbortSignal) => {
		signal?.throwIfAborted();
		const failure = failures.shift();
		if (failure) throw failure;
		sent.push(one);
		return `wamid.${sent.length}`;
	};
	questions = new Questions({
		messenger: {
			send: (to, { text }, signal) => deliver({ to, text }, signal),
			buttons: (to, text, buttons, signal) =>
				deliver({ to, text, buttons }, signal),
		},
		split: (text) => split(text),
		clock,
		logger: { ...silent, info: write, warn: write, error: write },
	});
});

afterEach(() => {
	for (const { text, buttons } of sent) {
		expect(text.length).toBeLessThanOrEqual(buttons ? 1_024 : 4_096);
		for (const { id, title } of buttons ?? []) {
			expect(title.length).toBeLessThanOrEqual(20);
			expect(id.length).toBeLessThanOrEqual(256);
		}
	}
});

/** Asks Anna, and what became of it. */
function ask(command = "ls", to = ANNA, cwd = "/w") {
	const request = { tool: "exec", command, cwd };
	const answer = questions.ask(to, request, turn.signal);
	const asked = { answer, decision: undefined as Decision | undefined };
	void answer.then((decision) => {
		asked.decision = decision;
	});
	return asked;
}

/** The last question that is shown. */
async function shown(): Promise<Required<Sent>> {
	await clock.advance(0);
	const { to, text, buttons } = sent.findLast((one) => one.buttons) ?? NONE;
	if (!to || !text || !buttons) throw new Error("there are no buttons");
	return { to, text, buttons };
}

/** Somebody presses the button that says this. */
function press(question: Sent, title: string, from = ANNA) {
	const button = question.buttons?.find((one) => one.title === title);
	return questions.press({ from, id: button?.id ?? "", wamid: "wamid.p" });
}

test("a short question stands above its buttons, in full", async () => {
	const { answer } = ask("echo hello");
	const question = await shown();
	const [, id = ""] = question.buttons[0]?.id.split(":") ?? [];
	expect(id).toMatch(/^[0-9a-f]{16}$/);
	expect(sent).toEqual([
		{
			to: ANNA,
			text: "Aeon wants to run this command (exec):\n\n```\necho hello\n```\n\nin\n\n```\n/w\n```",
			buttons: [
				{ id: `q:${id}:allow`, title: "Yes" },
				{ id: `q:${id}:always`, title: "Always this command" },
				{ id: `q:${id}:deny`, title: "No" },
			],
		},
	]);
	expect(await press(question, "Yes")).toBe(true);
	expect(await answer).toBe("allow");
	await clock.advance(10 * MIN);
	expect(sent).toHaveLength(1);
});

test.each([
	["Yes", "allow"],
	["Always this command", "always"],
	["No", "deny"],
] as const)("%s means %s", async (title, decision) => {
	const { answer } = ask();
	expect(await press(await shown(), title)).toBe(true);
	expect(await answer).toBe(decision);
});

test.each([900, 2_000, 20_000])(
	"a command of %p characters is shown in full before the buttons",
	async (length) => {
		const command = `echo ${"x".repeat(length - 8)}end`;
		const { answer } = ask(command);
		const question = await shown();
		expect(sent.map(({ text }) => text).join("")).toContain(`${command}\n`);
		expect(sent.filter(({ buttons }) => buttons)).toEqual([question]);
		expect(sent.at(-1)).toEqual(question);
		if (length > 1_024)
			expect(question.text).toBe("May the command above run?");
		await press(question, "No");
		expect(await answer).toBe("deny");
	},
);

test("a command in several parts is shown with all of them, however short the first is", async () => {
	split = (text) => text.split(" && ");
	ask("ls && rm -rf /");
	const question = await shown();
	expect(question.text).toBe("May the command above run?");
	expect(sent.map(({ text }) => text)).toEqual([
		"Aeon wants to run this command (exec):\n\n```\nls",
		"rm -rf /\n```\n\nin\n\n```\n/w\n```",
		question.text,
	]);
});

test("a whole of 1,024 characters stands above the buttons, a longer one before them", async () => {
	const frame =
		"Aeon wants to run this command (exec):\n\n```\n\n```\n\nin\n\n```\n/w\n```";
	ask("x".repeat(1_024 - frame.length));
	await shown();
	expect(sent.map(({ text }) => text.length)).toEqual([1_024]);
	ask("x".repeat(1_025 - frame.length));
	await shown();
	expect(sent.map(({ text }) => text.length)).toEqual([1_024, 1_025, 26]);
});

test("what is invisible in a command, or its folder, is made visible", async () => {
	ask("ls \u202egnp.\u200b ``` \u001b[31m", ANNA, "/w/\u202e\n\u200b\u001b");
	const { text } = await shown();
	for (const unseen of ["\u202e", "\u200b", "\u001b"])
		expect(text).not.toContain(unseen);
	expect(text).toContain("````\nls ");
});

test("five minutes without an answer are a no, which is said once, and a later press finds the question closed", async () => {
	const asked = ask();
	const question = await shown();
	await clock.advance(5 * MIN - 1);
	expect(asked.decision).toBeUndefined();
	await clock.advance(1);
	expect(asked.decision).toBe("deny");
	expect(sent.slice(1)).toEqual([
		{ to: ANNA, text: "Nobody answered in five minutes: not allowed." },
	]);
	expect(await press(question, "Yes")).toBe(false);
	await clock.advance(MIN);
	expect(sent).toHaveLength(2);
});

test("a question is answered once: the first press counts", async () => {
	const { answer } = ask();
	const question = await shown();
	const presses = [press(question, "No"), press(question, "Yes")];
	expect(await Promise.all(presses)).toEqual([true, false]);
	expect(await answer).toBe("deny");
});

test("only the person of the chat may answer", async () => {
	const asked = ask();
	const question = await shown();
	expect(await press(question, "Yes", BERT)).toBe(false);
	await clock.advance(0);
	expect(asked.decision).toBeUndefined();
	expect(await press(question, "No")).toBe(true);
	expect(await asked.answer).toBe("deny");
});

test("a button answers its own question, and what is no button of a question answers none", async () => {
	const first = ask("rm -r one");
	const older = await shown();
	const second = ask("ls two");
	await press(await shown(), "Yes");
	expect(await second.answer).toBe("allow");
	const right = older.buttons[0]?.id ?? "";
	for (const id of [
		"",
		"q:",
		"q:x:allow",
		right.replace("allow", "toString"),
		`${right}x`,
		`x${right}`,
	])
		expect(await questions.press({ from: ANNA, id, wamid: "w" })).toBe(false);
	expect(first.decision).toBeUndefined();
});

test("a question whose turn is stopped counts as no, and nothing is said", async () => {
	const { answer } = ask();
	const question = await shown();
	turn.abort();
	expect(await answer).toBe("deny");
	await clock.advance(10 * MIN);
	expect(sent).toHaveLength(1);
	expect(await press(question, "Yes")).toBe(false);
});

test("a turn that is stopped while its question cannot be shown is not asked later", async () => {
	failures = Array(100).fill(new AeonError("peer_unavailable", "no network"));
	const { answer } = ask();
	await clock.advance(10_000);
	turn.abort();
	expect(await answer).toBe("deny");
	failures = [];
	await clock.advance(10 * MIN);
	expect(sent).toEqual([]);
	expect(log).toEqual([]);
});

test("a question that cannot be shown is tried again until it can, as late as WhatsApp asks for", async () => {
	failures = [
		new AeonError("peer_unavailable", "no network"),
		new AeonError("peer_silent", "no answer"),
		new AeonError("peer_unavailable", "too fast", { retryAfterMs: 30_000 }),
	];
	const { answer } = ask();
	await clock.advance(4_000 + 29_999);
	expect(sent).toEqual([]);
	await clock.advance(1);
	expect(sent).toHaveLength(1);
	await press(await shown(), "Yes");
	expect(await answer).toBe("allow");
});

test("a question that was never shown ends as no, and nobody is told that they did not answer", async () => {
	failures = Array(1_000).fill(new AeonError("peer_unavailable", "no network"));
	const { answer } = ask();
	await clock.advance(5 * MIN);
	expect(await answer).toBe("deny");
	failures = [];
	await clock.advance(10 * MIN);
	expect(sent).toEqual([]);
});

test("a question that WhatsApp refuses counts as no, and that is logged", async () => {
	failures = [new AeonError("peer_rejected", "outside of the 24 hours")];
	expect(await ask().answer).toBe("deny");
	failures = [undefined, new AeonError("peer_rejected", "no buttons")];
	expect(await ask("x".repeat(2_000)).answer).toBe("deny");
	await clock.advance(10 * MIN);
	expect(sent.filter(({ buttons }) => buttons)).toEqual([]);
	expect(log.map(([event]) => event)).toEqual([
		"question.unasked",
		"question.unasked",
	]);
});

test("that nobody answered is said as soon as WhatsApp can be reached again, but not for ever", async () => {
	ask();
	await shown();
	failures = [new AeonError("peer_silent", "no answer")];
	await clock.advance(5 * MIN);
	expect(sent).toHaveLength(1);
	await clock.advance(2_000);
	expect(sent).toHaveLength(2);
	ask();
	await shown();
	failures = Array(100).fill(new AeonError("peer_unavailable", "no network"));
	await clock.advance(10 * MIN);
	expect(failures).toHaveLength(89);
	expect(log.map(([event]) => event)).toEqual(["question.unclosed"]);
});

test("a question that WhatsApp cannot deliver is answered with no, at once, and the log says why", async () => {
	const request = { tool: "exec", command: "true", cwd: "/" };
	const asked = questions.ask(ANNA, request, turn.signal);
	await clock.advance(0);
	const error = new AeonError("peer_rejected", "they wrote too long ago");
	const report = { platformId: "wamid.x", state: "failed", error } as const;
	questions.failed(report);
	await clock.advance(MIN);
	expect(log).toEqual([]);
	questions.failed({ ...report, platformId: `wamid.${sent.length}` });
	expect(await asked).toBe("deny");
	expect(log).toEqual([["question.undelivered", { error }]]);
	questions.failed({ ...report, platformId: `wamid.${sent.length}` });
	await clock.advance(10 * MIN);
	expect(log).toHaveLength(1);
	expect(sent).toHaveLength(1);
});
