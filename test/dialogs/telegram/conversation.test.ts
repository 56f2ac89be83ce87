// What a person sees in Telegram: messages in, one visible outcome for each.

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gated, said } from "../../support/fake_llm.ts";
import { freePort } from "../../support/server.ts";
import { until } from "../../support/until.ts";
import { ANNA, BERT, GROUP, openChat, STRANGER } from "./chat.ts";

const STEP_MS = 1_000;

test("a message of somebody who is listed is answered once, and a stranger's never reaches the model", async () => {
	await using chat = await openChat();
	chat.telegram.say(ANNA, "hello");
	expect(await chat.shows(1)).toEqual(["You said: hello"]);
	chat.telegram.say(STRANGER, "let me in");
	const [told] = await chat.shows(1, STRANGER);
	expect(told).toContain("888");
	chat.telegram.say(STRANGER, "please");
	chat.telegram.say(ANNA, "again");
	expect(await chat.shows(2)).toEqual(["You said: hello", "You said: again"]);
	expect(chat.texts(STRANGER)).toHaveLength(1);
	expect(chat.requests).toHaveLength(2);
	const client = await chat.aeon.connect();
	const list = await client.call("session.list");
	expect(list.sessions.map(({ sessionKey }) => sessionKey)).toEqual([
		"agent:main:telegram:777",
	]);
	expect(chat.telegram.violations).toEqual([]);
});

test("the same update five times is one turn, also through a restart", async () => {
	await using chat = await openChat(undefined, {
		webhook_url: "http://127.0.0.1:1/",
		webhook_secret: "s".repeat(40),
	});
	const update = {
		update_id: 5_000,
		message: {
			message_id: 5,
			date: 1_700_000_000,
			chat: { id: ANNA, type: "private", first_name: "Anna" },
			from: { id: ANNA, is_bot: false, first_name: "Anna" },
			text: "once",
		},
	};
	const post = async () => {
		const answer = await chat.aeon.get("/webhooks/telegram", {
			method: "POST",
			body: JSON.stringify(update),
			headers: { "X-Telegram-Bot-Api-Secret-Token": "s".repeat(40) },
		});
		expect(answer.status).toBe(200);
	};
	const started = () => until(() => chat.telegram.webhook() !== undefined);
	await started();
	await Promise.all([post(), post()]);
	await chat.shows(1);
	await post();
	chat.telegram.useWebhook("");
	await chat.restart();
	await started();
	await post();
	expect(await chat.shows(1)).toEqual(["You said: once"]);
	expect(chat.requests).toHaveLength(1);
});

test("while a turn runs, what comes is taken together into the next one, in order", async () => {
	const first = gated();
	await using chat = await openChat((request, n) =>
		n === 0 ? first.answer("one") : { text: `You said: ${said(request)}` },
	);
	chat.telegram.say(ANNA, "begin");
	await until(() => chat.requests.length === 1);
	for (const text of ["a", "b", "c", "d", "e"]) chat.telegram.say(ANNA, text);
	await until(() => chat.telegram.pending() === 0);
	first.open();
	expect(await chat.shows(2)).toEqual([
		"one",
		"You said: a\n\nb\n\nc\n\nd\n\ne",
	]);
	expect(chat.requests).toHaveLength(2);
});

test("the queue holds twenty messages; the next one is refused visibly, and the twenty are answered together", async () => {
	const first = gated();
	await using chat = await openChat((request, n) =>
		n === 0 ? first.answer("one") : { text: said(request) },
	);
	chat.telegram.say(ANNA, "begin");
	await until(() => chat.requests.length === 1);
	for (let n = 1; n <= 21; n++) chat.telegram.say(ANNA, `m${n}`);
	await until(() => chat.texts().some((text) => text.includes("waiting")));
	expect(chat.texts()).toEqual([
		"20 messages are waiting in this session already: wait for an answer, or send /stop.",
	]);
	first.open();
	const shown = await chat.shows(3);
	expect(shown[2]).toBe(
		Array.from({ length: 20 }, (_, n) => `m${n + 1}`).join("\n\n"),
	);
});

test("/stop answers within a second while a turn is blocked, every message has its outcome, and another chat is answered", async () => {
	await using chat = await openChat((request) =>
		said(request).startsWith("block")
			? { text: "Half of ", ending: "hang" }
			: { text: said(request) },
	);
	chat.telegram.say(ANNA, "block");
	await until(() => chat.texts().length === 1);
	chat.telegram.say(ANNA, "waits");
	chat.telegram.say(ANNA, "waits, too");
	await until(() => chat.telegram.pending() === 0);
	chat.telegram.say(BERT, "and me?");
	expect(await chat.shows(1, BERT)).toEqual(["and me?"]);
	const before = performance.now();
	chat.telegram.say(ANNA, "/stop");
	await until(() => chat.texts().some((text) => text === "Stopping."));
	expect(performance.now() - before).toBeLessThan(STEP_MS);
	const shown = await chat.shows(3);
	expect(shown.sort()).toEqual([
		"Half of \n\n[Stopped]",
		"Stopped.",
		"Stopping.",
	]);
	chat.telegram.say(ANNA, "go on");
	expect((await chat.shows(4))[3]).toBe("go on");
});

test("/new begins afresh at once, also while a turn hangs", async () => {
	await using chat = await openChat((request) =>
		said(request) === "hang" ? { instead: "hang" } : { text: said(request) },
	);
	chat.telegram.say(ANNA, "hang");
	await until(() => chat.requests.length === 1);
	chat.telegram.say(ANNA, "/new");
	expect((await chat.shows(2)).sort()).toEqual([
		"A new conversation begins.",
		"Stopped.",
	]);
	chat.telegram.say(ANNA, "hello");
	expect((await chat.shows(3))[2]).toBe("hello");
	expect(chat.requests[1]?.body.messages).toHaveLength(1);
});

test("an edit changes a message that waits; of one that was begun with, a sentence says that it is too late", async () => {
	const first = gated();
	await using chat = await openChat((request, n) =>
		n === 0 ? first.answer("one") : { text: said(request) },
	);
	const begun = chat.telegram.say(ANNA, "begin");
	await until(() => chat.requests.length === 1);
	const waits = chat.telegram.say(ANNA, "teh question");
	chat.telegram.amend(ANNA, waits, "the question");
	chat.telegram.amend(ANNA, begun, "end");
	await until(() => chat.texts().length === 1);
	expect(chat.texts()[0]).toContain("I had begun with that message already");
	first.open();
	expect((await chat.shows(3)).slice(1)).toEqual(["one", "the question"]);
});

test("a command is asked about with buttons, which only the one may press whose message led to it, once", async () => {
	await using chat = await openChat((_request, n) =>
		n === 0
			? { toolCalls: [{ name: "exec", input: { command: "echo se''cret" } }] }
			: { text: "Done." },
	);
	chat.telegram.say(ANNA, "run it");
	await until(() => chat.texts().some((text) => text.includes("echo")));
	const question = chat.telegram
		.visible(ANNA)
		.find(({ text }) => text?.includes("echo se''cret"));
	expect(question?.text).toContain(join(chat.aeon.home, ".aeon", "workspace"));
	chat.telegram.press(ANNA, "Yes", { id: BERT });
	await until(() => chat.telegram.pending() === 0);
	expect(chat.requests).toHaveLength(1);
	chat.telegram.press(ANNA, "Yes");
	const shown = await chat.shows(2);
	expect(shown.some((text) => text === "Done.")).toBe(true);
	expect(JSON.stringify(chat.requests[1]?.body)).toContain("secret");
	expect(shown.some((text) => text.endsWith("Allowed."))).toBe(true);
	expect(() => chat.telegram.press(ANNA, "Yes")).toThrow();
	expect(chat.telegram.violations).toEqual([]);
});

test("a no is a no, and a question whose turn is stopped is closed", async () => {
	await using chat = await openChat((request) =>
		said(request) === "run it"
			? { toolCalls: [{ name: "exec", input: { command: "true" } }] }
			: { text: said(request) },
	);
	chat.telegram.say(ANNA, "run it");
	await until(() => chat.texts().some((text) => text.includes("wants to run")));
	chat.telegram.press(ANNA, "No");
	await until(() => chat.texts().some((text) => text.includes("Not allowed.")));
	chat.telegram.say(ANNA, "/new");
	await until(() => chat.texts().some((text) => text.includes("begins")));
	chat.telegram.say(ANNA, "run it");
	await until(
		() => chat.texts().filter((text) => text.includes("wants to")).length === 2,
	);
	chat.telegram.say(ANNA, "/stop");
	await until(() => chat.texts().some((text) => text.endsWith("\nStopped.")));
});

test("a picture reaches the model, and a voice message without a transcriber is said to both", async () => {
	await using chat = await openChat();
	const dot = Buffer.from(
		"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
		"base64",
	);
	chat.telegram.addFile("dot", dot, "photos/dot.png");
	const photo = { file_id: "dot", file_unique_id: "u1", width: 1, height: 1 };
	chat.telegram.say(ANNA, "", { photo: [photo], caption: "what is it?" });
	await chat.shows(1);
	const sent = JSON.stringify(chat.requests[0]?.body);
	expect(sent).toContain(dot.toString("base64"));
	expect(sent).toContain("what is it?");
	chat.telegram.addFile("v", Buffer.from("OggS voice"), "voice/v.ogg");
	const voice = { file_id: "v", file_unique_id: "u2", duration: 12 };
	chat.telegram.say(ANNA, "", { voice });
	const [, answer] = await chat.shows(2);
	const words = "voice message, 12 s; no transcriber is configured";
	expect(answer).toContain(words);
	expect(JSON.stringify(chat.requests[1]?.body)).toContain(words);
});

test("an album is one message", async () => {
	await using chat = await openChat();
	const dot = Buffer.from(
		"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
		"base64",
	);
	for (const n of [1, 2, 3]) {
		chat.telegram.addFile(`dot${n}`, dot, `photos/dot${n}.png`);
		const file = { file_id: `dot${n}`, file_unique_id: `u${n}` };
		chat.telegram.say(ANNA, "", {
			photo: [{ ...file, width: 1, height: 1 }],
			media_group_id: "album",
			...(n === 1 && { caption: "our holidays" }),
		});
	}
	await chat.shows(1);
	expect(chat.requests).toHaveLength(1);
	const [message] = chat.requests[0]?.body.messages ?? [];
	expect(JSON.stringify(message).match(/"type":"image"/g)).toHaveLength(3);
	expect(chat.requests[0]?.body.messages).toHaveLength(1);
});

test("message_send sends a file of the workspace, and nothing from outside it", async () => {
	const calls = [
		{ text: "here", attachments: ["report.txt"] },
		{ text: "there", attachments: ["../aeon.json"] },
		{ text: "to another", to: "888" },
		{ text: "to one who is listed", to: String(BERT) },
	];
	await using chat = await openChat((_request, n) => {
		const input = calls[n];
		return input
			? { toolCalls: [{ name: "message_send", input }] }
			: { text: "Sent." };
	});
	await until(() => chat.telegram.pollers() === 1);
	writeFileSync(
		join(chat.aeon.home, ".aeon", "workspace", "report.txt"),
		"figures",
	);
	chat.telegram.say(ANNA, "send it");
	await until(() => chat.texts().includes("Sent."));
	const [, ...results] = chat.requests.map(({ lastText }) => lastText);
	expect(results[0]).toContain("Sent to telegram:777");
	expect(results[1]).toContain("never up");
	expect(results[2]).toContain("may not be written to from here");
	expect(results[3]).toContain("Sent to telegram:778");
	await until(() =>
		chat.telegram.calls.some(({ method }) => method === "sendDocument"),
	);
	expect(await chat.shows(1, BERT)).toEqual(["to one who is listed"]);
	expect(chat.texts(STRANGER)).toEqual([]);
	expect(chat.telegram.violations).toEqual([]);
});

test("a group is answered where it is listed and Aeon is addressed; each topic is a session, and speakers are named", async () => {
	await using chat = await openChat(undefined, { allowed_groups: [GROUP] });
	const from = (id: number, first_name: string) => ({
		from: { id, is_bot: false, first_name },
	});
	const topic = (n: number) => ({
		message_thread_id: n,
		is_topic_message: true,
	});
	chat.telegram.say(GROUP, "just talking", from(1, "Carl"));
	const mention = {
		entities: [{ type: "mention", offset: 0, length: 14 }],
	};
	chat.telegram.say(GROUP, "@fake_test_bot hi", {
		...from(1, "Carl"),
		...topic(7),
		...mention,
	});
	await chat.shows(1, GROUP);
	chat.telegram.say(GROUP, "@fake_test_bot ho", {
		...from(2, "Dora"),
		...topic(8),
		...mention,
	});
	const shown = await chat.shows(2, GROUP);
	expect(shown).toEqual([
		"You said: Carl (id 1): hi",
		"You said: Dora (id 2): ho",
	]);
	expect(chat.requests[1]?.body.messages).toHaveLength(1);
	const sent = chat.telegram.calls.filter(
		({ method }) => method === "sendMessage",
	);
	expect(sent.map(({ params }) => params.message_thread_id)).toEqual([7, 8]);
	expect(chat.telegram.violations).toEqual([]);
});

test("by webhook the same is answered, on Aeon's own port, and a forged update is not", async () => {
	await using chat = await openChat();
	const url = `http://127.0.0.1:${chat.aeon.port}/webhooks/telegram`;
	// The port is another one after the restart, so the address is given once it is known.
	const port = await freePort();
	await chat.restartWith(
		{ webhook_url: `http://127.0.0.1:${port}` },
		{ server: { port } },
	);
	await until(() => chat.telegram.webhook() !== undefined);
	expect(url).not.toBe(chat.telegram.webhook()?.url);
	chat.telegram.say(ANNA, "hello");
	expect(await chat.shows(1)).toEqual(["You said: hello"]);
	const forged = {
		update_id: 99_999,
		message: {
			message_id: 1,
			date: 1,
			chat: { id: ANNA, type: "private" },
			from: { id: ANNA, is_bot: false, first_name: "A" },
			text: "forged",
		},
	};
	for (const secret of [undefined, "wrong"]) {
		const answer = await chat.aeon.get("/webhooks/telegram", {
			method: "POST",
			body: JSON.stringify(forged),
			headers: secret ? { "X-Telegram-Bot-Api-Secret-Token": secret } : {},
		});
		expect(answer.status).toBe(401);
	}
	await chat.restartWith({}, {});
	chat.telegram.say(ANNA, "polled");
	expect((await chat.shows(2))[1]).toBe("You said: polled");
	expect(chat.telegram.webhook()).toBeUndefined();
	expect(chat.requests).toHaveLength(2);
	expect(chat.telegram.violations).toEqual([]);
});

test("the state of the dialog is seen by clients: retrying with why, and running again", async () => {
	await using chat = await openChat();
	const client = await chat.aeon.connect();
	await until(() => chat.telegram.pollers() === 1);
	await chat.telegram.refuse();
	const { data } = await client.event(
		"dialog.state",
		({ state }) => state === "retrying",
	);
	expect(data).toEqual({
		name: "telegram",
		state: "retrying",
		problem: expect.stringMatching(/cannot be reached|did not answer/),
	});
	expect((await client.call("dialog.list")).dialogs).toContainEqual(
		data as never,
	);
	expect((await client.call("status")).dialogs).toContainEqual(data as never);
	const before = client.events.length;
	await chat.telegram.accept();
	await client.until(() =>
		client.events
			.slice(before)
			.some(
				({ event, data }) =>
					event === "dialog.state" && data.state === "running",
			),
	);
	chat.telegram.say(ANNA, "back?");
	expect(await chat.shows(1)).toEqual(["You said: back?"]);
});

test("a token that Telegram refuses is said, and the rest of Aeon runs", async () => {
	await using chat = await openChat(undefined, { bot_token: "123:WRONG" });
	await until(() => chat.aeon.log().includes("refuses the token"));
	const client = await chat.aeon.connect();
	expect((await client.call("dialog.list")).dialogs).toContainEqual({
		name: "telegram",
		state: "stopped",
		problem: expect.stringContaining("token"),
	});
	expect((await chat.aeon.get("/health")).status).toBe(200);
	expect(chat.aeon.log()).not.toContain("123:WRONG");
});
