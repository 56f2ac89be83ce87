// What a message says to the model: every kind, and what is beside the words.

import { expect, test } from "bun:test";
import {
	describeContext,
	describeDelay,
	describeReaction,
} from "../../../src/dialogs/whatsapp/context.ts";
import {
	readButton,
	readContent,
} from "../../../src/dialogs/whatsapp/message.ts";
import { readBody } from "../../../src/dialogs/whatsapp/payload.ts";

const MIN = 60_000;
const NOW = Date.UTC(2026, 0, 1);

const read = (message: Record<string, unknown>) =>
	readContent(readBody(message));

test.each<[string, Record<string, unknown>, string]>([
	["a text", { type: "text", text: { body: " hello\nyou " } }, "hello\nyou"],
	[
		"a text without its type",
		{ id: "1", from: "2", text: { body: "hello" } },
		"hello",
	],
	[
		"a text that an advertisement led to",
		{
			type: "text",
			text: { body: "hello" },
			referral: { headline: "Buy", source_url: "https://a.example/x" },
		},
		"hello\n[the conversation was begun from an advertisement: Buy, https://a.example/x]",
	],
	[
		"a place",
		{
			type: "location",
			location: {
				latitude: 37.77491,
				longitude: -122.4194,
				name: "The\nBridge",
				address: "1 Road",
			},
		},
		"[location: The Bridge, 1 Road, 37.7749, -122.4194]",
	],
	[
		"a place that is only a point",
		{ location: { latitude: 1, longitude: 2 } },
		"[location: 1.0000, 2.0000]",
	],
	["a place that is none", { type: "location", location: [] }, "[location]"],
	[
		"contacts",
		{
			type: "contacts",
			contacts: [
				{
					name: { formatted_name: "Chandler (x) Bing" },
					phones: [{ phone: "+1 555" }, { phone: "+1 666" }, null],
					emails: [{ email: "c@a.example" }],
				},
				{ name: { first_name: "Monica", last_name: "G" } },
				null,
			],
		},
		"[contact: Chandler x Bing, +1 555, +1 666, c@a.example]\n[contact: Monica G]\n[contact: somebody]",
	],
	[
		"a template's button",
		{ type: "button", button: { payload: "p", text: "Call me" } },
		"Call me",
	],
	[
		"a reply button",
		{
			type: "interactive",
			interactive: {
				type: "button_reply",
				button_reply: { id: "1", title: "Tea" },
			},
		},
		"Tea",
	],
	[
		"a list's entry",
		{
			type: "interactive",
			interactive: {
				type: "list_reply",
				list_reply: { id: "1", title: "Tea", description: "green" },
			},
		},
		"Tea\ngreen",
	],
	[
		"a form",
		{
			type: "interactive",
			interactive: {
				type: "nfm_reply",
				nfm_reply: { name: "flow", body: "Sent", response_json: '{"a":"1"}' },
			},
		},
		'[form "flow" filled in: {"a":"1"}]',
	],
	[
		"an answer on calls",
		{
			type: "interactive",
			interactive: { call_permission_reply: { response: "accept" } },
		},
		"[the request for permission to call: accept]",
	],
	[
		"an answer on calls that says nothing",
		{ type: "interactive", interactive: { call_permission_reply: {} } },
		"[the request for permission to call: answered]",
	],
	[
		"an order",
		{
			type: "order",
			order: {
				text: "soon",
				product_items: [
					{
						product_retailer_id: "HAM",
						quantity: 3,
						item_price: 30,
						currency: "ILS",
					},
					null,
				],
			},
		},
		'[order: 3 × HAM at 30 ILS / ? × ?: "soon"]',
	],
	[
		"an animated sticker",
		{ type: "sticker", sticker: { id: "9", animated: true } },
		"[animated sticker, which Aeon cannot look at]",
	],
])("%s is words or a note for the model", (_, message, text) => {
	expect(read(message)).toEqual({ text });
});

test.each<[string, Record<string, unknown>, object]>([
	[
		"a picture with its caption",
		{
			type: "image",
			image: {
				id: "65463453",
				mime_type: "image/jpeg",
				sha256: "46/54+8g=",
				caption: "what is it?",
			},
		},
		{
			text: "what is it?",
			files: [
				{
					kind: "image",
					id: "65463453",
					uniqueId: "46_54-8g_",
					mimeType: "image/jpeg",
				},
			],
		},
	],
	[
		"a document with its name",
		{
			document: { id: 12, filename: "../a.pdf", mime_type: "application/pdf" },
		},
		{
			text: "",
			files: [
				{
					kind: "document",
					id: "12",
					uniqueId: "12",
					name: "../a.pdf",
					mimeType: "application/pdf",
				},
			],
		},
	],
	[
		"a voice message",
		{ audio: { id: "1", voice: true, mime_type: "audio/ogg; codecs=opus" } },
		{
			text: "",
			files: [
				{
					kind: "voice",
					id: "1",
					uniqueId: "1",
					mimeType: "audio/ogg; codecs=opus",
				},
			],
		},
	],
	[
		"a sound that is not spoken",
		{ type: "audio", audio: { id: "1", voice: false } },
		{ text: "", files: [{ kind: "audio", id: "1", uniqueId: "1" }] },
	],
	[
		"a film",
		{ type: "video", video: { id: "1", sha256: "x".repeat(100) } },
		{
			text: "",
			files: [{ kind: "video", id: "1", uniqueId: "x".repeat(64) }],
		},
	],
	[
		"a sticker that stands still",
		{ type: "sticker", sticker: { id: "9", mime_type: "image/webp" } },
		{
			text: "[sticker]",
			files: [
				{ kind: "image", id: "9", uniqueId: "9", mimeType: "image/webp" },
			],
		},
	],
])("%s is a file to be fetched", (_, message, content) => {
	expect(read(message)).toEqual(content as ReturnType<typeof read>);
});

test.each<[string, Record<string, unknown>]>([
	["nothing", {}],
	["an unknown type", { type: "what_comes_next", what_comes_next: {} }],
	["a type that every object has", { type: "constructor" }],
	["a type that is none", { type: 7, text: null }],
	["a text without words", { type: "text", text: { body: 7 } }],
	["a picture without a file", { type: "image", image: null }],
	["a picture that is a list", { type: "image", image: [1] }],
	["a choice of nothing", { type: "interactive" }],
	["contacts that are none", { type: "contacts", contacts: "x" }],
	["an id that is too long", { image: { id: "1".repeat(513) } }],
])("%s says nothing", (_, message) => {
	expect(read(message)).toBeUndefined();
});

test("a note is one line, and not too long", () => {
	const name = `a\nb\u2028c ${"x".repeat(1_000)}`;
	const { text = "" } = read({ type: "location", location: { name } }) ?? {};
	expect(text).toStartWith("[location: a b c xxx");
	expect(text).toEndWith("x…]");
	expect(text.length).toBe(502);
});

test("only a reply button is a press", () => {
	const interactive = {
		type: "button_reply",
		button_reply: { id: "q:1:allow" },
	};
	const press = { type: "interactive", interactive };
	expect(readButton(readBody(press))).toBe("q:1:allow");
	const text = { ...interactive, body: "x" };
	expect(readButton(readBody({ type: "text", text }))).toBeUndefined();
	expect(readButton(readBody({ interactive: {} }))).toBeUndefined();
});

test.each([
	[0, undefined],
	[5 * MIN, undefined],
	[5 * MIN + 1, "5 min"],
	[59 * MIN, "59 min"],
	[60 * MIN, "1 h"],
	[3 * 60 * MIN, "3 h"],
	[47 * 60 * MIN, "47 h"],
	[48 * 60 * MIN, "2 days"],
	[-60 * MIN, undefined],
])("a message that was under way for %p ms: %p ago is told", (ms, ago) => {
	expect(describeDelay(NOW - ms, NOW)).toEqual(
		ago
			? [
					`[sent ${ago} ago, it arrives only now: ask before doing anything that has an effect]`,
				]
			: [],
	);
});

test("a message that does not say when it was sent is not late", () => {
	expect(describeDelay(undefined, NOW)).toEqual([]);
});

test.each<[string, object, string[]]>([
	["nothing", {}, []],
	["a forward", { forwarded: true }, ["[forwarded]"]],
	["a chain letter", { frequently_forwarded: true }, ["[forwarded]"]],
	["what is not forwarded", { forwarded: "yes" }, []],
	["a reply", { id: "known" }, [`[in reply to "say 'hi' now"]`]],
	[
		"a reply to what is forgotten",
		{ id: "x" },
		["[in reply to an earlier message]"],
	],
	[
		"a forward in a reply",
		{ forwarded: true, id: "known" },
		["[forwarded]", `[in reply to "say 'hi' now"]`],
	],
])("%s is told before the words", async (_, context, notes) => {
	const wordsOf = async (id: string) =>
		id === "known" ? 'say "hi"\nnow' : undefined;
	expect(await describeContext(readBody({ context }), wordsOf)).toEqual(notes);
});

test("a reaction is a note, and one that was taken back is none", () => {
	expect(describeReaction("👍", "hello")).toBe('[reacted 👍 to "hello"]');
	expect(describeReaction("👨‍👩‍👧‍👦", undefined)).toBe(
		"[reacted 👨‍👩‍👧‍👦 to an earlier message]",
	);
	expect(describeReaction('] "x" [', "hello")).toBe('[reacted x to "hello"]');
	for (const none of ["", " ", "[]"])
		expect(describeReaction(none, "hello")).toBeUndefined();
});

test("a kind that is called as every object has something is no file", () => {
	const message = { type: "constructor", constructor: { id: "1" } };
	expect(read(message)).toBeUndefined();
});

test("half a letter in what a person writes is replaced", () => {
	const message = { type: "text", text: { body: "a\ud83d" } };
	expect(read(message)).toEqual({ text: "a\ufffd" });
});
