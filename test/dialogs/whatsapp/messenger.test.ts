import { afterEach, beforeEach, expect, test } from "bun:test";
import {
	Messenger,
	readCallback,
} from "../../../src/dialogs/whatsapp/messenger.ts";
import {
	type FakeWhatsApp,
	startFakeWhatsApp,
} from "../../support/fake_whatsapp.ts";
import {
	ANNA,
	BERT,
	clientOf,
	failureOf,
	NEVER,
	outbound,
	short,
} from "./graph.ts";

const MB = 1024 * 1024;
const MARK = "_(sent again: it may have arrived before)_";

let whatsapp: FakeWhatsApp;
let messenger: Messenger;

beforeEach(async () => {
	whatsapp = await startFakeWhatsApp();
	messenger = new Messenger({ client: clientOf(whatsapp) });
});

afterEach(async () => {
	expect(whatsapp.violations).toEqual([]);
	await whatsapp.stop();
});

/** What a person sees of messages, without what WhatsApp calls them. */
const seen = (to = ANNA) => whatsapp.visible(to).map(({ id, ...said }) => said);

const bodies = () => whatsapp.calls.splice(0).map(({ body }) => body);

const methods = () => whatsapp.calls.splice(0).map(({ method }) => method);

test("a text is sent to its number, as an answer, and named so that its status names it", async () => {
	const replyTo = whatsapp.say(ANNA, "hello");
	const id = await messenger.send(ANNA, {
		text: "Hi *you*, see https://example.com",
		replyTo,
		deliveryId: "turn:7",
		part: 2,
	});
	expect(whatsapp.visible(ANNA).map((one) => one.id)).toEqual([id]);
	expect(bodies()).toEqual([
		{
			messaging_product: "whatsapp",
			recipient_type: "individual",
			to: ANNA,
			context: { message_id: replyTo },
			biz_opaque_callback_data: "turn:7:2",
			type: "text",
			text: { body: "Hi *you*, see https://example.com", preview_url: false },
		},
	]);
	await messenger.send(ANNA, { text: "x", deliveryId: "d" });
	await messenger.send(ANNA, {
		text: "x",
		deliveryId: "d".repeat(511),
		part: 1,
	});
	expect(bodies().map((body) => Object.keys(body))).toEqual(
		Array(2).fill([
			"messaging_product",
			"recipient_type",
			"to",
			"type",
			"text",
		]),
	);
});

test("what a status gives back is the part it is about, and nothing that others wrote", () => {
	for (const deliveryId of ["a", "turn:7", ":", "größe\n7:1"])
		for (const part of [0, 12])
			expect(readCallback(`${deliveryId}:${part}`)).toEqual({
				deliveryId,
				part,
			});
	for (const other of ["", "a", ":1", "a:", "a:-1", "a:1.5", "a:x", 7, null])
		expect(readCallback(other)).toBeUndefined();
});

test("a number that is none is refused without a call", async () => {
	const send = async () => messenger.send("nobody", { text: "x" });
	expect(await failureOf(send())).toMatchObject({ code: "peer_rejected" });
	const ask = async () => messenger.buttons("", "x", []);
	expect(await failureOf(ask())).toMatchObject({ code: "peer_rejected" });
	expect(whatsapp.calls).toEqual([]);
});

test("a message that may be there already says so, where there is room for that", async () => {
	const triedAt = "";
	const long = "x".repeat(4_096 - MARK.length - 1);
	await messenger.send(ANNA, { text: "hello", triedAt });
	await messenger.send(ANNA, { text: long, triedAt });
	await messenger.send(ANNA, { text: `${long}x`, triedAt });
	expect(seen().map(({ text }) => text)).toEqual([
		`${MARK}\nhello`,
		`${MARK}\n${long}`,
		`${long}x`,
	]);
});

test("a file that may be there already says so under it, and sound does not", async () => {
	const triedAt = "";
	const long = "x".repeat(1_024);
	const picture = outbound("a.png", "image/png");
	await messenger.send(ANNA, { text: "look", file: picture, triedAt });
	await messenger.send(ANNA, { text: "", file: picture, triedAt });
	await messenger.send(ANNA, { text: long, file: picture, triedAt });
	const sound = outbound("a.ogg", "audio/ogg");
	await messenger.send(ANNA, { text: "", file: sound, triedAt });
	expect(seen().map(({ type, text }) => [type, text])).toEqual([
		["image", `${MARK}\nlook`],
		["image", MARK],
		["image", long],
		["audio", ""],
	]);
});

test("a file goes as the kind that shows it best", async () => {
	for (const [name, mimeType, type, taken = mimeType] of [
		["a.png", "image/png", "image"],
		["a.jpg", "image/jpeg", "image"],
		["a.mp3", "audio/mpeg", "audio"],
		["a.ogg", "audio/ogg", "audio"],
		["a.m4a", "audio/mp4", "audio"],
		["a.aac", "audio/aac", "audio"],
		["a.amr", "audio/amr", "audio"],
		["a.mp4", "video/mp4", "video"],
		["a.3gp", "video/3gpp", "video"],
		["a.pdf", "application/pdf", "document"],
		["a.webp", "image/webp", "document"],
		["toString", "text/plain", "document"],
		["a.csv", "text/csv", "document", "text/plain"],
		["a.json", "application/json", "document", "text/plain"],
		["NOTES.MD", "application/octet-stream", "document", "text/plain"],
		["a.txt", "image/png", "image"],
		[
			"a.xls",
			"application/octet-stream",
			"document",
			"application/vnd.ms-excel",
		],
		[
			"a.docx",
			"application/zip",
			"document",
			"application/vnd.openxmlformats-officedocument.wordprocessingml.document",
		],
	] as const) {
		const file = outbound(name, mimeType);
		await messenger.send(ANNA, { text: "", file });
		expect(seen().at(-1)).toEqual({
			type,
			text: "",
			file: {
				name,
				mimeType: taken,
				size: 10,
			},
		});
	}
});

test("a caption is under a file, and what cannot have one goes as a document that can", async () => {
	for (const [name, mimeType] of [
		["a.png", "image/png"],
		["a.mp4", "video/mp4"],
		["a.pdf", "application/pdf"],
		["a.mp3", "audio/mpeg"],
	] as const) {
		const file = outbound(name, mimeType);
		await messenger.send(ANNA, { text: "look", file });
	}
	expect(seen().map(({ type, text }) => [type, text])).toEqual([
		["image", "look"],
		["video", "look"],
		["document", "look"],
		["document", "look"],
	]);
	const types = [
		"image/png",
		"audio/ogg",
		"audio/mpeg",
		"text/plain",
		"audio/x",
	];
	expect(types.filter((type) => !messenger.captions(type))).toEqual([
		"audio/ogg",
		"audio/mpeg",
	]);
});

test("what is too large for its kind is a document, and what is too large or empty is not sent", async () => {
	for (const [name, mimeType, limit] of [
		["a.png", "image/png", 5 * MB],
		["a.mp3", "audio/mpeg", 16 * MB],
		["a.mp4", "video/mp4", 16 * MB],
	] as const) {
		const types: unknown[] = [];
		for (const size of [limit, limit + 1]) {
			const client = {
				...clientOf(whatsapp),
				upload: async () => "1",
				async send({ type }: Record<string, unknown>) {
					types.push(type);
					return "wamid.1";
				},
			};
			const file = outbound(name, mimeType, size);
			await new Messenger({ client }).send(ANNA, { text: "", file });
		}
		expect(types).toEqual([mimeType.split("/")[0], "document"]);
	}
	const send = (size: number) =>
		messenger.send(ANNA, { text: "", file: outbound("a.bin", "x/y", size) });
	expect(short(await failureOf(send(0)))).toEqual({
		code: "peer_rejected",
		message: 'The file "a.bin" was not sent: it is empty',
	});
	const { message } = await failureOf(send(100 * MB));
	expect(message).toContain("WhatsApp takes JPEG");
	expect(short(await failureOf(send(100 * MB + 1)))).toEqual({
		code: "peer_rejected",
		message: 'The file "a.bin" was not sent: it is larger than 100 MB',
	});
	expect(whatsapp.calls).toEqual([]);
});

test("a file's name with half a letter in it is sent all the same", async () => {
	const file = outbound("a\ud83d.pdf", "application/pdf");
	await messenger.send(ANNA, { text: "", file });
	expect(bodies().at(-1)).toMatchObject({
		type: "document",
		// What is not said is no caption, and an empty one is refused.
		document: expect.not.objectContaining({ caption: "" }),
	});
	expect(seen().at(-1)).toMatchObject({
		file: { name: "a\ufffd.pdf" },
	});
});

test("a file that has another size at the next try is uploaded anew", async () => {
	const part = { text: "", deliveryId: "d", part: 0 };
	const send = (size: number) =>
		messenger.send(ANNA, {
			...part,
			file: outbound("a.pdf", "application/pdf", size),
		});
	whatsapp.fail({ method: "messages", code: 131000 });
	await failureOf(send(10));
	await send(11);
	expect(methods()).toEqual(["media", "messages", "media", "messages"]);
	expect(seen()).toMatchObject([{ file: { size: 11 } }]);
});

test("what is refused as what it is goes once more, as a document", async () => {
	const file = outbound("a.png", "image/png");
	for (const code of [131053, 131009, 100, 131051]) {
		whatsapp.fail({ method: "messages", code });
		await messenger.send(ANNA, {
			text: "look",
			file,
			deliveryId: "d",
			part: 0,
		});
		expect(methods()).toEqual(["media", "messages", "messages"]);
		expect(seen().at(-1)).toMatchObject({ type: "document", text: "look" });
	}
	whatsapp.fail({ method: "media", code: 131053 });
	const refused = failureOf(messenger.send(ANNA, { text: "", file }));
	expect(await refused).toMatchObject({ code: "peer_rejected" });
	expect(methods()).toEqual(["media"]);
	whatsapp.fail({ method: "messages", code: 131053, times: 2 });
	const twice = failureOf(messenger.send(ANNA, { text: "", file }));
	expect(await twice).toMatchObject({ code: "peer_rejected", status: 422 });
	expect(methods()).toEqual(["media", "messages", "messages"]);
});

test("what fails for another reason is not sent twice", async () => {
	const file = outbound("a.png", "image/png");
	for (const failure of [
		{ method: "messages", code: 131047 },
		{ method: "messages", code: 131000 },
		{ method: "messages", mode: "reset" },
	] as const) {
		whatsapp.fail(failure);
		await failureOf(messenger.send(ANNA, { text: "", file }));
		expect(methods()).toEqual(["media", "messages"]);
	}
	whatsapp.fail({ method: "messages", code: 100 });
	const document = outbound("a.pdf", "application/pdf");
	await failureOf(messenger.send(ANNA, { text: "", file: document }));
	expect(methods()).toEqual(["media", "messages"]);
	whatsapp.fail({ method: "media", mode: "reset" });
	const lost = failureOf(messenger.send(ANNA, { text: "", file }));
	expect((await lost).code).toBe("peer_unavailable");
	expect(methods()).toEqual(["media"]);
});

test("that an answer is being made is shown at the newest message of its chat, else at the one that is answered", async () => {
	const first = whatsapp.say(ANNA, "one");
	await messenger.typing(ANNA, NEVER);
	expect(whatsapp.calls).toEqual([]);
	await messenger.typing(ANNA, NEVER, first);
	const second = whatsapp.say(ANNA, "two");
	const other = whatsapp.say(BERT, "three");
	messenger.note(ANNA, first);
	messenger.note("+1 (555) 010-0001", second);
	messenger.note(BERT, other);
	await messenger.typing(ANNA, NEVER, first);
	expect(whatsapp.moments(ANNA)).toEqual([
		{ kind: "heard", id: first },
		{ kind: "read", id: first },
		{ kind: "typing", id: first },
		{ kind: "heard", id: second },
		{ kind: "read", id: second },
		{ kind: "typing", id: second },
	]);
	expect(whatsapp.moments(BERT)).toEqual([{ kind: "heard", id: other }]);
});

test("a question has buttons", async () => {
	const buttons = [
		{ id: "q1:allow", title: "Allow" },
		{ id: "q1:deny", title: "Deny" },
	];
	const id = await messenger.buttons(ANNA, "May I?", buttons);
	expect(whatsapp.visible(ANNA)).toEqual([
		{ id, type: "interactive", text: "May I?", buttons },
	]);
});

test("an abort ends sending, also of a file, with its reason", async () => {
	const reason = new Error("enough");
	const file = outbound("a.png", "image/png");
	for (const [method, message] of [
		["messages", { text: "x" }],
		["media", { text: "", file }],
		["messages", { text: "", file }],
	] as const) {
		whatsapp.fail({ method, mode: "hang" });
		whatsapp.calls.length = 0;
		const stop = new AbortController();
		const sending = messenger.send(ANNA, message, stop.signal);
		await whatsapp.until(() => whatsapp.calls.at(-1)?.method === method);
		stop.abort(reason);
		expect(await sending.catch((error: unknown) => error)).toBe(reason);
	}
});

test("a message is marked as read also where its answer was faster than that, without typing", async () => {
	const first = whatsapp.say(ANNA, "one");
	const over = new AbortController();
	const shown = messenger.typing(ANNA, over.signal, first);
	over.abort(new Error("the turn has ended"));
	await shown;
	const moments = whatsapp.moments(ANNA).map(({ kind }) => kind);
	expect(moments).toContain("read");
	expect(whatsapp.calls.at(-1)?.body).toMatchObject({ message_id: first });
	expect(whatsapp.calls.at(-1)?.body).not.toHaveProperty("typing_indicator");
	whatsapp.fail({ method: "read", code: 131009 });
	const failed = failureOf(messenger.typing(ANNA, NEVER, first));
	expect(await failed).toMatchObject({ code: "peer_rejected" });
});

test("a file that was uploaded for a try that failed is not uploaded again for the next", async () => {
	const file = outbound("a.pdf", "application/pdf");
	const message = { text: "look", file, deliveryId: "d", part: 0 };
	whatsapp.fail({ method: "messages", code: 131000 });
	await failureOf(messenger.send(ANNA, message));
	await messenger.send(ANNA, message);
	expect(methods()).toEqual(["media", "messages", "messages"]);
	await messenger.send(ANNA, message);
	await messenger.send(ANNA, { ...message, part: 1 });
	expect(methods()).toEqual(["media", "messages", "media", "messages"]);
});

test("a file that WhatsApp does not take is named, and not uploaded", async () => {
	const file = outbound("a.zip", "application/zip");
	const failure = await failureOf(messenger.send(ANNA, { text: "", file }));
	expect(failure).toMatchObject({
		code: "peer_rejected",
		message:
			'The file "a.zip" was not sent: WhatsApp takes JPEG, PNG and WebP, sound and video as phones make them, PDF, Office files and text, and this is application/zip',
	});
	expect(methods()).toEqual([]);
});
