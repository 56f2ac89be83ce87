// What Meta posts, however it is broken.

import { expect, test } from "bun:test";
import { readPayload } from "../../../src/dialogs/whatsapp/payload.ts";
import { change, NUMBER_ID, text, written } from "./intake_rig.ts";

const ids = (posted: Record<string, unknown>) =>
	readPayload(posted).map(({ messages, statuses }) => [
		...messages.map(({ id }) => id),
		...statuses.map(({ id }) => id),
	]);

test("a message is read with whom it is from, what they call themselves, when and where", () => {
	const [read] = readPayload(
		change({ messages: [text("hello", { id: "wamid.1", group_id: "g" })] }),
	);
	expect(read).toEqual({
		field: "messages",
		phoneNumberId: NUMBER_ID,
		messages: [
			{
				id: "wamid.1",
				from: "+15551230001",
				name: "Anna x",
				sentAt: Date.UTC(2026, 0, 1),
				groupId: "g",
				type: "text",
				content: { body: "hello" },
				context: {},
				referral: undefined,
				contacts: [],
			},
		],
		statuses: [],
		errors: [],
		unreadable: 0,
	});
});

test("every entry, change, message and status is read, in order", () => {
	const one = (id: string) => text("x", { id });
	const value = { messages: [one("1"), one("2")], statuses: [{ id: "3" }] };
	const [first] = change(value).entry;
	const [second] = change({ messages: [one("4")] }, "other").entry;
	const entry = [
		{ changes: [...(first?.changes ?? []), ...(second?.changes ?? [])] },
		first,
	];
	expect(ids({ entry })).toEqual([["1", "2", "3"], ["4"], ["1", "2", "3"]]);
});

test("a status is read with what Aeon gave along and why it failed", () => {
	const status = {
		id: "wamid.1",
		status: "failed",
		biz_opaque_callback_data: "run-1:0",
		errors: [{ code: 131026 }],
	};
	expect(readPayload(change({ statuses: [status] }))[0]?.statuses).toEqual([
		{
			id: "wamid.1",
			status: "failed",
			callbackData: "run-1:0",
			errors: [{ code: 131026 }],
		},
	]);
});

test.each<[string, Record<string, unknown>]>([
	["nothing", {}],
	["entries that are none", { entry: "x" }],
	["null in the entries", { entry: [null, 7, [], "x"] }],
	["changes that are none", { entry: [{ changes: { a: 1 } }] }],
	["null in the changes", { entry: [{ changes: [null, 7] }] }],
])("%s is read as nothing", (_, posted) => {
	expect(readPayload(posted)).toEqual([]);
});

test.each<[string, unknown]>([
	["null", null],
	["a text", "x"],
	["an empty object", {}],
	["lists that are none", { messages: "x", statuses: 7, contacts: {} }],
	["metadata that is none", { metadata: [], contacts: [null, { profile: 7 }] }],
])("a value that is %s holds nothing, and harms nothing", (_, value) => {
	const [read] = readPayload({ entry: [{ changes: [{ value }] }] });
	expect(read).toMatchObject({
		field: "",
		phoneNumberId: "",
		messages: [],
		statuses: [],
		unreadable: 0,
	});
});

test("what has no id is counted, and the others are read", () => {
	const broken = [null, 7, "x", [], {}, { id: 1.5e300 }, { id: {} }];
	const long = { id: "1".repeat(513) };
	const messages = [...broken, text("x", { id: 7 }), long];
	const statuses = [null, { id: "s" }];
	const [read] = readPayload(change({ messages, statuses }));
	expect(read?.messages.map(({ id }) => id)).toEqual(["1.5e+300", "7"]);
	expect(read?.statuses.map(({ id }) => id)).toEqual(["s"]);
	expect(read?.unreadable).toBe(8);
});

test.each<[string, Record<string, unknown>, object]>([
	["no number", { from: undefined, user_id: "US.1" }, { from: undefined }],
	["a number that is a number", { from: 15551230001 }, { from: undefined }],
	["a number that is too short", { from: "123" }, { from: undefined }],
	["a placeholder", { from: "PHONE_NUMBER" }, { from: undefined }],
	["no time", { timestamp: undefined }, { sentAt: undefined }],
	["a time that is none", { timestamp: "soon" }, { sentAt: undefined }],
	["a time that is a number", { timestamp: 1_700_000_000 }, { sentAt: 1.7e12 }],
	["a name that is none", { from: "15551230007" }, { name: "somebody" }],
	["no type", { type: undefined }, { type: "text" }],
	["a type that is none", { type: 7 }, { type: "text" }],
	["a type that is not there", { type: "image" }, { content: {} }],
	["a context that is none", { context: "x" }, { context: {} }],
])("a message with %s is read as far as it goes", (_, fields, expected) => {
	const [read] = readPayload(change({ messages: [text("x", fields)] }));
	expect(read?.messages).toMatchObject([expected]);
});

test("the type that is left out is told by what the message has", () => {
	const types =
		"text image audio video document sticker location contacts button interactive order reaction edit revoke system unsupported";
	for (const type of types.split(" ")) {
		const message = { ...written(type, {}), type: undefined };
		const [read] = readPayload(change({ messages: [message] }));
		expect(read?.messages[0]?.type).toBe(type);
	}
	const [read] = readPayload(change({ messages: [{ id: "1", text: null }] }));
	expect(read?.messages[0]?.type).toBe("");
});
