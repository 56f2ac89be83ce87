// Files that come with messages in WhatsApp, and files that are sent.

import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gated, said } from "../../support/fake_llm.ts";
import { startFakeTranscriber } from "../../support/fake_transcriber.ts";
import { ANNA, type Chat, DOT, openChat } from "./rig.ts";

const OGG = Buffer.concat([Buffer.from("OggS"), Buffer.alloc(200)]);

/** The workspace of a chat's Aeon. */
function workspaceOf({ aeon }: Chat): string {
	return join(aeon.home, ".aeon", "workspace");
}

test("a picture reaches the model with its words", async () => {
	await using chat = await openChat();
	const file = chat.whatsapp.addFile(DOT, "image/png");
	chat.whatsapp.send(ANNA, {
		type: "image",
		image: { ...file, caption: "what is it?" },
	});
	await chat.shows(1);
	const sent = JSON.stringify(chat.requests[0]?.body);
	expect(sent).toContain(DOT.toString("base64"));
	expect(sent).toContain("what is it?");
});

test("a voice message is transcribed", async () => {
	using transcriber = await startFakeTranscriber(() => ({
		text: "call me back",
	}));
	await using chat = await openChat(undefined, undefined, {
		transcription: { base_url: transcriber.url, model: "whisper-1" },
	});
	const file = chat.whatsapp.addFile(OGG, "audio/ogg; codecs=opus");
	chat.whatsapp.send(ANNA, { type: "audio", audio: { ...file, voice: true } });
	const [answer] = await chat.shows(1);
	expect(answer).toContain("call me back");
	expect(transcriber.requests).toHaveLength(1);
	expect(transcriber.breaches).toEqual([]);
});

test("a document is fetched at once, while its message waits for its turn", async () => {
	const first = gated();
	await using chat = await openChat((request, n) =>
		n === 0 ? first.answer("one") : { text: said(request) },
	);
	chat.whatsapp.say(ANNA, "begin");
	await chat.until(() => chat.requests.length === 1);
	const bytes = Buffer.from("%PDF-1.7 figures");
	const file = chat.whatsapp.addFile(bytes, "application/pdf");
	chat.whatsapp.send(ANNA, {
		type: "document",
		document: { ...file, filename: "report.pdf" },
	});
	await chat.until(() =>
		chat.whatsapp.calls.some(({ method }) => method === "download"),
	);
	first.open();
	const [, answer = ""] = await chat.shows(2);
	const [, path = ""] = /saved as ([^\s\]]+)/.exec(answer) ?? [];
	expect(readFileSync(join(workspaceOf(chat), path))).toEqual(bytes);
	const fetched = chat.whatsapp.calls.filter(
		({ method }) => method === "download",
	);
	expect(fetched).toHaveLength(1);
});

test("pictures and documents are sent with their words; sound is sent after them", async () => {
	const files = ["dot.png", "song.mp3", "report.pdf"];
	await using chat = await openChat((_request, n) => {
		const name = files[n];
		return name
			? {
					toolCalls: [
						{
							name: "message_send",
							input: { text: `here is ${name}`, attachments: [name] },
						},
					],
				}
			: { text: "Sent." };
	});
	const mp3 = Buffer.concat([Buffer.from("ID3\x04"), Buffer.alloc(100)]);
	const pdf = Buffer.from("%PDF-1.7 figures");
	[DOT, mp3, pdf].forEach((bytes, n) => {
		writeFileSync(join(workspaceOf(chat), files[n] ?? ""), bytes);
	});
	chat.whatsapp.say(ANNA, "send them");
	await chat.until(() => chat.texts().includes("Sent."));
	await chat.settled();
	const shown = chat.whatsapp
		.visible(ANNA)
		.filter(({ text }) => text !== "Sent.")
		.map(({ type, text, file }) => ({ type, text, file }));
	expect(shown).toEqual([
		{
			type: "image",
			text: "here is dot.png",
			file: { mimeType: "image/png", name: "dot.png", size: DOT.length },
		},
		{ type: "text", text: "here is song.mp3", file: undefined },
		{
			type: "audio",
			text: "",
			file: { mimeType: "audio/mpeg", name: "song.mp3", size: mp3.length },
		},
		{
			type: "document",
			text: "here is report.pdf",
			file: {
				mimeType: "application/pdf",
				name: "report.pdf",
				size: pdf.length,
			},
		},
	]);
});

test("nothing from outside the workspace is sent, and nothing to somebody who is not listed", async () => {
	const inputs = [
		{ text: "there", attachments: ["../aeon.json"] },
		{ text: "to another", to: "+15550199999" },
	];
	await using chat = await openChat((_request, n) =>
		inputs[n]
			? { toolCalls: [{ name: "message_send", input: inputs[n] }] }
			: { text: "Done." },
	);
	chat.whatsapp.say(ANNA, "send it");
	await chat.shows(1);
	await chat.settled();
	expect(chat.texts()).toEqual(["Done."]);
	expect(chat.texts("+15550199999")).toEqual([]);
	const [, outside, elsewhere] = chat.requests.map(({ lastText }) => lastText);
	expect(outside).toContain("never up");
	expect(elsewhere).toContain("may not be written to from here");
});
