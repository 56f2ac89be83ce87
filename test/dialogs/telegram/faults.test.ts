// Whatever fails on the way to Telegram, and wherever: the chat shows what the model said, once, and Aeon goes on.

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type FakeAnswer, said } from "../../support/fake_llm.ts";
import type { FakeFailure } from "../../support/fake_telegram.ts";
import { until } from "../../support/until.ts";
import { ANNA, BERT, type Chat, openChat } from "./chat.ts";
import { openSpeaking } from "./speaking.ts";

const MARK = "(sent again: it may have arrived before)\n";

/** How a call fails, once; but a chat that is blocked stays so until it is mended. */
const FAULTS = {
	"too many": { retryAfter: 1 },
	unreadable: {
		status: 400,
		description: "Bad Request: can't parse entities: unsupported start tag",
	},
	refused: { status: 400, description: "Bad Request: not like this" },
	blocked: {
		status: 403,
		description: "Forbidden: bot was blocked by the user",
	},
	"an error": { status: 500 },
	"a gateway's page": { mode: "html502" },
	"a reset": { mode: "reset" },
	"a lost answer": { mode: "drop_after" },
} as const satisfies Record<string, Omit<FakeFailure, "method">>;

type Fault = keyof typeof FAULTS;

const COULD_NOT =
	"A part of what I had to say could not be sent. Telegram said 400: Bad Request: not like this";

/** All that is sent into a chat. */
const SPEAKING = [
	"sendMessage",
	"editMessageText",
	"sendDocument",
	"sendChatAction",
	"answerCallbackQuery",
];

/** One place where something may fail. */
interface Step {
	/** What fails there. */
	method: string;
	/** Calls of it that go well before. */
	after?: number;
	/** What the model says to "go"; each piece but the first waits for `next`. */
	pieces?: string[];
	/** What it calls instead, before it says "Done.". */
	call?: NonNullable<FakeAnswer["toolCalls"]>[number];
	/** Takes it there; `arm` makes it fail from now on. */
	run(chat: Chat, arm: () => void, next: () => void): Promise<void> | void;
	/** Two things are said at the same time. */
	isUnordered?: true;
	/** What the chat shows in the end. */
	shows: string[];
	/** The same where it fails in this way. */
	except?: Partial<Record<Fault, string[]>>;
}

/** Takes Aeon to a step with a fault, and gives what the chat shows when the next message has been answered. */
async function suffer(step: Step, fault: Fault): Promise<string[]> {
	const { pieces = [], call, method, after = 0 } = step;
	const gates = pieces.slice(1).map(() => Promise.withResolvers<void>());
	const pauses = gates.map(({ promise }, n) => ({
		before: pieces[n + 1] ?? "",
		until: promise,
	}));
	await using chat = await openChat((request) => {
		if (said(request) === "next") return { text: "Next." };
		if (said(request) !== "go") return { text: "Done." };
		return call ? { toolCalls: [call] } : { text: pieces, pauses };
	});
	const { telegram } = chat;
	let before = 0;
	const arm = () => {
		before = telegram.calls.length;
		const methods = fault === "blocked" ? SPEAKING : [method];
		for (const one of methods)
			telegram.fail({
				method: one,
				after: one === method ? after : 0,
				times: fault === "blocked" ? Number.POSITIVE_INFINITY : 1,
				...FAULTS[fault],
			});
	};
	await until(() => telegram.pollers() === 1);
	await step.run(chat, arm, () => gates.shift()?.resolve());
	const failed = () =>
		telegram.calls.slice(before).filter((call) => call.method === method);
	await until(() => failed().length > after);
	if (fault === "blocked") await isGivenUp(chat);
	telegram.mend();
	telegram.say(ANNA, "next");
	const expected = step.except?.[fault] ?? step.shows;
	// Files come beside the words.
	await until(
		() =>
			chat.texts().includes("Next.") && chat.texts().length > expected.length,
	);
	await chat.shows(1);
	expect({ fault, violations: telegram.violations }).toEqual({
		fault,
		violations: [],
	});
	const texts = brief(chat.texts().filter((text) => text !== "Next."));
	return step.isUnordered ? texts.sort() : texts;
}

/** Resolves when what cannot be sent is not tried any more. */
async function isGivenUp(chat: Chat): Promise<void> {
	await until(() => chat.aeon.logged("turn.done").length > 0);
	for (let before = -1; before !== chat.telegram.calls.length; ) {
		before = chat.telegram.calls.length;
		await Bun.sleep(QUIET_MS);
	}
}

const QUIET_MS = 1_500;

const go = (chat: Chat) => void chat.telegram.say(ANNA, "go");
const asked = (chat: Chat, method: string) => () =>
	chat.telegram.calls.some((call) => call.method === method);
const hasShown = (chat: Chat, words: string) => () =>
	chat.texts().some((text) => text.includes(words));

const LONG = Array.from({ length: 900 }, (_, n) => `word${n}`).join(" ");
const FIRST_PART = LONG.slice(0, LONG.lastIndexOf(" ", 4_000));
const REST = LONG.slice(FIRST_PART.length + 1);

const STEPS: Record<string, Step> = {
	"the first words of an answer are shown": {
		method: "sendMessage",
		pieces: ["One ", "two."],
		async run(chat, arm, next) {
			arm();
			go(chat);
			await until(asked(chat, "sendMessage"));
			next();
		},
		shows: ["One two."],
		except: { blocked: [] },
	},
	"more of an answer is shown": {
		method: "editMessageText",
		pieces: ["One ", "two ", "three."],
		async run(chat, arm, next) {
			go(chat);
			await until(hasShown(chat, "One"));
			arm();
			next();
			await until(asked(chat, "editMessageText"));
			next();
		},
		shows: ["One two three."],
		except: { refused: ["One two three."], blocked: ["One"] },
	},
	"the last words of an answer are put into its message": {
		method: "editMessageText",
		pieces: ["One ", "two."],
		async run(chat, arm, next) {
			go(chat);
			await until(hasShown(chat, "One"));
			arm();
			next();
		},
		shows: ["One two."],
		// What cannot be edited is said anew, below.
		except: { refused: ["One", "One two."], blocked: ["One"] },
	},
	"an answer is sent whole": {
		method: "sendMessage",
		pieces: ["All at once."],
		run(chat, arm) {
			arm();
			go(chat);
		},
		shows: ["All at once."],
		except: { refused: [COULD_NOT], blocked: [] },
	},
	"a long answer goes on in its second message": {
		method: "sendMessage",
		after: 1,
		pieces: [LONG],
		run(chat, arm) {
			arm();
			go(chat);
		},
		shows: [FIRST_PART, REST],
		except: { refused: [FIRST_PART, COULD_NOT], blocked: [FIRST_PART] },
	},
	"a tool sends a message": {
		method: "sendMessage",
		call: { name: "message_send", input: { text: "A note." } },
		run(chat, arm) {
			arm();
			go(chat);
		},
		isUnordered: true,
		shows: ["A note.", "Done."],
		except: { refused: [COULD_NOT, "Done."], blocked: [] },
	},
	"a tool sends a file": {
		method: "sendDocument",
		call: {
			name: "message_send",
			input: { text: "Here.", attachments: ["report.txt"] },
		},
		run(chat, arm) {
			const workspace = join(chat.aeon.home, ".aeon", "workspace");
			writeFileSync(join(workspace, "report.txt"), "figures");
			arm();
			go(chat);
		},
		isUnordered: true,
		shows: ["Done.", "Here."],
		except: {
			// The words arrive without the file.
			refused: [COULD_NOT, "Done.", "Here."],
			blocked: [],
			// A file cannot be looked for.
			"a reset": [`${MARK}Here.`, "Done."],
			"a gateway's page": [`${MARK}Here.`, "Done."],
			"a lost answer": [`${MARK}Here.`, "Done.", "Here."],
		},
	},
	"a command is answered": {
		method: "sendMessage",
		async run(chat, arm) {
			arm();
			chat.telegram.say(ANNA, "/new");
			await until(asked(chat, "sendMessage"));
			go(chat);
		},
		pieces: ["Yes?"],
		shows: ["A new conversation begins.", "Yes?"],
		except: { refused: [COULD_NOT, "Yes?"], blocked: [] },
	},
	"it is shown that an answer is being made": {
		method: "sendChatAction",
		pieces: ["One ", "two."],
		async run(chat, arm, next) {
			arm();
			go(chat);
			await until(asked(chat, "sendChatAction"));
			next();
		},
		shows: ["One two."],
		except: { blocked: [] },
	},
	"it is asked whether a command may run": {
		method: "sendMessage",
		call: { name: "exec", input: { command: "true" } },
		async run(chat, arm) {
			arm();
			go(chat);
			const isShown = hasShown(chat, "wants to run");
			await until(() => isShown() || chat.requests.length > 1);
			if (isShown()) chat.telegram.press(ANNA, "Yes");
		},
		isUnordered: true,
		shows: ["?\nAllowed.", "Done."],
		except: { refused: ["Done."], blocked: [] },
	},
	"a button is pressed": {
		method: "answerCallbackQuery",
		call: { name: "exec", input: { command: "true" } },
		async run(chat, arm) {
			go(chat);
			await until(hasShown(chat, "wants to run"));
			arm();
			chat.telegram.press(ANNA, "Yes");
		},
		shows: ["?\nAllowed.", "Done."],
		except: { blocked: ["?"] },
	},
	"Aeon learns its name": {
		method: "getMe",
		pieces: ["Hello."],
		async run(chat, arm) {
			await anew(chat, arm);
			go(chat);
		},
		shows: ["Hello."],
		except: { blocked: [] },
	},
	"Aeon offers its commands": {
		method: "setMyCommands",
		pieces: ["Hello."],
		async run(chat, arm) {
			await anew(chat, arm);
			go(chat);
		},
		shows: ["Hello."],
		except: { blocked: [] },
	},
};

/** Restarts Aeon, so that it fails from the beginning. */
async function anew(chat: Chat, arm: () => void): Promise<void> {
	await chat.aeon.stop();
	chat.telegram.calls.length = 0;
	arm();
	await chat.restart();
	await until(() => chat.telegram.pollers() === 1);
}

/** A question without what it is about. */
function brief(texts: string[]): string[] {
	return texts.map((text) =>
		text.replace(/^Aeon wants to run.*?\/workspace/s, "?"),
	);
}

for (const [name, step] of Object.entries(STEPS))
	test(`where ${name}, no fault makes a chat show anything else than it should, once`, async () => {
		const faults = Object.keys(FAULTS) as Fault[];
		const shown = await Promise.all(
			faults.map(async (fault) => [fault, await suffer(step, fault)]),
		);
		expect(Object.fromEntries(shown)).toEqual(
			Object.fromEntries(
				faults.map((fault) => [fault, step.except?.[fault] ?? step.shows]),
			),
		);
	});

/** What hangs is given up after so long. */
const SHORT_MS = 200;

/** What is said of an answer, step by step, each once the chat shows what was said before. */
const SILENCES: Record<string, { method: string; pieces: string[] }> = {
	"the first words": { method: "sendMessage", pieces: ["One ", "two."] },
	"more of it": {
		method: "editMessageText",
		pieces: ["One ", "two ", "three."],
	},
	"its last words": { method: "editMessageText", pieces: ["One ", "two."] },
	"the whole of it": { method: "sendMessage", pieces: ["All at once."] },
	"its second message": { method: "sendMessage", pieces: [LONG] },
	typing: { method: "sendChatAction", pieces: ["One ", "two."] },
};

const SILENT = {
	hang: "does not hear",
	hang_after: "does what it is asked, but never answers",
} as const;

for (const [name, { method, pieces }] of Object.entries(SILENCES))
	for (const mode of ["hang", "hang_after"] as const)
		test(`an answer is there once where Telegram ${SILENT[mode]}: ${name}`, async () => {
			await using line = await openSpeaking(SHORT_MS);
			line.hear(ANNA);
			const isEdit = method === "editMessageText";
			const after = pieces[0] === LONG ? 1 : 0;
			const hang = () => line.telegram.fail({ method, mode, after });
			if (!isEdit) hang();
			const run = line.turn(ANNA);
			for (const [n, piece] of pieces.entries()) {
				run.say(piece);
				if (n === pieces.length - 1) break;
				const awaited = isEdit && n === 0 ? "sendMessage" : method;
				await line.until(() => line.calls(awaited).length > 0);
				await line.clock.advance(0);
				if (isEdit && n === 0) hang();
			}
			await run.end();
			await line.until(() => line.texts(ANNA).join(" ") === pieces.join(""));
			await line.clock.advance(10 * 60_000);
			expect(line.texts(ANNA).join(" ")).toBe(pieces.join(""));
			expect(line.calls(method).length).toBeGreaterThan(after);
			expect(line.telegram.violations).toEqual([]);
		});

test("while a chat is to be left alone nothing at all is asked for it, not even typing, and others go on", async () => {
	await using line = await openSpeaking();
	const { telegram, clock } = line;
	const one = line.turn(ANNA);
	one.say("One ");
	await line.until(() => line.texts(ANNA).length === 1);
	telegram.fail({ method: "editMessageText", retryAfter: 9 });
	one.say("two ");
	await line.until(() => line.calls("editMessageText", ANNA).length === 1);
	const closedAt = line.calls("editMessageText", ANNA)[0]?.at ?? 0;
	one.say("three ");
	const other = line.turn(BERT);
	other.say("And ");
	await line.outbox.say("777", { text: "Aside." });
	await clock.advance(3_000);
	one.say("four.");
	await one.end();
	other.say("you?");
	await other.end();
	await clock.advance(5_000);
	const meanwhile = telegram.calls.filter(
		({ params, at }) => Number(params.chat_id) === ANNA && at > closedAt,
	);
	expect(meanwhile).toEqual([]);
	expect(line.texts(BERT)).toEqual(["And you?"]);
	await line.until(() => line.texts(ANNA).length === 2);
	await clock.advance(60_000);
	expect(line.texts(ANNA)).toEqual(["One two three four.", "Aside."]);
	expect(telegram.violations).toEqual([]);
});

for (const [name, fault] of Object.entries(FAULTS))
	test(`an introduction that meets with "${name}" is made in the end: the bot's name is known, and its menu is there`, async () => {
		await using line = await openSpeaking();
		for (const method of ["getMe", "setMyCommands"])
			line.telegram.fail({ method, ...fault, times: 3 });
		line.introduction.make();
		await line.clock.advance(5_000);
		await line.introduction.made;
		await line.clock.advance(10 * 60_000);
		await until(() => line.telegram.commands().length > 0);
		expect(line.memory.username()).toBe(line.telegram.bot.username);
		expect(line.telegram.commands().map(({ command }) => command)).toEqual([
			"new",
			"stop",
			"status",
			"model",
			"compact",
			"usage",
			"help",
		]);
		expect(line.telegram.violations).toEqual([]);
	});
