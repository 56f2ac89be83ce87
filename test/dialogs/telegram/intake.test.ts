import { expect, test } from "bun:test";
import type { Update } from "grammy/types";
import { AeonError } from "../../../src/core/errors.ts";
import { accepted, DISK_FULL, names, openRig, said } from "./rig.ts";
import {
	ANNA,
	BOT,
	GROUP,
	groupMessage,
	MALLORY,
	mentioning,
	photo,
	privateMessage,
	update,
} from "./updates.ts";

const BOTH = { users: [777], groups: [-100123] };
const write = (fields: object) => update({ message: privateMessage(fields) });
const speak = (fields: object, from?: object) =>
	update({ message: groupMessage(fields, from) });
const idOf = ({ message }: Update) => `${message?.message_id}`;

test("a private message is accepted under its chat, with what it is called by", async () => {
	using rig = openRig(BOTH);
	const one = write({ text: "hello" });
	expect(await rig.take(one)).toEqual([
		[
			"accept",
			{
				sessionKey: "agent:main:telegram:777",
				text: "hello",
				messageId: `4242:${one.update_id}`,
				reference: idOf(one),
			},
		],
	]);
});

test("a group's message is accepted under the group, with who said it", async () => {
	using rig = openRig(BOTH);
	const one = speak(mentioning("hello"), MALLORY);
	expect(await rig.take(one)).toEqual([
		[
			"accept",
			{
				sessionKey: "agent:main:telegram:-100123",
				text: "Mallory (id 888): hello",
				messageId: `4242:${one.update_id}`,
				reference: idOf(one),
				sender: "888",
			},
		],
	]);
});

test("a topic of a forum is a session of its own; a thread of replies is not", async () => {
	using rig = openRig(BOTH);
	const calls = await rig.take(
		speak({
			...mentioning("a"),
			message_thread_id: 45,
			is_topic_message: true,
		}),
		speak({ ...mentioning("b"), message_thread_id: 45 }),
		speak({ text: "/help", message_thread_id: 46, is_topic_message: true }),
	);
	expect(
		calls.map(([, what, context]) =>
			Object.hasOwn(Object(what), "sessionKey") ? what : context,
		),
	).toMatchObject([
		{ sessionKey: "agent:main:telegram:-100123:45" },
		{ sessionKey: "agent:main:telegram:-100123" },
		{ sessionKey: "agent:main:telegram:-100123:46" },
		{},
	]);
});

const botsWords = groupMessage({ text: "an answer" }, BOT);
const mention = (text: string, name: string, field = "") => ({
	[field ? "caption" : "text"]: text,
	[field ? "caption_entities" : "entities"]: [
		{ type: "mention", offset: text.indexOf(name), length: name.length },
	],
});

test.each<[string, object, boolean]>([
	["names the bot", mention("hi @OurBot", "@OurBot"), true],
	[
		"names it in other letters, after emoji",
		mention("😀😀 @ourBOT hi", "@ourBOT"),
		true,
	],
	[
		"names it under a picture",
		{ photo: photo(9), ...mention("what is it, @ourbot", "@ourbot", "c") },
		true,
	],
	[
		"names it by a link",
		{
			text: "hey Aeon",
			entities: [{ type: "text_mention", offset: 4, length: 4, user: BOT }],
		},
		true,
	],
	["answers it", { text: "go on", reply_to_message: botsWords }, true],
	[
		"answers it with a sticker",
		{ sticker: { file_id: "s", emoji: "👍" }, reply_to_message: botsWords },
		true,
	],
	["is no more than its name", mention("@ourbot", "@ourbot"), true],
	["names nobody", { text: "hi ourbot" }, false],
	[
		"has its name as a hashtag",
		{
			text: "#ourbot",
			entities: [{ type: "hashtag", offset: 0, length: 7 }],
		},
		false,
	],
	[
		"reports something of what the bot said",
		{ poll_option_added: { option_text: "x" }, reply_to_message: botsWords },
		false,
	],
	[
		"has the name without its being a mention",
		{ text: "mail me@ourbot" },
		false,
	],
	["names another bot", mention("hi @ourbot2", "@ourbot2"), false],
	[
		"names somebody else by a link",
		{
			text: "hey Eve",
			entities: [{ type: "text_mention", offset: 4, length: 3, user: MALLORY }],
		},
		false,
	],
	[
		"answers somebody else",
		{ text: "go on", reply_to_message: groupMessage({ text: "x" }) },
		false,
	],
	[
		"stands in a topic that the bot made",
		{
			text: "x",
			is_topic_message: true,
			message_thread_id: 45,
			reply_to_message: {
				...groupMessage({}, BOT),
				message_id: 44,
				forum_topic_created: { name: "T" },
			},
		},
		false,
	],
	["is a path", { text: "/etc/passwd is what?" }, false],
	["has a command in the middle", { text: "see /help" }, false],
	[
		"is a picture's caption that looks like a command",
		{ photo: photo(9), caption: "/help" },
		false,
	],
	["reports something of the group", { new_chat_title: "T" }, false],
	[
		"reports that a message of the bot was pinned",
		{ pinned_message: botsWords },
		false,
	],
])(
	"a group's message that %s: only what is meant for the bot counts",
	async (_, fields, isMeant) => {
		using rig = openRig(BOTH);
		expect(names(await rig.take(speak(fields)))).toEqual(
			isMeant ? ["accept"] : [],
		);
	},
);

test("before Telegram has told the bot's name, replies and commands are heard", async () => {
	using rig = openRig({ ...BOTH, username: undefined });
	const calls = await rig.take(
		speak(mentioning("hello")),
		speak({ text: "go on", reply_to_message: botsWords }),
		speak({ text: "/help@undefined" }),
	);
	expect(accepted(calls)).toHaveLength(1);
	expect(calls).toHaveLength(1);
});

test("a group that becomes a supergroup keeps its session, its entry in the list, and answers go to the new one", async () => {
	const group = { id: -500, type: "group", title: "Old" };
	const supergroup = { id: -100500, type: "supergroup", title: "Old" };
	for (const moved of [
		{ chat: group, migrate_to_chat_id: -100500 },
		{ chat: supergroup, migrate_from_chat_id: -500, sender_chat: supergroup },
	]) {
		using rig = openRig({ groups: [-500] });
		const calls = await rig.take(
			speak({ ...mentioning("before"), chat: group }),
			speak(moved),
			speak({ ...mentioning("after"), chat: supergroup }),
			speak({ text: "/new", chat: supergroup }),
		);
		expect(calls).toMatchObject([
			["accept", { sessionKey: "agent:main:telegram:-500" }],
			["accept", { sessionKey: "agent:main:telegram:-500" }],
			["command", "/new", { sessionKey: "agent:main:telegram:-500" }],
			["accept", { sessionKey: "agent:main:telegram:-500" }],
		]);
		using restarted = openRig({ groups: [-500], state: rig.state });
		expect(restarted.memory.chatFor("-500:45")).toEqual({
			chatId: -100500,
			threadId: 45,
		});
		const again = speak({ ...mentioning("later"), chat: supergroup });
		expect(await restarted.take(again)).toMatchObject([
			["accept", { sessionKey: "agent:main:telegram:-500" }],
		]);
	}
});

test("who was listed by a group's old id is listed still", async () => {
	using rig = openRig({ users: [-500], groups: [-500] });
	const chat = { id: -100500, type: "supergroup", title: "Old" };
	await rig.take(speak({ chat, migrate_from_chat_id: -500 }));
	const admin = speak({ ...mentioning("x"), chat, sender_chat: chat });
	expect(names(await rig.take(admin))).toEqual(["accept"]);
});

test("a group that nobody listed is not remembered when it moves", async () => {
	using rig = openRig({ users: [777] });
	await rig.take(
		speak({ chat: { ...GROUP, id: -500 }, migrate_to_chat_id: -100500 }),
	);
	expect(rig.memory.originOf(-100500)).toBe(-100500);
});

test("an album's pictures go together, and only the first says what they answer", async () => {
	using rig = openRig(BOTH);
	const one = (rest: object) =>
		write({ photo: photo(90), media_group_id: "g", ...rest });
	const reply_to_message = privateMessage({ text: "which?" });
	const first = one({ reply_to_message });
	rig.failures.set("accept", DISK_FULL);
	await expect(rig.take(first)).rejects.toThrow("the disk is full");
	const calls = await rig.take(
		first,
		one({ reply_to_message, caption: "these" }),
		one({ reply_to_message }),
	);
	expect(accepted(calls)).toEqual(['[in reply to "which?"]', "these", ""]);
	expect(calls.map(([, message]) => message)).toMatchObject(
		[1, 2, 3].map(() => ({ album: "g", files: [{ kind: "image" }] })),
	);
});

test("of a group's album one picture names the bot, and all of them come, those before it, too", async () => {
	using rig = openRig(BOTH);
	const one = (rest: object) =>
		speak({ photo: photo(90), media_group_id: "g", ...rest });
	const held = [one({}), one({})];
	expect(await rig.take(...held, ...held)).toEqual([]);
	const named = one(mention("@ourbot these", "@ourbot", "caption"));
	rig.failures.set("accept", DISK_FULL);
	await expect(rig.take(named)).rejects.toThrow("the disk is full");
	const calls = await rig.take(
		named,
		one({}),
		one({ media_group_id: "other" }),
	);
	expect(accepted(calls)).toEqual([
		"Anna Schmidt (id 777):",
		"",
		"Anna Schmidt (id 777): these",
		"",
	]);
	const ids = calls.map(
		([, message]) => (message as { messageId: string }).messageId,
	);
	expect(ids.slice(0, 3)).toEqual(
		[...held, named].map(({ update_id }) => `4242:${update_id}`),
	);
	// The first and the second try, and what came later, each once.
	expect(rig.asked).toHaveLength(1 + 3 + 1);
});

test("an edit changes a message that waits, and nothing is said", async () => {
	const message = privateMessage({ text: "old" });
	using rig = openRig({ ...BOTH, waiting: [`${message.message_id}`] });
	const edited = { ...message, text: "new", photo: photo(90) };
	const [call, ...others] = await rig.take(update({ edited_message: edited }));
	expect(call).toMatchObject([
		"amend",
		"agent:main:telegram:777",
		`${message.message_id}`,
		{ text: "new", files: [{ kind: "image" }] },
	]);
	expect(others).toEqual([]);
});

test("an edit that comes too late is said to be, once for a message", async () => {
	using rig = openRig(BOTH);
	const message = privateMessage({ text: "new" });
	const edit = () => update({ edited_message: message });
	const calls = await rig.take(edit(), edit());
	expect(calls.filter(([name]) => name === "say")).toEqual([
		[
			"say",
			"777",
			{
				text: "I had begun with that message already: send it again as a new one if you want another answer.",
				deliveryId: `edit-777-${message.message_id}`,
			},
		],
	]);
});

test("a live location that moves counts as it was sent", async () => {
	using rig = openRig(BOTH);
	const location = { latitude: 1, longitude: 2, live_period: 60 };
	const message = privateMessage({ location });
	const calls = await rig.take(update({ edited_message: message }));
	expect(said(calls)).toEqual([
		"A live location counts as it was when you sent it: I do not follow it.",
	]);
});

test("in a group only edits that name the bot are answered", async () => {
	using rig = openRig(BOTH);
	const edit = (fields: object) =>
		update({ edited_message: groupMessage(fields) });
	expect(names(await rig.take(edit({ text: "x" })))).toEqual(["amend"]);
	const named = groupMessage(mentioning("x"));
	expect(await rig.take(update({ edited_message: named }))).toMatchObject([
		[
			"amend",
			"agent:main:telegram:-100123",
			`${named.message_id}`,
			{ text: "Anna Schmidt (id 777): x" },
		],
		["say", "-100123", { replyTo: `${named.message_id}` }],
	]);
	expect(names(await rig.take(edit({ new_chat_title: "x" })))).toEqual([]);
});

test("a command acts at once and is answered, in a group as a reply", async () => {
	using rig = openRig({
		...BOTH,
		command: (line) => ({ text: `did ${line}` }),
	});
	const own = write({ text: " /STOP@OurBot  now\nhere " });
	expect(await rig.take(own)).toEqual([
		[
			"command",
			"/STOP  now\nhere",
			{ sessionKey: "agent:main:telegram:777", model: undefined },
		],
		[
			"say",
			"777",
			{
				text: "did /STOP  now\nhere",
				deliveryId: `command-4242:${own.update_id}`,
			},
		],
	]);
	for (const fields of [
		{ text: "/new" },
		{ text: "/new@ourbot" },
		mentioning("/new"),
	]) {
		const one = speak(fields);
		expect(await rig.take(one)).toEqual([
			[
				"command",
				"/new",
				{ sessionKey: "agent:main:telegram:-100123", model: undefined },
			],
			[
				"say",
				"-100123",
				{
					text: "did /new",
					replyTo: idOf(one),
					deliveryId: `command-4242:${one.update_id}`,
				},
			],
		]);
	}
});

test("another bot's command is not ours", async () => {
	using rig = openRig({ ...BOTH, command: () => ({ text: "done" }) });
	const reply_to_message = botsWords;
	const calls = await rig.take(
		speak({ text: "/new@other_bot" }),
		speak({ text: "/new@other_bot", reply_to_message }),
	);
	expect(calls).toEqual([]);
	expect(names(await rig.take(write({ text: "/new@other_bot" })))).toEqual([
		"accept",
	]);
});

test("a command whose answer is on its way already is not run again", async () => {
	const run: string[] = [];
	const one = write({ text: "/new" });
	const said = `command-4242:${one.update_id}`;
	using rig = openRig({
		...BOTH,
		command(line) {
			run.push(line);
			return { text: "done" };
		},
		hasSaid: (id) => id === said,
	});
	expect(await rig.take(one)).toEqual([]);
	expect(run).toEqual([]);
	const other = write({ text: "/new" });
	expect(names(await rig.take(other))).toEqual(["command", "say"]);
	expect(run).toEqual(["/new"]);
});

test("in a group a command without the bot's name is ours where we know it, and with it always", async () => {
	const known = ["new", "stop", "status", "model", "compact", "usage", "help"];
	using rig = openRig({ ...BOTH, command: () => ({ text: "done" }) });
	for (const word of [...known, "STOP"])
		expect(names(await rig.take(speak({ text: `/${word}` })))).toEqual([
			"command",
			"say",
		]);
	expect(await rig.take(speak({ text: "/weather" }))).toEqual([]);
	expect(await rig.take(speak({ text: "/weather in Rome" }))).toEqual([]);
	const named = speak({ text: "/weather@ourbot in Rome" });
	expect(names(await rig.take(named))).toEqual(["command", "say"]);
	const own = write({ text: "/weather" });
	expect(names(await rig.take(own))).toEqual(["command", "say"]);
});

test("/start greets, and names /help", async () => {
	using rig = openRig(BOTH);
	const calls = await rig.take(
		write({ text: "/start" }),
		write({ text: "/start deep_link" }),
	);
	expect(names(calls)).toEqual(["say", "say"]);
	expect(said(calls)[0]).toContain("/help");
});

test("a text that only looks like a command is a message", async () => {
	using rig = openRig(BOTH);
	const calls = await rig.take(
		write({ text: "/etc/passwd is what?" }),
		write({ text: "/my_own thing" }),
	);
	expect(calls).toMatchObject([
		["accept", { text: "/etc/passwd is what?" }],
		["command", "/my_own thing", {}],
		["accept", { text: "/my_own thing" }],
	]);
});

test("the model that /model chose answers from then on in that session, also after a restart and after /new", async () => {
	const command = (line: string) => ({
		text: "ok",
		...(line.startsWith("/model") && { model: line.slice(7) }),
	});
	using rig = openRig({ ...BOTH, command });
	const hello = () => write({ text: "hello" });
	await rig.take(write({ text: "/model fast" }), write({ text: "/new" }));
	expect(await rig.take(hello(), speak(mentioning("x")))).toMatchObject([
		["accept", { model: "fast" }],
		["accept", expect.not.objectContaining({ model: "fast" })],
	]);
	using restarted = openRig({ ...BOTH, command, state: rig.state });
	const calls = await restarted.take(write({ text: "/usage" }), hello());
	expect(calls).toMatchObject([
		["command", "/usage", { model: "fast" }],
		["say", "777", { text: "ok" }],
		["accept", { model: "fast" }],
	]);
});

test("a full queue is said, and the update is done with", async () => {
	using rig = openRig(BOTH);
	rig.failures.set(
		"accept",
		new AeonError("busy", "20 messages wait already."),
	);
	const one = write({ text: "hello" });
	expect(await rig.take(one)).toEqual([
		[
			"say",
			"777",
			{
				text: "20 messages wait already.",
				deliveryId: `refusal-4242:${one.update_id}`,
			},
		],
	]);
});

test("what is reported of a private chat is named in a sentence; no model sees it", async () => {
	using rig = openRig(BOTH);
	const one = write({ pinned_message: privateMessage({ text: "x" }) });
	expect(await rig.take(one)).toEqual([
		[
			"say",
			"777",
			{
				text: "Telegram says that a message was pinned. Aeon does nothing with that.",
				deliveryId: `notice-4242:${one.update_id}`,
			},
		],
	]);
	const unknown =
		"That is a kind of message that Aeon does not know, so it does nothing with it.";
	const reply_to_message = botsWords;
	const calls = await rig.take(
		write({}),
		write({ what_comes_next: {} }),
		speak({ what_comes_next: {}, reply_to_message }),
		speak({ what_comes_next: {} }),
	);
	expect(said(calls)).toEqual([unknown, unknown, unknown]);
});

test("other kinds of updates are passed over", async () => {
	using rig = openRig(BOTH);
	const { message } = write({ text: "hello" });
	const kinds =
		"inline_query poll_answer my_chat_member business_message edited_business_message guest_message message_reaction poll chat_join_request what_comes_next";
	for (const kind of kinds.split(" "))
		expect(await rig.take(update({ [kind]: message }))).toEqual([]);
	expect(rig.log).toEqual([]);
});

test("the same update five times is one of everything", async () => {
	using rig = openRig({ ...BOTH, command: () => ({ text: "done" }) });
	const updates = [
		write({ text: "hello" }),
		write({ text: "/new" }),
		write({ pinned_message: {} }),
		write({
			text: "x",
			forward_origin: { type: "hidden_user", sender_user_name: "E" },
		}),
		update({ edited_message: privateMessage({ location: {} }) }),
		update({
			callback_query: { id: "q", from: ANNA, message: privateMessage({}) },
		}),
		update({ message: privateMessage({ text: "hi" }, MALLORY) }),
	];
	const times = updates.flatMap((one) => Array(5).fill(one));
	const calls = names(await rig.take(...times)).filter(
		(name) => name !== "amend",
	);
	expect(calls).toEqual([
		"accept",
		"command",
		"say",
		"say",
		"say",
		"say",
		"press",
		"say",
	]);
});

test("the same command at the same time is run once", async () => {
	using rig = openRig({ ...BOTH, command: () => ({ text: "done" }) });
	const one = write({ text: "/new" });
	await Promise.all([rig.take(one), rig.take(one)]);
	expect(names(rig.calls)).toEqual(["command", "say"]);
});

test.each(["accept", "amend", "say", "command"])(
	"an update whose %s cannot be kept comes again, and a command is not run twice",
	async (what) => {
		const fields = {
			text: what === "accept" || what === "amend" ? "x" : "/new",
		};
		using rig = openRig({ ...BOTH, command: () => ({ text: "done" }) });
		const kind = what === "amend" ? "edited_message" : "message";
		const one = update({ [kind]: privateMessage(fields) });
		for (const failure of [DISK_FULL, new AeonError("shutting_down", "bye")]) {
			rig.failures.set(what, failure);
			await expect(rig.take(one)).rejects.toBe(failure);
		}
		await rig.take(one);
		const done: Record<string, string[]> = {
			accept: ["accept"],
			amend: ["amend", "say"],
		};
		expect(names(rig.calls)).toEqual(done[what] ?? ["command", "say"]);
	},
);

test("a fault in one update is logged and said, and stops nothing", async () => {
	using rig = openRig(BOTH);
	const fault =
		"Something went wrong with that message, and it is not answered. The log of Aeon says more.";
	for (const [what, text] of [
		["accept", "x"],
		["command", "/new"],
		["amend", "x"],
	] as const) {
		rig.failures.set(what, new TypeError("not a function"));
		const kind = what === "amend" ? "edited_message" : "message";
		const one = update({ [kind]: privateMessage({ text }) });
		expect(await rig.take(one)).toEqual([
			[
				"say",
				"777",
				{ text: fault, deliveryId: `fault-4242:${one.update_id}` },
			],
		]);
		expect(rig.log.at(-1)).toMatchObject([
			"telegram.update_failed",
			{ update: one.update_id },
		]);
	}
	rig.failures.set("accept", new TypeError("not a function"));
	rig.failures.set("say", new TypeError("not a function either"));
	expect(await rig.take(write({ text: "x" }))).toEqual([]);
	expect(rig.log.at(-1)?.[0]).toBe("telegram.fault_untold");
});

test.each<[string, unknown]>([
	["nothing", null],
	["a text", "update"],
	["no message", { update_id: 1, message: 7 }],
	["a message without a chat", { update_id: 1, message: { text: "x" } }],
	[
		"a chat without an id",
		{ update_id: 1, message: { chat: { type: "private" }, text: "x" } },
	],
	[
		"entities that are none",
		{
			update_id: 1,
			message: { ...privateMessage({}), text: "x", entities: "none" },
		},
	],
	[
		"a picture that is none",
		{ update_id: 1, message: privateMessage({ photo: [null] }) },
	],
	[
		"an answered message without a chat",
		{
			update_id: 1,
			message: privateMessage({ text: "x", reply_to_message: {} }),
		},
	],
	["a button without a presser", { update_id: 1, callback_query: {} }],
])("an update with %s harms nobody", async (_, broken) => {
	using rig = openRig(BOTH);
	await rig.take(broken as Update);
	expect(accepted(rig.calls)).toEqual([]);
	expect(names(await rig.take(write({ text: "hello" })))).toEqual(["accept"]);
});

test("a button that fails is logged, and may be pressed again", async () => {
	using rig = openRig(BOTH);
	const message = privateMessage({});
	const one = update({ callback_query: { id: "q", from: ANNA, message } });
	rig.failures.set("press", DISK_FULL);
	expect(names(await rig.take(one, one, one))).toEqual(["press", "press"]);
	expect(rig.log.map(([event]) => event)).toEqual(["telegram.press_failed"]);
});
