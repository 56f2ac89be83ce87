// What one person says is never in a request that is made for another one.

import { expect, test } from "bun:test";
import { type FakeRequest, isOfTurn, said } from "../../support/fake_llm.ts";
import { randomFrom } from "../../support/random.ts";
import { until } from "../../support/until.ts";
import { ANNA, BERT, type Chat, GROUP, openChat } from "./chat.ts";

const ROUNDS = 100;
/** What waits is taken together, but not all of it. */
const MIN_TURNS = 20;
const GIVEN_MS = 60_000;

/** Whose secrets a request has in it, each once. */
function ownersIn(request: FakeRequest): string[] {
	const found = JSON.stringify(request.body).matchAll(
		/secret-([a-z0-9]+)-\d+/g,
	);
	return [...new Set([...found].map(([, owner = ""]) => owner))];
}

/** The owners of each request, which have to be one, and how many requests each has. */
function countRequests({ requests }: Chat): Record<string, number> {
	const counts: Record<string, number> = {};
	for (const request of requests) {
		const owners = ownersIn(request).join(" and ");
		counts[owners] = (counts[owners] ?? 0) + 1;
	}
	return counts;
}

/** What a chat shows in one text. */
function whole(chat: Chat, chatId: number): string {
	return chat.texts(chatId).join("\n");
}

test(
	`two people say ${ROUNDS} secrets each at the same time: none is in a request for the other one, nor in the other's chat`,
	async () => {
		const random = randomFrom(4);
		await using chat = await openChat(async (request, n) => {
			await Bun.sleep(random() * 10);
			const text = said(request);
			// Some turns have a step more, with a tool's result between.
			const call = { name: "file_read", input: { path: "nothing.txt" } };
			return n % 7 === 0 && text.startsWith("This is")
				? { text: "Let me see. ", toolCalls: [call] }
				: { text: `Heard: ${text.match(/secret-[a-z]+-\d+/g)?.join(" ")}` };
		});
		const people = [
			{ id: ANNA, name: "anna" },
			{ id: BERT, name: "bert" },
		];
		for (let n = 0; n < ROUNDS; n++)
			for (const { id, name } of people) {
				// No more waits than a session takes.
				await until(() => unanswered(chat, name, n) < 15);
				chat.telegram.say(id, `This is secret-${name}-${n}`);
				if (random() < 0.3) await Bun.sleep(random() * 20);
			}
		await until(() =>
			people.every(({ name }) => unanswered(chat, name, ROUNDS) === 0),
		);
		await chat.shows(1, ANNA);
		await chat.shows(1, BERT);
		const counts = countRequests(chat);
		expect(Object.keys(counts).sort()).toEqual(["anna", "bert"]);
		expect(Math.min(...Object.values(counts))).toBeGreaterThan(MIN_TURNS);
		expect(whole(chat, ANNA)).toContain("secret-anna");
		expect(whole(chat, ANNA)).not.toContain("secret-bert");
		expect(whole(chat, BERT)).toContain("secret-bert");
		expect(whole(chat, BERT)).not.toContain("secret-anna");
		const last = (name: string) =>
			chat.requests.findLast(
				(one) => isOfTurn(one) && ownersIn(one).includes(name),
			);
		for (const { name } of people)
			expect(JSON.stringify(last(name)?.body)).toContain(
				`secret-${name}-${ROUNDS - 1}`,
			);
		expect(chat.telegram.violations).toEqual([]);
	},
	GIVEN_MS,
);

/** How many of a person's first messages no request has yet. */
function unanswered({ requests }: Chat, name: string, count: number): number {
	const last = requests.findLast(
		(one) => isOfTurn(one) && ownersIn(one).includes(name),
	);
	const numbers = [
		...JSON.stringify(last?.body ?? "").matchAll(
			new RegExp(`secret-${name}-(\\d+)`, "g"),
		),
	].map(([, n]) => Number(n));
	return count - 1 - Math.max(-1, ...numbers);
}

test("the topics of a group, the group itself and a private chat with one of its people know nothing of each other", async () => {
	await using chat = await openChat(
		(request) => ({ text: `Heard: ${said(request).length}` }),
		{ allowed_groups: [GROUP] },
	);
	const mention = "@fake_test_bot";
	const from = { id: ANNA, is_bot: false, first_name: "Anna" };
	const places: [name: string, extra: object][] = [
		["group", { from }],
		["seven", { from, message_thread_id: 7, is_topic_message: true }],
		["eight", { from, message_thread_id: 8, is_topic_message: true }],
	];
	await until(() => chat.telegram.pollers() === 1);
	for (let n = 0; n < 5; n++) {
		for (const [name, extra] of places)
			chat.telegram.say(GROUP, `${mention} secret-${name}-${n}`, extra);
		chat.telegram.say(ANNA, `secret-private-${n}`);
		await until(
			() =>
				chat.texts(GROUP).length === 3 * (n + 1) &&
				chat.texts(ANNA).length === n + 1,
		);
	}
	expect(countRequests(chat)).toEqual({
		group: 5,
		seven: 5,
		eight: 5,
		private: 5,
	});
	expect(
		chat.telegram
			.visible(GROUP)
			.map(({ topic }) => topic ?? 0)
			.sort(),
	).toEqual([0, 0, 0, 0, 0, 7, 7, 7, 7, 7, 8, 8, 8, 8, 8]);
	expect(chat.telegram.violations).toEqual([]);
});

test("another agent in the same chat begins without what was said to the first one, which still knows it", async () => {
	await using chat = await openChat();
	chat.telegram.say(ANNA, "secret-first-0");
	await chat.shows(1);
	const { main } = JSON.parse(await configOf(chat)).agents;
	await chat.restartWith({ agent: "other" }, { agents: { other: main } });
	chat.telegram.say(ANNA, "secret-second-0");
	await chat.shows(2);
	await chat.restartWith({ agent: "main" }, { agents: { other: main } });
	chat.telegram.say(ANNA, "secret-first-1");
	await chat.shows(3);
	expect(chat.requests.map(ownersIn)).toEqual([
		["first"],
		["second"],
		["first"],
	]);
	expect(JSON.stringify(chat.requests[2]?.body)).toContain("secret-first-0");
});

function configOf({ aeon }: Chat): Promise<string> {
	return Bun.file(`${aeon.home}/.aeon/aeon.json`).text();
}
