// May this command run? Asked with buttons: what is shown, who may answer, and what counts as no.

import { afterEach, beforeEach, expect, test } from "bun:test";
import type { CallbackQuery } from "grammy/types";
import type { ApprovalRequest, Decision } from "../../../src/core/approval.ts";
import { openSpeaking, type Speaking } from "./speaking.ts";

const ANNA = 777;
const BERT = 778;
const GROUP = -1_001_234_567_890;
const MINUTE_MS = 60_000;
const SHORT_MS = 300;

let line: Speaking;
let turn: AbortController;

beforeEach(async () => {
	line = await openSpeaking(SHORT_MS);
	turn = new AbortController();
	line.hear(ANNA);
	line.hear(GROUP);
});

afterEach(async () => {
	expect(line.telegram.violations).toEqual([]);
	await line[Symbol.asyncDispose]();
});

/** Asks somebody in a chat, and what became of it. */
function ask(command = "ls", chatId = ANNA, userId = ANNA) {
	const request: ApprovalRequest = { tool: "exec", command, cwd: "/w" };
	const answer = line.questions.ask(`${chatId}`, userId, request, turn.signal);
	const asked = { answer, decision: undefined as Decision | undefined };
	void answer.then((decision) => {
		asked.decision = decision;
	});
	return asked;
}

/** The message with the buttons, once it is shown. */
async function shown(chatId = ANNA) {
	const find = () =>
		line.telegram.visible(chatId).findLast(({ buttons }) => buttons?.length);
	await line.until(() => find() !== undefined);
	const found = find();
	if (!found) throw new Error("there are no buttons");
	return found;
}

/** Somebody presses the button that says this, of a message as it was then. */
async function press(
	message: Awaited<ReturnType<typeof shown>>,
	label: string,
	from = ANNA,
	chatId = ANNA,
) {
	const data = message.buttons?.find(({ text }) => text === label)?.data;
	const query = {
		id: line.telegram.press(chatId, label, { id: from }),
		from: { id: from, is_bot: false, first_name: "Somebody" },
		message: { message_id: message.id, chat: { id: chatId } },
		chat_instance: "1",
		data,
	};
	await line.questions.press(query as unknown as CallbackQuery);
}

/** Resolves when no message has buttons any more, and gives what they say. */
async function closed(chatId = ANNA): Promise<string[]> {
	await line.until(() =>
		line.telegram.visible(chatId).every(({ buttons }) => !buttons?.length),
	);
	return line.texts(chatId);
}

/** What those who pressed were told, once so many have. */
async function acknowledged(count = 1): Promise<string[]> {
	const calls = () => line.calls("answerCallbackQuery");
	await line.until(() => calls().length >= count);
	return calls().map(({ params }) => params.text);
}

test("a yes is a yes, is acknowledged, and closes the question", async () => {
	const { answer } = ask("echo hello");
	const question = await shown();
	expect(question.text).toBe(
		"Aeon wants to run this command (exec):\n\necho hello\n\nin\n\n/w",
	);
	await press(question, "Yes");
	expect(await answer).toBe("allow");
	expect(await acknowledged()).toEqual(["Allowed."]);
	expect(await closed()).toEqual([`${question.text}\nAllowed.`]);
});

test("each button means what it says", async () => {
	const table = [
		["Yes", "allow"],
		["Always this exact command", "always"],
		["No", "deny"],
	] as const;
	for (const [label, decision] of table) {
		const { answer } = ask();
		await press(await shown(), label);
		expect(await answer).toBe(decision);
		await closed();
	}
});

test("five minutes without an answer are a no, and a button that is pressed later changes nothing", async () => {
	const asked = ask();
	const question = await shown();
	await line.clock.advance(5 * MINUTE_MS - 10_000);
	expect(asked.decision).toBeUndefined();
	const late = line.telegram.press(ANNA, "Yes");
	await line.clock.advance(10_000);
	expect(await asked.answer).toBe("deny");
	const [text] = await closed();
	expect(text).toEndWith("\nNobody answered in five minutes: not allowed.");
	await line.questions.press({
		id: late,
		from: { id: ANNA, is_bot: false, first_name: "Anna" },
		chat_instance: "1",
		data: question.buttons?.[0]?.data ?? "",
	});
	expect(await acknowledged()).toEqual(["This question is closed."]);
	expect(await closed()).toEqual([text ?? ""]);
});

test("a question is answered once: the first press counts, also of two at the same time", async () => {
	const { answer } = ask();
	const question = await shown();
	await Promise.all([press(question, "No"), press(question, "Yes")]);
	expect(await answer).toBe("deny");
	await closed();
	expect((await acknowledged(2)).sort()).toEqual([
		"Not allowed.",
		"This question is closed.",
	]);
});

test("only the one whose message led to a question may answer it", async () => {
	const asked = ask("ls", GROUP, ANNA);
	const question = await shown(GROUP);
	await press(question, "Yes", BERT, GROUP);
	expect(await acknowledged()).toEqual([
		"Only the one whose message led to this question may answer it.",
	]);
	expect(asked.decision).toBeUndefined();
	await press(question, "No", ANNA, GROUP);
	expect(await asked.answer).toBe("deny");
	await closed(GROUP);
});

test("a button answers its own question and no other one", async () => {
	const first = ask("rm -r one");
	const older = await shown();
	const second = ask("ls two");
	await line.until(() => line.texts(ANNA).length === 2);
	await press(await shown(), "Yes");
	expect(await second.answer).toBe("allow");
	expect(first.decision).toBeUndefined();
	const forged = (older.buttons?.[0]?.data ?? "").replace("allow", "toString");
	await line.questions.press({
		id: "1",
		from: { id: ANNA, is_bot: false, first_name: "Anna" },
		chat_instance: "1",
		data: forged,
	});
	await acknowledged(2);
	expect(first.decision).toBeUndefined();
	turn.abort();
	expect(await first.answer).toBe("deny");
	await closed();
});

test("a long command is shown whole, over several messages, with the buttons under the last", async () => {
	const command = Array.from({ length: 1_000 }, (_, n) => `echo line${n}`).join(
		"\n",
	);
	const { answer } = ask(command);
	await shown();
	const messages = line.telegram.visible(ANNA);
	expect(messages.length).toBeGreaterThan(2);
	const whole = messages.map(({ text }) => text).join("\n");
	for (let n = 0; n < 1_000; n++) expect(whole).toContain(`echo line${n}\n`);
	expect(messages.map(({ buttons }) => buttons?.length ?? 0)).toEqual([
		...messages.slice(1).map(() => 0),
		3,
	]);
	await press(await shown(), "No");
	expect(await answer).toBe("deny");
	await closed();
});

test("what cannot be seen in a command is made visible, and nothing in it is taken for formatting", async () => {
	const { answer } = ask("ls \u202egnp.\u200b ``` <b>&amp; \u001b[31m\trm");
	const { text } = await shown();
	expect(text).toContain("<b>&amp;");
	expect(text).toContain("```");
	for (const unseen of ["\u202e", "\u200b", "\u001b"])
		expect(text).not.toContain(unseen);
	expect(text).toMatch(/ls \S*202e\S*gnp\.\S*200b\S* ``` /i);
	turn.abort();
	expect(await answer).toBe("deny");
	await closed();
});

test("a question whose turn is stopped is closed, and counts as no", async () => {
	const { answer } = ask();
	await shown();
	turn.abort();
	expect(await answer).toBe("deny");
	expect((await closed())[0]).toEndWith("\nStopped.");
});

test("a question whose turn is stopped before it is known that it arrived is closed as soon as that is", async () => {
	const { answer } = ask();
	while (line.calls("sendMessage").length === 0) await Bun.sleep(0);
	turn.abort();
	expect(await answer).toBe("deny");
	await line.until(() => line.texts(ANNA).length === 1);
	expect((await closed())[0]).toEndWith("\nStopped.");
});

test("a question that Telegram refuses counts as no, and that is logged", async () => {
	for (const status of [400, 403]) {
		line.telegram.fail({ method: "sendMessage", status, description: "no" });
		expect(await ask().answer).toBe("deny");
	}
	expect(line.texts(ANNA)).toEqual([]);
	expect(line.logged.map(([event]) => event)).toEqual([
		"question.unasked",
		"question.unasked",
	]);
});

const FAULTS = {
	"too many requests": { retryAfter: 3 },
	"an error of Telegram's": { status: 500 },
	"a gateway's page": { mode: "html502" },
	"a reset": { mode: "reset" },
	silence: { mode: "hang" },
	"a lost answer": { mode: "drop_after" },
} as const;

for (const [name, fault] of Object.entries(FAULTS))
	test(`${name} while a question is asked, acknowledged and closed: it is there once, and its answer counts`, async () => {
		for (const method of [
			"sendMessage",
			"answerCallbackQuery",
			"editMessageText",
		])
			line.telegram.fail({ method, ...fault });
		const { answer } = ask();
		await shown();
		await line.clock.advance(10_000);
		await press(await shown(), "Yes");
		expect(await answer).toBe("allow");
		const [text] = await closed();
		expect(text).toEndWith("\nAllowed.");
		await line.clock.advance(10_000);
		expect(line.texts(ANNA)).toEqual([text ?? ""]);
	});

test("a button that is pressed before it is known that the question arrived counts, and the question is closed", async () => {
	line.telegram.fail({ method: "sendMessage", mode: "drop_after" });
	const { answer } = ask();
	await line.clock.advance(100);
	await press(await shown(), "Yes");
	expect(await answer).toBe("allow");
	const [text] = await closed();
	expect(text).toEndWith("\nAllowed.");
	await line.clock.advance(10_000);
	expect(line.texts(ANNA)).toEqual([text ?? ""]);
});

test("a press is dealt with before Telegram has heard that it was seen", async () => {
	const asked = ask();
	const question = await shown();
	line.telegram.fail({ method: "answerCallbackQuery", mode: "hang" });
	const before = performance.now();
	const data = question.buttons?.[0]?.data ?? "";
	const from = { id: ANNA, is_bot: false, first_name: "Anna" };
	await line.questions.press({ id: "1", from, chat_instance: "1", data });
	expect(performance.now() - before).toBeLessThan(SHORT_MS / 2);
	expect(await asked.answer).toBe("allow");
	await closed();
});
