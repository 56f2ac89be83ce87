// What a person sees in WhatsApp: messages in, one visible outcome for each.

import { expect, test } from "bun:test";
import { gated, said } from "../../support/fake_llm.ts";
import { ANNA, BERT, type Chat, openChat, STRANGER } from "./rig.ts";

/** All that the model was told, in order, however it was put into turns. */
function heard({ requests }: Chat): string {
	return requests.map(said).join("\n\n");
}

/** What happened in a chat, in order. */
function kinds({ whatsapp }: Chat, number = ANNA): string[] {
	return whatsapp.moments(number).map(({ kind }) => kind);
}

test("a message of somebody who is listed is answered once in one message, and a stranger's never reaches the model", async () => {
	await using chat = await openChat();
	chat.whatsapp.say(ANNA, "hello, äöå 🌍 </b>");
	await chat.shows(1);
	chat.whatsapp.say(STRANGER, "let me in");
	const [told] = await chat.shows(1, STRANGER);
	expect(told).toContain(STRANGER);
	chat.whatsapp.say(STRANGER, "please");
	await chat.settled();
	expect(chat.texts(STRANGER)).toHaveLength(1);
	expect(chat.whatsapp.visible(ANNA)).toEqual([
		{
			id: expect.stringMatching(/^wamid\./),
			type: "text",
			text: "You said: hello, äöå 🌍 </b>",
		},
	]);
	expect(heard(chat)).toBe("hello, äöå 🌍 </b>");
	const client = await chat.aeon.connect();
	const { sessions } = await client.call("session.list");
	expect(sessions.map(({ sessionKey }) => sessionKey)).toEqual([
		`agent:main:whatsapp:${ANNA}`,
	]);
});

test("the same message three times is answered once, also through a restart", async () => {
	await using chat = await openChat();
	const id = chat.whatsapp.say(ANNA, "once");
	chat.whatsapp.repeat(id);
	await chat.shows(1);
	chat.whatsapp.repeat(id);
	await chat.settled();
	await chat.restart();
	chat.whatsapp.repeat(id);
	await chat.settled();
	expect(chat.texts()).toEqual(["You said: once"]);
	expect(heard(chat)).toBe("once");
	expect(new Set(chat.whatsapp.answers)).toEqual(new Set([200]));
});

test("several messages, changes and entries of one post all count, in their order", async () => {
	await using chat = await openChat();
	const { whatsapp } = chat;
	const text = (from: string, body: string) =>
		whatsapp.message(from, { type: "text", text: { body } });
	whatsapp.deliver([[[text(ANNA, "a"), text(ANNA, "b")]]]);
	await chat.until(() => heard(chat) !== "");
	whatsapp.deliver([
		[[text(ANNA, "c")], [text(ANNA, "d"), text(BERT, "x")]],
		[[text(ANNA, "e")]],
	]);
	await chat.until(() => whatsapp.pending() === 0);
	await chat.settled();
	const told = (number: string) =>
		chat
			.texts(number)
			.map((one) => one.replace("You said: ", ""))
			.join("\n\n");
	expect(told(ANNA)).toBe("a\n\nb\n\nc\n\nd\n\ne");
	expect(told(BERT)).toBe("x");
});

test("what is told of messages begins no turn, also of messages that nobody knows", async () => {
	await using chat = await openChat();
	const { whatsapp } = chat;
	whatsapp.statuses.isReading = true;
	whatsapp.say(ANNA, "hello");
	await chat.shows(1);
	whatsapp.statuses.tell("wamid.unknown", "sent");
	whatsapp.statuses.tell("wamid.unknown", "failed", { code: 131026 });
	await chat.settled();
	expect(new Set(whatsapp.answers)).toEqual(new Set([200]));
	expect(chat.texts()).toEqual(["You said: hello"]);
	expect(chat.requests).toHaveLength(1);
});

test("at the beginning of a turn its message is marked as read and typing shows, and not after the answer", async () => {
	const model = gated();
	await using chat = await openChat(() => model.answer("here"));
	const id = chat.whatsapp.say(ANNA, "hello");
	await chat.until(() => kinds(chat).includes("typing"));
	expect(chat.texts()).toEqual([]);
	model.open();
	await chat.shows(1);
	await chat.settled();
	const [answer] = chat.whatsapp.visible(ANNA);
	// Where the answer is faster than WhatsApp's to the typing, it is marked as read once more.
	const moments = chat.whatsapp
		.moments(ANNA)
		.filter(({ kind }, n) => kind !== "read" || n === 1);
	expect(moments).toEqual([
		{ kind: "heard", id },
		{ kind: "read", id },
		{ kind: "typing", id },
		{ kind: "message", id: answer?.id ?? "" },
	]);
});

test("a long answer comes in parts, in order", async () => {
	const lines = Array.from({ length: 1_000 }, (_, n) => `Line ${n} of many.`);
	await using chat = await openChat(() => ({ text: lines.join("\n") }));
	chat.whatsapp.say(ANNA, "tell me");
	await chat.shows(5);
	await chat.settled();
	const words = (texts: string[]) => texts.join("\n").match(/\S+/g);
	expect(words(chat.texts())).toEqual(words(lines));
	expect(chat.requests).toHaveLength(1);
});

test("while a turn runs, what comes is taken together into the next one, in order", async () => {
	const first = gated();
	await using chat = await openChat((request, n) =>
		n === 0 ? first.answer("one") : { text: `You said: ${said(request)}` },
	);
	chat.whatsapp.say(ANNA, "begin");
	await chat.until(() => chat.requests.length === 1);
	for (const text of ["a", "b", "c"]) chat.whatsapp.say(ANNA, text);
	await chat.until(() => chat.whatsapp.pending() === 0);
	first.open();
	expect(await chat.shows(2)).toEqual(["one", "You said: a\n\nb\n\nc"]);
	await chat.settled();
	expect(chat.requests).toHaveLength(2);
});

test("a post is answered with 200 while the model has not said a word", async () => {
	const model = gated();
	await using chat = await openChat(() => model.answer("at last"));
	chat.whatsapp.say(ANNA, "hello");
	await chat.until(() => chat.requests.length === 1);
	await chat.until(() => chat.whatsapp.pending() === 0);
	expect(chat.whatsapp.answers).toEqual([200]);
	expect(chat.texts()).toEqual([]);
	model.open();
	expect(await chat.shows(1)).toEqual(["at last"]);
});

test("/stop acts while a turn is blocked, every message has its outcome, and another person is answered", async () => {
	await using chat = await openChat((request, n) =>
		n === 0 ? { instead: "hang" } : { text: said(request) },
	);
	chat.whatsapp.say(ANNA, "block");
	await chat.until(() => chat.requests.length === 1);
	chat.whatsapp.say(ANNA, "waits");
	chat.whatsapp.say(ANNA, "waits, too");
	chat.whatsapp.say(BERT, "and me?");
	expect(await chat.shows(1, BERT)).toEqual(["and me?"]);
	chat.whatsapp.say(ANNA, "/stop");
	const shown = await chat.shows(3);
	expect(shown.sort()).toEqual(["Stopped.", "Stopped.", "Stopping."]);
	chat.whatsapp.say(ANNA, "go on");
	expect((await chat.shows(4))[3]).toEndWith("go on");
});

test("/new begins afresh at once, also while a turn hangs", async () => {
	await using chat = await openChat((request) =>
		said(request) === "hang" ? { instead: "hang" } : { text: said(request) },
	);
	chat.whatsapp.say(ANNA, "hang");
	await chat.until(() => chat.requests.length === 1);
	chat.whatsapp.say(ANNA, "/new");
	expect((await chat.shows(2)).sort()).toEqual([
		"A new conversation begins.",
		"Stopped.",
	]);
	chat.whatsapp.say(ANNA, "hello");
	expect((await chat.shows(3))[2]).toBe("hello");
	expect(chat.requests[1]?.body.messages).toHaveLength(1);
});

test("a command is asked about with buttons, which only the one may press whose message led to it, once", async () => {
	await using chat = await openChat((_request, n) =>
		n === 0
			? { toolCalls: [{ name: "exec", input: { command: "echo se''cret" } }] }
			: { text: "Done." },
	);
	chat.whatsapp.say(ANNA, "run it");
	const asked = () =>
		chat.whatsapp.visible(ANNA).find(({ buttons }) => buttons !== undefined);
	await chat.until(() => asked() !== undefined);
	expect(asked()?.text).toContain("echo se''cret");
	expect(asked()?.buttons?.map(({ title }) => title)).toContain("Yes");
	const { id = "", title = "" } = asked()?.buttons?.[0] ?? {};
	const reply = { type: "button_reply", button_reply: { id, title } };
	chat.whatsapp.send(BERT, { type: "interactive", interactive: reply });
	expect(await chat.shows(1, BERT)).toEqual(["This question is closed."]);
	expect(chat.requests).toHaveLength(1);
	chat.whatsapp.press(ANNA, "Yes");
	await chat.until(() => chat.texts().includes("Done."));
	expect(JSON.stringify(chat.requests[1]?.body)).toContain("secret");
	chat.whatsapp.press(ANNA, "Yes");
	await chat.settled();
	expect(chat.requests).toHaveLength(2);
});

test("a no is a no", async () => {
	await using chat = await openChat((_request, n) =>
		n === 0
			? { toolCalls: [{ name: "exec", input: { command: "echo se''cret" } }] }
			: { text: "As you like." },
	);
	chat.whatsapp.say(ANNA, "run it");
	await chat.until(() =>
		chat.whatsapp.visible(ANNA).some(({ buttons }) => buttons),
	);
	chat.whatsapp.press(ANNA, "No");
	await chat.until(() => chat.texts().includes("As you like."));
	expect(JSON.stringify(chat.requests[1]?.body)).not.toContain("secret");
});

test("a question that WhatsApp takes and then cannot deliver is a no", async () => {
	await using chat = await openChat((_request, n) =>
		n === 0
			? { toolCalls: [{ name: "exec", input: { command: "echo se''cret" } }] }
			: { text: "Nobody could be asked." },
	);
	const { whatsapp } = chat;
	whatsapp.say(ANNA, "run it");
	const asked = () => whatsapp.visible(ANNA).find(({ buttons }) => buttons);
	await chat.until(() => asked() !== undefined && whatsapp.pending() === 0);
	whatsapp.statuses.tell(asked()?.id ?? "", "failed", { code: 131026 });
	await chat.until(() => chat.texts().includes("Nobody could be asked."));
	expect(JSON.stringify(chat.requests[1]?.body)).not.toContain("secret");
});

test("a reaction begins no turn and is noted in the next one", async () => {
	await using chat = await openChat();
	chat.whatsapp.say(ANNA, "hello");
	await chat.shows(1);
	const [answer] = chat.whatsapp.visible(ANNA);
	chat.whatsapp.react(ANNA, answer?.id ?? "", "👍");
	await chat.settled();
	expect(chat.requests).toHaveLength(1);
	expect(chat.texts()).toHaveLength(1);
	chat.whatsapp.say(ANNA, "go on");
	await chat.shows(2);
	expect(heard(chat)).toContain("👍");
	expect(heard(chat)).toContain("go on");
	chat.whatsapp.say(ANNA, "and on");
	await chat.shows(3);
	expect(said(chat.requests[2] as never)).not.toContain("👍");
});

test("a reply says what it replies to", async () => {
	await using chat = await openChat((request, n) => ({
		text: n === 0 ? "The first answer." : said(request),
	}));
	chat.whatsapp.say(ANNA, "hello");
	await chat.shows(1);
	const [answer] = chat.whatsapp.visible(ANNA);
	chat.whatsapp.say(ANNA, "why?", {
		context: { from: chat.whatsapp.displayNumber, id: answer?.id },
	});
	const [, shown] = await chat.shows(2);
	expect(shown).toContain("The first answer.");
	expect(shown).toContain("why?");
});

test("in an agent of its own, a person has a session and a model of its own", async () => {
	await using chat = await openChat(undefined);
	const { main } = JSON.parse(
		await Bun.file(`${chat.aeon.home}/.aeon/aeon.json`).text(),
	).agents;
	chat.whatsapp.say(ANNA, "a secret of main");
	await chat.shows(1);
	await chat.restart(
		{ agent: "support" },
		{ agents: { support: { ...main, model: "fake-2" } } },
	);
	chat.whatsapp.say(ANNA, "help");
	expect((await chat.shows(2))[1]).toBe("You said: help");
	expect(chat.requests[1]?.body.model).toBe("fake-2");
	expect(JSON.stringify(chat.requests[1]?.body)).not.toContain("secret");
	const client = await chat.aeon.connect();
	const { sessions } = await client.call("session.list");
	expect(sessions.map(({ sessionKey }) => sessionKey).sort()).toEqual([
		`agent:main:whatsapp:${ANNA}`,
		`agent:support:whatsapp:${ANNA}`,
	]);
});

test("what is not signed with the app's secret does nothing", async () => {
	await using chat = await openChat();
	const { whatsapp } = chat;
	const forged = whatsapp.payload([
		[
			{
				messages: [
					whatsapp.message(ANNA, { type: "text", text: { body: "forged" } }),
				],
			},
		],
	]);
	for (const signature of [null, "", "sha256=", `sha256=${"0".repeat(64)}`])
		expect(await whatsapp.post(forged, signature)).toBe(401);
	await chat.settled();
	expect(kinds(chat)).toEqual(["heard"]);
	expect(chat.requests).toHaveLength(0);
	expect(await whatsapp.post(forged)).toBe(200);
	expect(await chat.shows(1)).toEqual(["You said: forged"]);
});

test("a message whose sending got no answer is not sent again where Meta tells of it", async () => {
	await using chat = await openChat();
	chat.whatsapp.fail({ method: "messages", mode: "reset_after" });
	chat.whatsapp.say(ANNA, "once");
	await chat.shows(1);
	await chat.settled();
	chat.whatsapp.statuses.mode = "held";
	chat.whatsapp.fail({ method: "messages", mode: "reset_after" });
	chat.whatsapp.say(ANNA, "late");
	await chat.shows(2);
	chat.whatsapp.statuses.release();
	await chat.settled();
	chat.whatsapp.say(ANNA, "again");
	await chat.shows(3);
	await chat.settled();
	expect(chat.texts()).toEqual([
		"You said: once",
		"You said: late",
		"You said: again",
	]);
});
