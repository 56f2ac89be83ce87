// One message on its way into a Telegram chat: what is asked of the Bot API, and what is done about what it says.

import { afterEach, beforeEach, expect, test } from "bun:test";
import type { OutboundFile } from "../../../src/core/delivery.ts";
import { Secret } from "../../../src/core/secret.ts";
import { openClient } from "../../../src/dialogs/telegram/client.ts";
import { sendFile } from "../../../src/dialogs/telegram/upload.ts";
import { openSpeaking, type Speaking } from "./speaking.ts";

const ANNA = 777;
const BERT = 778;
const GROUP = -1_001_234_567_890;
const MARK = "(sent again: it may have arrived before)\n";

let line: Speaking;

beforeEach(async () => {
	line = await openSpeaking();
});

afterEach(async () => {
	expect(line.telegram.violations).toEqual([]);
	await line[Symbol.asyncDispose]();
});

/** A try whose answer is lost; gives where the chat stood before it. */
async function lose(
	chatId: number,
	text: string,
	mode: "drop_after" | "reset",
): Promise<string> {
	const { telegram, messenger } = line;
	const triedAt = messenger.bookmark(`${chatId}`) ?? "";
	telegram.fail({ method: "sendMessage", mode });
	const lost = messenger.send(`${chatId}`, { text });
	await expect(lost).rejects.toMatchObject({ code: "peer_silent" });
	return triedAt;
}

test("a message whose arrival was not heard of is found, and has its new text then", async () => {
	line.hear(ANNA);
	const triedAt = await lose(ANNA, "half", "drop_after");
	const id = await line.messenger.send("777", { text: "whole", triedAt });
	expect(line.telegram.visible(ANNA)).toMatchObject([
		{ id: Number(id), text: "whole" },
	]);
});

test("how long edits rest is told of whatever address, also of one that is none: other chats ask it, too", () => {
	for (const to of ["777", "nobody", ""])
		expect(line.messenger.editPauseMs(to)).toBe(1_000);
	for (const to of ["-100123", "-100123:45"])
		expect(line.messenger.editPauseMs(to)).toBeGreaterThan(2_000);
});

test("a message that surely did not arrive is sent again without a mark", async () => {
	line.hear(ANNA);
	const triedAt = await lose(ANNA, "hello", "reset");
	await line.messenger.send("777", { text: "hello", triedAt });
	expect(line.texts(ANNA)).toEqual(["hello"]);
});

test("where it cannot be known whether a message arrived, the next one says so", async () => {
	await lose(ANNA, "hello", "drop_after");
	await line.messenger.send("777", { text: "hello", triedAt: "" });
	expect(line.texts(ANNA)).toEqual(["hello", `${MARK}hello`]);
});

test("a lost message is never taken for another one of ours, nor for somebody else's", async () => {
	line.hear(ANNA);
	const triedAt = await lose(ANNA, "lost", "reset");
	await line.messenger.send("777", { text: "another" });
	line.hear(ANNA, "a person's");
	await line.messenger.send("777", { text: "lost", triedAt });
	expect(line.texts(ANNA)).toEqual(["another", "lost"]);
});

test("a lost message is found behind what other private chats have said since, for all of them count together", async () => {
	line.hear(ANNA);
	const triedAt = line.messenger.bookmark("777") ?? "";
	for (let n = 0; n < 5; n++) line.hear(BERT);
	await lose(ANNA, "hello", "drop_after");
	expect(line.messenger.bookmark("777")).toBe(`${Number(triedAt) + 5}`);
	await line.messenger.send("777", { text: "hello", triedAt });
	expect(line.texts(ANNA)).toEqual(["hello"]);
});

test("where more has been said since than is looked through, a message sent again is marked", async () => {
	line.hear(ANNA);
	const triedAt = line.messenger.bookmark("777") ?? "";
	for (let n = 0; n < 12; n++) line.hear(BERT);
	await lose(ANNA, "hello", "drop_after");
	await line.messenger.send("777", { text: "hello", triedAt });
	expect(line.texts(ANNA)).toEqual(["hello", `${MARK}hello`]);
	expect(line.telegram.calls.at(-1)?.method).toBe("sendMessage");
});

test("it is marked also where what was said since was not heard of", async () => {
	line.hear(GROUP);
	const to = `${GROUP}`;
	const triedAt = line.messenger.bookmark(to) ?? "";
	// What is not addressed to the bot is not told to it.
	for (let n = 0; n < 12; n++) line.telegram.say(GROUP, "among people");
	await lose(GROUP, "hello", "drop_after");
	const id = await line.messenger.send(to, { text: "hello", triedAt });
	expect(line.texts(GROUP)).toEqual(["hello", `${MARK}hello`]);
	expect(line.telegram.visible(GROUP)[1]?.id).toBe(Number(id));
});

test("a group counts its messages itself", async () => {
	line.hear(ANNA);
	expect(line.messenger.bookmark(`${GROUP}`)).toBeUndefined();
	line.hear(GROUP);
	const { messenger } = line;
	expect(messenger.bookmark(`${GROUP}:7`)).toBe(messenger.bookmark(`${GROUP}`));
	expect(messenger.bookmark("778")).not.toBe(messenger.bookmark(`${GROUP}`));
});

test("a search that is broken off goes on with the next try", async () => {
	line.hear(ANNA);
	const triedAt = await lose(ANNA, "half", "drop_after");
	line.telegram.fail({ method: "editMessageText", mode: "drop_after" });
	const found = line.messenger.send("777", { text: "whole", triedAt });
	await expect(found).rejects.toMatchObject({ code: "peer_silent" });
	await line.messenger.send("777", { text: "whole", triedAt });
	expect(line.texts(ANNA)).toEqual(["whole"]);
});

test("a question that is found has its buttons", async () => {
	line.hear(ANNA);
	const triedAt = await lose(ANNA, "yes?", "drop_after");
	const buttons = [[{ text: "Yes", callback_data: "y" }]];
	const message = { text: "yes?", triedAt };
	await line.messenger.send("777", message, undefined, {
		inline_keyboard: buttons,
	});
	expect(line.telegram.visible(ANNA)).toMatchObject([
		{ text: "yes?", buttons: [{ text: "Yes" }] },
	]);
});

test("what Telegram cannot read as HTML is sent, edited and found as plain text", async () => {
	const { telegram, messenger } = line;
	line.hear(ANNA);
	const id = await messenger.send("777", { text: "a < <b>b</b> &amp; c" });
	expect(line.texts(ANNA)).toEqual(["a < b & c"]);
	await messenger.edit("777", id, { text: "<u>d &lt; e" });
	expect(line.texts(ANNA)).toEqual(["d < e"]);
	const triedAt = messenger.bookmark("777") ?? "";
	telegram.fail({ method: "sendMessage", mode: "drop_after" });
	await messenger.send("777", { text: "half" }).catch(() => {});
	await messenger.send("777", { text: "</i>whole", triedAt });
	expect(line.texts(ANNA)).toEqual(["d < e", "whole"]);
});

test("a refusal that is not about the HTML is not tried again as plain text", async () => {
	line.telegram.fail({
		method: "sendMessage",
		status: 400,
		description: "Bad Request: chat not found",
		times: 9,
	});
	const sent = line.messenger.send("777", { text: "<b>x</b>" });
	await expect(sent).rejects.toMatchObject({
		code: "peer_rejected",
		status: 400,
	});
	expect(line.calls("sendMessage")).toHaveLength(1);
});

test("an edit that changes nothing is done", async () => {
	const id = await line.messenger.send("777", { text: "same" });
	await line.messenger.edit("777", id, { text: "same" });
	expect(line.calls("editMessageText")).toHaveLength(1);
});

test("a group that becomes a supergroup meanwhile is written to in its new place, also later", async () => {
	const { telegram, messenger } = line;
	const moved = {
		status: 400,
		description: "Bad Request: group chat was upgraded to a supergroup chat",
		parameters: { migrate_to_chat_id: GROUP },
	};
	telegram.fail({ method: "sendMessage", ...moved });
	await messenger.send("-55", { text: "hello" });
	await messenger.typing("-55", new AbortController().signal);
	expect(line.texts(GROUP)).toEqual(["hello"]);
	expect(line.calls("sendChatAction", GROUP)).toHaveLength(1);
	await line.restart();
	await line.messenger.send("-55", { text: "and later" });
	expect(line.texts(GROUP)).toEqual(["hello", "and later"]);
	expect(line.calls("sendMessage", -55)).toHaveLength(1);
});

test("a topic is written to in its thread, and an answer points at what it answers, there or not", async () => {
	const id = line.hear(GROUP);
	const { messenger } = line;
	await messenger.send(`${GROUP}:7`, { text: "one", replyTo: `${id}` });
	await messenger.send(`${GROUP}:7`, { text: "two", replyTo: "99999" });
	await messenger.send(`${GROUP}`, { text: "three" });
	await messenger.typing(`${GROUP}:7`, new AbortController().signal);
	expect(line.telegram.visible(GROUP)).toMatchObject([
		{ text: "one", topic: 7, replyTo: id },
		{ text: "two", topic: 7 },
		{ text: "three" },
	]);
	expect(line.telegram.visible(GROUP)[2]).not.toHaveProperty("topic");
	const [typing] = line.calls("sendChatAction");
	expect(typing?.params.message_thread_id).toBe(7);
});

test("a chat that Telegram wants to be left alone is asked nothing, whatever for; others go on", async () => {
	const { telegram, messenger, clock } = line;
	const signal = new AbortController().signal;
	const id = await messenger.send("777", { text: "one" });
	telegram.fail({ method: "editMessageText", retryAfter: 7 });
	const busy = { code: "peer_unavailable", status: 429 };
	const edited = messenger.edit("777", id, { text: "two" });
	await expect(edited).rejects.toMatchObject({ ...busy, retryAfterMs: 7_000 });
	await clock.advance(5_000);
	const asked = telegram.calls.length;
	const left = { ...busy, retryAfterMs: 2_000 };
	for (const ask of [
		() => messenger.typing("777", signal),
		() => messenger.send("777", { text: "three" }),
		() => messenger.send("777", { text: "three", triedAt: "1" }),
		() => messenger.edit("777", id, { text: "two" }),
		() => messenger.remove("777", id),
	])
		await expect(ask()).rejects.toMatchObject(left);
	expect(telegram.calls).toHaveLength(asked);
	await messenger.send("778", { text: "elsewhere" });
	await clock.advance(2_000);
	await messenger.edit("777", id, { text: "two" });
	expect(line.texts(ANNA)).toEqual(["two"]);
});

/** A file of so many bytes. */
function fileOf(mimeType: string, size = 5): OutboundFile {
	return {
		name: "report.bin",
		mimeType,
		size,
		async *read() {
			yield new Uint8Array(size).fill(65);
		},
	};
}

/** A Bot API that takes every file, and what it was asked: the methods with their fields. */
function takingAll() {
	const asked: [method: string, ...fields: string[]][] = [];
	const server = Bun.serve({
		port: 0,
		hostname: "127.0.0.1",
		async fetch(request) {
			const method = new URL(request.url).pathname.split("/").at(-1) ?? "";
			const form = await request.formData();
			asked.push([method, ...form.keys()]);
			return Response.json({ ok: true, result: { message_id: 5 } });
		},
	});
	const token = new Secret("1:a");
	const client = openClient({ token, apiRoot: `${server.url}` });
	return { asked, client, [Symbol.dispose]: () => void server.stop(true) };
}

test("a file goes as the kind of message that shows it best", async () => {
	const table: [mimeType: string, size: number, method: string][] = [
		["image/png", 5, "sendPhoto"],
		["image/jpeg", 5, "sendPhoto"],
		["image/webp", 5, "sendPhoto"],
		["image/png", 10_000_001, "sendDocument"],
		["image/gif", 5, "sendAnimation"],
		["image/svg+xml", 5, "sendDocument"],
		["audio/ogg", 5, "sendVoice"],
		["audio/mpeg", 5, "sendAudio"],
		["audio/mp4", 5, "sendAudio"],
		["video/mp4", 5, "sendVideo"],
		["text/plain", 5, "sendDocument"],
		["toString", 5, "sendDocument"],
	];
	using api = takingAll();
	for (const [mimeType, size] of table)
		await sendFile(api.client, fileOf(mimeType, size), "", { chat_id: 1 }, {});
	expect(api.asked.map(([method]) => method)).toEqual(
		table.map(([, , method]) => method),
	);
	for (const [method, ...fields] of api.asked)
		expect(fields).toContain(method.slice("send".length).toLowerCase());
});

test("a picture that Telegram does not take as one goes as a document, with its caption", async () => {
	const file = fileOf("image/png");
	line.telegram.fail({
		method: "sendPhoto",
		status: 400,
		description: "Bad Request: PHOTO_INVALID_DIMENSIONS",
	});
	await line.messenger.send("777", { text: "<b>here</b> &amp; now", file });
	expect(line.telegram.visible(ANNA)).toMatchObject([
		{
			text: "here & now",
			file: { kind: "document", name: "report.bin", size: 5 },
		},
	]);
});

test("a caption has its formatting; one that Telegram cannot read is sent as plain text, and the picture stays one", async () => {
	const file = fileOf("image/png");
	const { messenger } = line;
	await messenger.send("777", { text: "<b>fine</b>", file });
	await messenger.send("777", { text: "<b>bro</i>ken", file });
	expect(line.telegram.visible(ANNA)).toMatchObject([
		{ text: "fine", html: "<b>fine</b>", file: { kind: "photo" } },
		{ text: "broken", file: { kind: "photo" } },
	]);
});

test("a file that may have arrived is sent again with a mark, whatever its caption", async () => {
	const file = fileOf("text/plain");
	line.hear(ANNA);
	const triedAt = line.messenger.bookmark("777") ?? "";
	line.telegram.fail({ method: "sendDocument", mode: "drop_after" });
	await line.messenger.send("777", { text: "", file }).catch(() => {});
	await line.messenger.send("777", { text: "", file, triedAt });
	expect(line.texts(ANNA)).toEqual(["", MARK]);
});

test("a file goes into its topic, as an answer", async () => {
	const id = line.hear(GROUP);
	const file = fileOf("text/plain");
	const answer = { text: "", file, replyTo: `${id}` };
	await line.messenger.send(`${GROUP}:7`, answer);
	expect(line.telegram.visible(GROUP)).toMatchObject([
		{ topic: 7, replyTo: id, file: { kind: "document" } },
	]);
});
