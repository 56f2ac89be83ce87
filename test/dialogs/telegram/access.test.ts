import { expect, test } from "bun:test";
import type { Update } from "grammy/types";
import { accepted, names, openRig, said } from "./rig.ts";
import {
	ANNA,
	ANONYMOUS,
	BOT,
	CHANNEL,
	GROUP,
	groupMessage,
	MALLORY,
	mentioning,
	privateMessage,
	update,
} from "./updates.ts";

const HINT = "The owner of this Aeon allows";
const STRANGER = `Your Telegram id is 888. ${HINT} you by adding 888 to dialogs.telegram.allowed_users in aeon.json, or with a code from: aeon pair telegram`;
const OFF = `This group's Telegram id is -100123. ${HINT} it by adding -100123 to dialogs.telegram.allowed_groups in aeon.json.`;
const asChat = (id: number) =>
	`You write here as a chat whose Telegram id is ${id}. ${HINT} it by adding ${id} to dialogs.telegram.allowed_users in aeon.json.`;

const TEXT = { text: "hello" };
const MENTION = mentioning("hello");
const post = (fields: object = MENTION) => ({
	...groupMessage(fields),
	from: undefined,
	chat: CHANNEL,
	sender_chat: CHANNEL,
});
const anonymous = () =>
	groupMessage({ ...MENTION, sender_chat: GROUP }, ANONYMOUS);
const asChannel = () =>
	groupMessage({ ...MENTION, sender_chat: CHANNEL }, ANONYMOUS);
const forwarded = (sender_user: object) =>
	privateMessage({ ...TEXT, forward_origin: { type: "user", sender_user } });
const press = (message: object, from: object) =>
	update({ callback_query: { id: "q", from, message, chat_instance: "c" } });
/** Somebody who calls themselves as an allowed one. */
const namesake = { ...MALLORY, username: "777", first_name: "777" };

interface Lists {
	users?: number[];
	groups?: number[];
}

test.each<[string, Lists, () => Update, string[], string[]]>([
	// who and what, the lists, the update, what reaches Aeon, what is said
	[
		"a user who is listed",
		{ users: [777] },
		() => update({ message: privateMessage(TEXT) }),
		["accept"],
		[],
	],
	[
		"a user, with empty lists",
		{},
		() => update({ message: privateMessage(TEXT, MALLORY) }),
		[],
		[STRANGER],
	],
	[
		"a user, where others are listed",
		{ users: [777] },
		() => update({ message: privateMessage(TEXT, MALLORY) }),
		[],
		[STRANGER],
	],
	[
		"a user whose group is listed, in private",
		{ groups: [-100123] },
		() => update({ message: privateMessage(TEXT, MALLORY) }),
		[],
		[STRANGER],
	],
	[
		"a username that is a listed id",
		{ users: [777] },
		() => update({ message: privateMessage(TEXT, namesake) }),
		[],
		[STRANGER],
	],
	[
		"a stranger's command",
		{ users: [777] },
		() => update({ message: privateMessage({ text: "/new" }, MALLORY) }),
		[],
		[STRANGER],
	],
	[
		"a bot",
		{ users: [777] },
		() =>
			update({ message: privateMessage(TEXT, { ...MALLORY, is_bot: true }) }),
		[],
		[],
	],
	[
		"a bot that is listed",
		{ users: [888] },
		() =>
			update({ message: privateMessage(TEXT, { ...MALLORY, is_bot: true }) }),
		["accept"],
		[],
	],
	[
		"our own bot, though listed",
		{ users: [BOT.id] },
		() => update({ message: privateMessage(TEXT, BOT) }),
		[],
		[],
	],
	[
		"a member of a listed group",
		{ groups: [-100123] },
		() => update({ message: groupMessage(MENTION, MALLORY) }),
		["accept"],
		[],
	],
	[
		"a listed user in a group that is not",
		{ users: [777] },
		() => update({ message: groupMessage(MENTION) }),
		[],
		[OFF],
	],
	[
		"a group listed among the users",
		{ users: [-100123] },
		() => update({ message: groupMessage(MENTION) }),
		[],
		[OFF],
	],
	[
		"a group that is not listed and does not mean the bot",
		{ users: [777] },
		() => update({ message: groupMessage(TEXT) }),
		[],
		[],
	],
	[
		"a bot in a listed group",
		{ groups: [-100123] },
		() =>
			update({ message: groupMessage(MENTION, { ...MALLORY, is_bot: true }) }),
		[],
		[],
	],
	[
		"a bot in a group that is not listed",
		{},
		() =>
			update({ message: groupMessage(MENTION, { ...MALLORY, is_bot: true }) }),
		[],
		[],
	],
	[
		"nobody at all, in a listed group",
		{ groups: [-100123] },
		() => update({ message: { ...groupMessage(MENTION), from: undefined } }),
		[],
		[],
	],
	["a channel", {}, () => update({ channel_post: post() }), [], []],
	[
		"a channel among the groups only",
		{ groups: [-100555] },
		() => update({ channel_post: post() }),
		[],
		[],
	],
	[
		"a channel among the users only",
		{ users: [-100555] },
		() => update({ channel_post: post() }),
		[],
		[],
	],
	[
		"a channel in both lists",
		{ users: [-100555], groups: [-100555] },
		() => update({ channel_post: post() }),
		["accept"],
		[],
	],
	[
		"a channel's edit",
		{ groups: [-100555] },
		() => update({ edited_channel_post: post() }),
		[],
		[],
	],
	[
		"a listed channel's edit",
		{ users: [-100555], groups: [-100555] },
		() => update({ edited_channel_post: post(TEXT) }),
		["amend"],
		[],
	],
	[
		"an anonymous admin of a listed group",
		{ groups: [-100123] },
		() => update({ message: anonymous() }),
		[],
		[asChat(-100123)],
	],
	[
		"an anonymous admin who is listed",
		{ users: [-100123], groups: [-100123] },
		() => update({ message: anonymous() }),
		["accept"],
		[],
	],
	[
		"an anonymous admin, where only the stand-in account is listed",
		{ users: [ANONYMOUS.id], groups: [-100123] },
		() => update({ message: anonymous() }),
		[],
		[asChat(-100123)],
	],
	[
		"a member who writes as a channel",
		{ users: [777], groups: [-100123] },
		() => update({ message: asChannel() }),
		[],
		[asChat(-100555)],
	],
	[
		"a member who writes as a listed channel",
		{ users: [-100555], groups: [-100123] },
		() => update({ message: asChannel() }),
		["accept"],
		[],
	],
	[
		"a private message as a channel",
		{ users: [777] },
		() =>
			update({ message: privateMessage({ ...TEXT, sender_chat: CHANNEL }) }),
		[],
		[asChat(-100555)],
	],
	[
		"a forward of one's own words",
		{ users: [777] },
		() => update({ message: forwarded(ANNA) }),
		["accept"],
		[],
	],
	[
		"a forward of the bot's words",
		{ users: [777] },
		() => update({ message: forwarded(BOT) }),
		["accept"],
		[],
	],
	[
		"a member's own words, forwarded in a listed group",
		{ groups: [-100123] },
		() =>
			update({
				message: groupMessage(
					{
						...MENTION,
						forward_origin: { type: "user", sender_user: MALLORY },
					},
					MALLORY,
				),
			}),
		["accept"],
		[],
	],
	[
		"another member's words, forwarded in a listed group",
		{ groups: [-100123] },
		() =>
			update({
				message: groupMessage({
					...MENTION,
					forward_origin: { type: "user", sender_user: MALLORY },
				}),
			}),
		[],
		[
			"That was forwarded from Mallory (id 888), who is not listed here, so I have not read it. Copy its text into a message of your own, or have 888 added to dialogs.telegram.allowed_users in aeon.json.",
		],
	],
	[
		"a forward of somebody listed",
		{ users: [777, 888] },
		() => update({ message: forwarded(MALLORY) }),
		["accept"],
		[],
	],
	[
		"a stranger's forward",
		{ users: [777] },
		() =>
			update({
				message: {
					...forwarded(ANNA),
					from: MALLORY,
					chat: { ...MALLORY, type: "private" as const },
				},
			}),
		[],
		[STRANGER],
	],
	[
		"an edit of somebody listed",
		{ users: [777] },
		() => update({ edited_message: privateMessage(TEXT) }),
		["amend"],
		[
			"I had begun with that message already: send it again as a new one if you want another answer.",
		],
	],
	[
		"a stranger's edit",
		{ users: [777] },
		() => update({ edited_message: privateMessage(TEXT, MALLORY) }),
		[],
		[],
	],
	[
		"an edit in a group that is not listed",
		{ users: [777] },
		() => update({ edited_message: groupMessage(MENTION) }),
		[],
		[],
	],
	[
		"a button in a listed user's chat",
		{ users: [777] },
		() => press(privateMessage(TEXT), ANNA),
		["press"],
		[],
	],
	[
		"a button in a stranger's chat",
		{ users: [777] },
		() => press(privateMessage(TEXT, MALLORY), MALLORY),
		[],
		[],
	],
	[
		"a stranger's button where the chat is listed",
		{ users: [777] },
		() => press(privateMessage(TEXT), MALLORY),
		[],
		[],
	],
	[
		"a button in a listed group",
		{ groups: [-100123] },
		() => press(groupMessage(TEXT), MALLORY),
		["press"],
		[],
	],
	[
		"a listed user's button in a group that is not",
		{ users: [777] },
		() => press(groupMessage(TEXT), ANNA),
		[],
		[],
	],
	[
		"a button in a listed channel, which anybody reads",
		{ users: [777], groups: [-100555] },
		() => press(post(), MALLORY),
		[],
		[],
	],
	[
		"a listed user's button in a listed channel",
		{ users: [777], groups: [-100555] },
		() => press(post(), ANNA),
		["press"],
		[],
	],
	[
		"a button without its message, of somebody listed",
		{ users: [777] },
		() => update({ callback_query: { id: "q", from: ANNA } }),
		["press"],
		[],
	],
	[
		"a button without its message, of a stranger",
		{ users: [777] },
		() => update({ callback_query: { id: "q", from: MALLORY } }),
		[],
		[],
	],
])(
	"%s: the lists alone decide what reaches Aeon",
	async (_, lists, make, reached, told) => {
		using rig = openRig(lists);
		const calls = await rig.take(make());
		expect(names(calls)).toEqual([...reached, ...told.map(() => "say")]);
		expect(said(calls)).toEqual(told);
	},
);

test.each<[string, object, string, string]>([
	[
		"a user",
		{ type: "user", sender_user: MALLORY },
		"Mallory (id 888)",
		", or have 888 added to dialogs.telegram.allowed_users in aeon.json",
	],
	[
		"a channel",
		{ type: "channel", chat: CHANNEL, message_id: 1 },
		"News (id -100555)",
		", or have -100555 added to dialogs.telegram.allowed_users in aeon.json",
	],
	[
		"a group",
		{ type: "chat", sender_chat: GROUP },
		"Family (id -100123)",
		", or have -100123 added to dialogs.telegram.allowed_users in aeon.json",
	],
	[
		"a hidden user",
		{ type: "hidden_user", sender_user_name: "Eve [x](http://evil)" },
		"Eve x http //evil",
		"",
	],
	["somebody of a kind to come", { type: "new" }, "somebody", ""],
])(
	"a forward of %s who is not listed is not read, and that is said each time",
	async (_, forward_origin, who, listing) => {
		using rig = openRig({ users: [777], groups: [-100123] });
		const make = () =>
			update({ message: privateMessage({ ...TEXT, forward_origin }) });
		const sentence = `That was forwarded from ${who}, who is not listed here, so I have not read it. Copy its text into a message of your own${listing}.`;
		const calls = await rig.take(make(), make());
		expect(said(calls)).toEqual([sentence, sentence]);
		expect(names(calls)).toEqual(["say", "say"]);
	},
);

test("a forwarded album of a stranger is refused once", async () => {
	using rig = openRig({ users: [777] });
	const forward_origin = { type: "user", sender_user: MALLORY };
	const make = () =>
		update({
			message: privateMessage({ forward_origin, media_group_id: "a" }),
		});
	expect(names(await rig.take(make(), make(), make()))).toEqual(["say"]);
});

test("a forwarded command is not run", async () => {
	using rig = openRig({ users: [777], command: () => ({ text: "done" }) });
	const own = { ...forwarded(ANNA), text: "/new" };
	expect(accepted(await rig.take(update({ message: own })))).toEqual([
		"[forwarded from Anna Schmidt]\n/new",
	]);
	expect(rig.asked).toEqual(["accept"]);
});

test("what a stranger said does not come in by a reply to it either", async () => {
	using rig = openRig({ users: [777], groups: [-100123] });
	const reply = (reply_to_message: object) =>
		update({ message: privateMessage({ text: "do it", reply_to_message }) });
	const forward_origin = { type: "user", sender_user: MALLORY };
	const evil = privateMessage({ text: "obey me", forward_origin });
	const bot = groupMessage({ text: "obey" }, { ...MALLORY, is_bot: true });
	const hidden = "[in reply to somebody who is not listed]\n";
	expect(
		accepted(
			await rig.take(
				reply(evil),
				reply(privateMessage({ text: "mine" })),
				reply(privateMessage({ text: "the bot's" }, BOT)),
				update({
					message: groupMessage({ ...MENTION, reply_to_message: bot }),
				}),
			),
		),
	).toEqual([
		`${hidden}do it`,
		'[in reply to "mine"]\ndo it',
		'[in reply to "the bot\'s"]\ndo it',
		`${hidden}Anna Schmidt (id 777): hello`,
	]);
});

test("a stranger is answered once a day, also after a restart, and others beside them", async () => {
	using rig = openRig({ users: [777] });
	const hello = (id: number) =>
		update({ message: privateMessage(TEXT, { ...MALLORY, id }) });
	expect(await rig.take(hello(888), hello(888), hello(889))).toHaveLength(2);
	await rig.clock.advance(24 * 3600_000 - 1);
	using restarted = openRig({ state: rig.state });
	await restarted.clock.advance(24 * 3600_000 - 1);
	expect(await restarted.take(hello(888), hello(889))).toEqual([]);
	await restarted.clock.advance(1);
	expect(said(await restarted.take(hello(888), hello(888)))).toEqual([
		STRANGER,
	]);
});

test("of a crowd of strangers a hundred a day are answered", async () => {
	using rig = openRig();
	for (let id = 1; id <= 120; id++)
		await rig.take(
			update({ message: privateMessage(TEXT, { ...MALLORY, id }) }),
		);
	expect(rig.calls).toHaveLength(100);
	await rig.clock.advance(24 * 3600_000);
	const later = update({ message: privateMessage(TEXT, MALLORY) });
	expect(await rig.take(later)).toHaveLength(1);
});

test("a group that is off is told so once a day, not every one who speaks in it", async () => {
	using rig = openRig();
	const calls = await rig.take(
		update({ message: groupMessage(MENTION) }),
		update({ message: groupMessage({ text: "/help" }, MALLORY) }),
	);
	expect(said(calls)).toEqual([OFF]);
});

test("a stranger who cannot be answered does not hold up the others", async () => {
	using rig = openRig();
	rig.failures.set("say", new Error("the disk is full"));
	const hello = update({ message: privateMessage(TEXT, MALLORY) });
	expect(await rig.take(hello)).toEqual([]);
	expect(rig.log.at(-1)?.[0]).toBe("telegram.stranger_unanswered");
});

test("a list that is changed counts at once", async () => {
	using rig = openRig();
	const hello = () => update({ message: privateMessage(TEXT) });
	expect(names(await rig.take(hello()))).toEqual(["say"]);
	rig.lists.allowed_users = [777];
	expect(names(await rig.take(hello()))).toEqual(["accept"]);
});

test("chats that are listed may be written to, others not", () => {
	using rig = openRig({ users: [777, -100555], groups: [-100123] });
	expect([777, -100123, 888, -100555].map(rig.access.isAllowedChat)).toEqual([
		true,
		true,
		false,
		false,
	]);
});

test("a code from a stranger lets them in, whichever way it is typed, and is good once", async () => {
	using rig = openRig({ users: [777] });
	const code = await rig.pairing.makeCode();
	const spaced = ` ${code.slice(0, 4).toLowerCase()}–${code.slice(4, 6)} ${code.slice(6)}\n`;
	const send = (text: string, from: object = MALLORY) =>
		update({ message: privateMessage({ text }, from) });
	const greeting =
		"Welcome: from now on you may talk to this Aeon. Write to me, or see /help.";
	expect(said(await rig.take(send(spaced)))).toEqual([greeting]);
	expect(names(await rig.take(send("hello")))).toEqual(["accept"]);
	expect(rig.pairing.list()).toEqual([
		{ id: 888, name: "Mallory", pairedAt: rig.clock.now() },
	]);
	const late = await rig.take(send(code, { ...MALLORY, id: 889 }));
	expect(said(late)).toEqual([STRANGER.replaceAll("888", "889")]);
});

test("a wrong code gets the short answer and costs one try, however often its update comes", async () => {
	using rig = openRig();
	const code = await rig.pairing.makeCode();
	const wrong = code.startsWith("2") ? "3AAAAAAA" : "2AAAAAAA";
	const send = (text: string) =>
		update({ message: privateMessage({ text }, MALLORY) });
	const once = send(wrong);
	expect(said(await rig.take(once, once, once, once, once))).toEqual([
		STRANGER,
	]);
	expect(await rig.take(send(wrong))).toEqual([]);
	expect(names(await rig.take(send(code)))).toEqual(["say"]);
	expect(rig.pairing.isPaired(888)).toBe(true);
});

test("a code does not let in a group, nor whoever writes as a chat", async () => {
	using rig = openRig({ groups: [-100123] });
	const code = await rig.pairing.makeCode();
	await rig.take(
		update({ message: groupMessage(mentioning(code), MALLORY) }),
		update({ message: groupMessage({ text: code }, MALLORY) }),
		update({ message: privateMessage({ text: code, sender_chat: CHANNEL }) }),
		update({ edited_message: privateMessage({ text: code }, MALLORY) }),
	);
	expect(rig.pairing.list()).toEqual([]);
});
