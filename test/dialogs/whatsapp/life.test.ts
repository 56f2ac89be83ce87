// A whole Aeon with WhatsApp: what it is like to start it, to get it wrong, and to put it right.

import { expect, test } from "bun:test";
import { run } from "../../support/command.ts";
import { gated, said } from "../../support/fake_llm.ts";
import { startFakeTelegram } from "../../support/fake_telegram.ts";
import { startFakeWhatsApp } from "../../support/fake_whatsapp.ts";
import {
	config,
	modelSaying,
	openServer,
	type TestServer,
	writeConfig,
} from "../../support/server.ts";
import { until } from "../../support/until.ts";
import type { WireClient } from "../../support/wire.ts";
import {
	ANNA,
	BERT,
	type Chat,
	openChat,
	optionsFor,
	STRANGER,
	VERIFY_TOKEN,
} from "./rig.ts";

const CLOSED =
	"dialogs.whatsapp has no app_secret, so nobody could tell Meta's messages from anybody's: /webhooks/whatsapp is closed and no message comes in. Put the app's secret there and start again";

const NO_NUMBER =
	'"anna" is no phone number: write it with its country code, such as +15551234567';

/** The first one of Telegram's list, and the second. */
const OWNER = 777;
const OTHER = 778;

/** Between two looks at how the dialog is. */
const LOOK_MS = 10;

/** How the dialog is, as `aeon status` has it. */
async function statusOf(client: WireClient) {
	const { dialogs } = await client.call("status");
	return dialogs.find(({ name }) => name === "whatsapp");
}

/** Resolves with how the dialog is once it is in this state. */
async function reaches(client: WireClient, state: string) {
	for (;;) {
		const status = await statusOf(client);
		if (status?.state === state) return status;
		await Bun.sleep(LOOK_MS);
	}
}

const send = (client: WireClient, to: string, text: string) =>
	client.call("dialog.send", { dialog: "whatsapp", to, text });

/** The texts that Meta was asked to send. */
const asked = ({ whatsapp }: Pick<Chat, "whatsapp">) =>
	whatsapp.calls.flatMap(({ method, body }) =>
		method === "messages" ? [body.text?.body] : [],
	);

test.each([
	["none", undefined],
	["an empty one", ""],
	["a blank one", "   "],
])(
	"without an app secret, or with %s, nothing comes in, the log and the status say so, and all else works",
	async (_what, app_secret) => {
		const whatsapp = await startFakeWhatsApp();
		using model = await modelSaying(() => ({ text: "Here." }));
		await using aeon: TestServer = await openServer(
			config(model.agent, {
				dialogs: { whatsapp: { ...optionsFor(whatsapp), app_secret } },
			}),
		);
		using client = await aeon.connect();
		expect(await reaches(client, "stopped")).toEqual({
			name: "whatsapp",
			state: "stopped",
			problem: CLOSED,
		});
		const [first] = aeon.logged("whatsapp.closed");
		expect(first).toMatchObject({ level: "warn", reason: CLOSED });
		const query = new URLSearchParams({
			"hub.mode": "subscribe",
			"hub.challenge": "1",
			"hub.verify_token": VERIFY_TOKEN,
		});
		for (const init of [{}, { method: "POST", body: "{}" }]) {
			const path = `/webhooks/whatsapp?${query}`;
			expect((await aeon.get(path, init)).status).toBe(404);
		}
		await send(client, ANNA, "good morning");
		await whatsapp.until(() => whatsapp.visible(ANNA).length === 1);
		expect(whatsapp.visible(ANNA)[0]?.text).toBe("good morning");
		const { text } = await client.call("agent.send", {
			message: "hi",
			wait: true,
		});
		expect(text).toBe("Here.");
		await whatsapp.stop();
		expect(whatsapp.violations).toEqual([]);
	},
);

test("an empty list lets nobody in, and the start says so", async () => {
	await using chat = await openChat(undefined, { allowed_users: [] });
	const { aeon, whatsapp } = chat;
	const reason =
		"dialogs.whatsapp lists no number, so nobody may talk to Aeon there: add one to allowed_users, or run aeon pair whatsapp";
	const warnings = () =>
		aeon.logged("whatsapp.nobody").map((one) => [one.level, one.reason]);
	expect(warnings()).toEqual([["warn", reason]]);
	whatsapp.say(ANNA, "let me in");
	const [told] = await chat.shows(1);
	expect(told).toStartWith(`Your WhatsApp number is ${ANNA}.`);
	await chat.settled();
	expect(chat.requests).toEqual([]);
	await chat.restart({ allowed_users: [ANNA] });
	expect(warnings()).toHaveLength(1);
	whatsapp.say(ANNA, "and now?");
	expect((await chat.shows(2))[1]).toBe("You said: and now?");
});

test("started without a network, it goes on by itself once there is one, and sends what has waited", async () => {
	await using chat = await openChat();
	const { whatsapp } = chat;
	await whatsapp.refuse();
	await chat.restart();
	using client = await chat.aeon.connect();
	expect((await reaches(client, "retrying")).problem).toMatch(
		/^WhatsApp cannot be reached/,
	);
	await send(client, ANNA, "good morning");
	whatsapp.say(BERT, "hello");
	await chat.until(() => whatsapp.pending() === 0);
	await whatsapp.accept();
	await reaches(client, "running");
	expect(await chat.shows(1, BERT)).toEqual(["You said: hello"]);
	expect(await chat.shows(1)).toEqual(["good morning"]);
	await chat.settled();
	expect(asked(chat)).toHaveLength(2);
});

test("a refused token at the start stops it, keeps what it has to say, and the right one sends it", async () => {
	await using chat = await openChat();
	await chat.restart({ access_token: "EAAOutOfDate" });
	using client = await chat.aeon.connect();
	expect(await reaches(client, "stopped")).toEqual({
		name: "whatsapp",
		state: "stopped",
		problem: "WhatsApp does not accept the access token (190)",
	});
	chat.whatsapp.say(ANNA, "hello");
	await chat.until(() => chat.requests.length === 1);
	await chat.until(() => chat.whatsapp.pending() === 0);
	await client.event("session.updated");
	expect(asked(chat)).toEqual([]);
	expect(JSON.stringify(chat.aeon.log())).not.toContain("EAAOutOfDate");
	await chat.restart();
	expect(await chat.shows(1)).toEqual(["You said: hello"]);
	await chat.settled();
	expect(asked(chat)).toEqual(["You said: hello"]);
});

/** A chat beside which Telegram runs, too. */
async function openBoth() {
	const telegram = await startFakeTelegram();
	const chat = await openChat(
		undefined,
		{},
		{
			dialogs: {
				telegram: {
					enabled: true,
					bot_token: telegram.token,
					api_root: telegram.url,
					allowed_users: [OWNER, OTHER],
				},
			},
		},
	);
	const told = (to: number) => telegram.visible(to).map(({ text }) => text);
	return {
		chat,
		telegram,
		client: await chat.aeon.connect(),
		told,
		async hears(count: number) {
			await until(() => told(OWNER).length >= count);
			return told(OWNER);
		},
		async [Symbol.asyncDispose]() {
			await chat[Symbol.asyncDispose]();
			await telegram.stop();
			expect(telegram.violations).toEqual([]);
		},
	};
}

test.each([
	[190, "WhatsApp does not accept the access token"],
	[
		368,
		"WhatsApp has blocked the business account for breaking its rules: Meta's Business Support Home tells why",
	],
])(
	"where WhatsApp says %i in the middle, the dialog stops, its owner hears it in Telegram, and the message is kept",
	async (code, sentence) => {
		await using it = await openBoth();
		const { chat, client } = it;
		await reaches(client, "running");
		const times = Number.POSITIVE_INFINITY;
		chat.whatsapp.fail({ method: "messages", code, times });
		await send(client, ANNA, "kept");
		await send(client, BERT, "kept, too");
		const { problem } = await reaches(client, "stopped");
		expect(problem).toBe(`${sentence} (${code})`);
		expect(await it.hears(1)).toEqual([`whatsapp does not work. ${problem}`]);
		expect((await statusOf(client))?.lastFailure).toBeUndefined();
		chat.whatsapp.mend();
		await chat.restart();
		expect(await chat.shows(1)).toEqual(["kept"]);
		expect(await chat.shows(1, BERT)).toEqual(["kept, too"]);
		await chat.settled();
		expect(it.told(OTHER)).toEqual([]);
	},
);

test.each(["refused", "reported"] as const)(
	"what WhatsApp does not take of a person who wrote too long ago (%s) is not sent again, and known to the owner",
	async (how) => {
		await using it = await openBoth();
		const { chat, client } = it;
		chat.whatsapp.keepWindow(how);
		await send(client, ANNA, "are you there?");
		const [told = ""] = await it.hears(1);
		await chat.settled();
		expect(asked(chat)).toEqual(["are you there?"]);
		const reason =
			"WhatsApp lets Aeon write only within 24 hours after a person's last message: they have to write first. WhatsApp said 131047";
		expect(told).toStartWith(
			`What I had to say to ${ANNA} in whatsapp could not be delivered. ${reason}`,
		);
		const lastFailure = {
			at: expect.any(Number),
			reason: expect.stringContaining(reason),
		};
		expect(await statusOf(client)).toEqual({
			name: "whatsapp",
			state: "running",
			lastFailure,
		});
		expect(chat.aeon.logged("message.failed")).toMatchObject([
			{ level: "error", to: ANNA, reason: lastFailure.reason },
		]);
		expect(it.told(OTHER)).toEqual([]);
	},
);

test("what Telegram does not take is told in WhatsApp, to the first one of its list", async () => {
	await using it = await openBoth();
	const { chat, client, telegram } = it;
	const description = "Forbidden: bot was blocked by the user";
	telegram.fail({ method: "*", status: 403, description, times: 9 });
	const to = `${OTHER}`;
	await client.call("dialog.send", { dialog: "telegram", to, text: "hello" });
	const [told = ""] = await chat.shows(1);
	expect(told).toStartWith(
		`What I had to say to ${OTHER} in telegram could not be delivered. `,
	);
	await chat.settled();
	expect([chat.texts(), chat.texts(BERT)]).toEqual([[told], []]);
	telegram.mend();
});

test("where there is no other dialog, what was lost stands in the log and in the status", async () => {
	await using chat = await openChat();
	using client = await chat.aeon.connect();
	chat.whatsapp.keepWindow("refused");
	await send(client, ANNA, "are you there?");
	await until(async () => !!(await statusOf(client))?.lastFailure);
	await chat.settled();
	expect(asked(chat)).toEqual(["are you there?"]);
	expect(chat.aeon.logged("message.failed")).toHaveLength(1);
	expect(chat.aeon.logged("alarm.unsaid")).toEqual([]);
});

test("a code from aeon pair lets somebody in: greeted once, and answered from then on", async () => {
	await using chat = await openChat(undefined, { allowed_users: [] });
	const { whatsapp, aeon } = chat;
	const { code, out } = await run(["pair", "whatsapp"], { home: aeon.home });
	expect(code).toBe(0);
	const id = whatsapp.say(STRANGER, ` ${out.slice(0, 8).toLowerCase()} `);
	whatsapp.repeat(id);
	await chat.shows(1, STRANGER);
	whatsapp.say(STRANGER, "hello");
	await chat.shows(2, STRANGER);
	await chat.settled();
	expect(chat.texts(STRANGER)).toEqual([
		"Welcome: from now on you may talk to this Aeon. Write to me, or see /help.",
		"You said: hello",
	]);
	expect(chat.requests.map(said)).toEqual(["hello"]);
	whatsapp.say(ANNA, out.slice(0, 8));
	const [told] = await chat.shows(1);
	expect(told).toStartWith(`Your WhatsApp number is ${ANNA}.`);
	await chat.restart();
	whatsapp.say(STRANGER, "still there?");
	expect((await chat.shows(3, STRANGER))[2]).toBe("You said: still there?");
	expect(aeon.logged("whatsapp.nobody")).toHaveLength(1);
});

test("from another dialog a model may write to those who may talk to Aeon, however their number is written", async () => {
	const numbers = ["+1 (555) 010-0001", STRANGER, "anna"];
	await using chat = await openChat((_request, n) => {
		const to = numbers[n];
		if (to === undefined) return { text: "Done." };
		const input = { text: `to ${to}`, dialog: "whatsapp", to };
		return { toolCalls: [{ name: "message_send", input }] };
	});
	using client = await chat.aeon.connect();
	const sessionKey = "agent:main:ws:local";
	await client.call("agent.send", { message: "tell", sessionKey, wait: true });
	const page = { sessionKey, limit: 50 };
	const { messages } = await client.call("session.history", page);
	const results = messages.filter(({ role }) => role === "tool");
	expect(results.map(({ content }) => content)).toEqual([
		`Sent to whatsapp:${ANNA}.`,
		`The message was not sent: whatsapp:${STRANGER} may not be written to from here: leave out dialog and to, and it goes to this chat`,
		`The message was not sent: ${NO_NUMBER}`,
	]);
	expect(await chat.shows(1)).toEqual(["to +1 (555) 010-0001"]);
	await chat.settled();
	expect(asked(chat)).toHaveLength(1);
	const [sent] = chat.whatsapp.visible(ANNA);
	chat.whatsapp.say(ANNA, "why?", {
		context: { from: chat.whatsapp.displayNumber, id: sent?.id },
	});
	await chat.shows(2);
	expect(said(chat.requests.at(-1) as never)).toContain("to +1 (555) 010-0001");
});

test("whom dialog.send does not know for a number it refuses at once, with a sentence", async () => {
	await using chat = await openChat();
	using client = await chat.aeon.connect();
	const params = { dialog: "whatsapp", to: "anna", text: "hello" };
	expect(await client.refused("dialog.send", params)).toMatchObject({
		code: "INVALID_REQUEST",
		message: NO_NUMBER,
	});
	await chat.settled();
	expect(asked(chat)).toEqual([]);
	expect(chat.aeon.logged("message.failed")).toEqual([]);
});

test("another agent in the dialog's section counts for the next message after a reload", async () => {
	await using chat = await openChat();
	const { aeon, whatsapp } = chat;
	whatsapp.say(ANNA, "to main");
	await chat.shows(1);
	const sections = JSON.parse(
		await Bun.file(`${aeon.home}/.aeon/aeon.json`).text(),
	);
	const { main } = sections.agents;
	sections.agents.support = { ...main, model: "fake-2" };
	sections.dialogs.whatsapp.agent = "support";
	writeConfig(aeon.home, sections);
	await aeon.serving.reload();
	whatsapp.say(ANNA, "to support");
	await chat.shows(2);
	await chat.settled();
	expect(chat.requests.map(({ body }) => body.model)).toEqual([
		"fake-1",
		"fake-2",
	]);
	using client = await aeon.connect();
	const { sessions } = await client.call("session.list");
	expect(sessions.map(({ sessionKey }) => sessionKey).sort()).toEqual([
		`agent:main:whatsapp:${ANNA}`,
		`agent:support:whatsapp:${ANNA}`,
	]);
});

test("another verify token counts after a reload", async () => {
	await using chat = await openChat();
	const { aeon, whatsapp } = chat;
	const file = `${aeon.home}/.aeon/aeon.json`;
	const sections = JSON.parse(await Bun.file(file).text());
	sections.dialogs.whatsapp.verify_token = "another-word";
	writeConfig(aeon.home, sections);
	await aeon.serving.reload();
	const address = `http://127.0.0.1:${aeon.port}/webhooks/whatsapp`;
	const old = whatsapp.subscribe(address, VERIFY_TOKEN);
	await expect(old).rejects.toThrow("the handshake failed: 403");
	await whatsapp.subscribe(address, "another-word");
	whatsapp.say(ANNA, "hello");
	expect(await chat.shows(1)).toEqual(["You said: hello"]);
});

test("the newest of the messages that a turn answers is marked as read, which marks all before it", async () => {
	const first = gated();
	await using chat = await openChat((request, n) =>
		n === 0 ? first.answer("one") : { text: said(request) },
	);
	const { whatsapp } = chat;
	whatsapp.say(ANNA, "begin");
	await chat.until(() => chat.requests.length === 1);
	const ids = ["a", "b", "c"].map((text) => whatsapp.say(ANNA, text));
	await chat.until(() => whatsapp.pending() === 0);
	first.open();
	await chat.shows(2);
	const read = () =>
		whatsapp.moments(ANNA).filter(({ kind }) => kind === "read");
	const newest = ids[2] ?? "";
	await chat.until(() => read().some(({ id }) => id === newest));
	await chat.settled();
	expect(read().filter(({ id }) => ids.slice(0, 2).includes(id))).toEqual([]);
});

test("a turn that goes on after a restart is seen to be under way, at the message that it answers", async () => {
	const model = gated();
	await using chat = await openChat((_request, n) =>
		n === 0 ? { instead: "hang" } : model.answer("here"),
	);
	const { whatsapp } = chat;
	const id = whatsapp.say(ANNA, "hello");
	await chat.until(() => chat.requests.length === 1);
	const shown = () =>
		whatsapp.moments(ANNA).filter(({ kind }) => kind === "typing");
	await chat.until(() => shown().length === 1);
	await chat.restart();
	await chat.until(() => shown().length === 2);
	expect(shown()).toEqual(Array(2).fill({ kind: "typing", id }));
	model.open();
	expect(await chat.shows(1)).toEqual(["here"]);
});

test("a command is marked as read, and where that fails nothing comes of it", async () => {
	await using chat = await openChat();
	const { whatsapp } = chat;
	const reads = () => whatsapp.calls.filter(({ method }) => method === "read");
	whatsapp.fail({ method: "read" });
	whatsapp.say(ANNA, "/usage");
	await chat.until(() => reads().length === 1);
	const id = whatsapp.say(ANNA, "/usage");
	await chat.until(() =>
		whatsapp.moments(ANNA).some((one) => one.kind === "read"),
	);
	expect(whatsapp.moments(ANNA)).toContainEqual({ kind: "read", id });
	expect(whatsapp.moments(ANNA).map(({ kind }) => kind)).not.toContain(
		"typing",
	);
	expect(await chat.shows(2)).toHaveLength(2);
	using client = await chat.aeon.connect();
	expect((await client.call("status")).faults).toBe(0);
});
