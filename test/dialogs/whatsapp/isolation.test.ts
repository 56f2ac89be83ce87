// What one person says is never in a request that is made for another one.

import { expect, test } from "bun:test";
import { type FakeRequest, isOfTurn, said } from "../../support/fake_llm.ts";
import { randomFrom } from "../../support/random.ts";
import { ANNA, BERT, type Chat, openChat } from "./rig.ts";

const ROUNDS = 100;
/** No more waits than a session takes. */
const MAX_WAITING = 15;
const GIVEN_MS = 60_000;

/** Whose secrets a text has in it, each once. */
function ownersIn(text: string): string[] {
	const found = text.matchAll(/secret-([a-z]+)-\d+/g);
	return [...new Set([...found].map(([, owner = ""]) => owner))];
}

/** Whose secrets a request has in it. */
function ownersOf(request: FakeRequest): string {
	return ownersIn(JSON.stringify(request.body)).join(" and ");
}

/** How many of a person's first messages no request has yet. */
function unanswered({ requests }: Chat, name: string, count: number): number {
	const last = requests.findLast(
		(one) => isOfTurn(one) && ownersOf(one).includes(name),
	);
	const numbers = JSON.stringify(last?.body ?? "").matchAll(
		new RegExp(`secret-${name}-(\\d+)`, "g"),
	);
	return count - 1 - Math.max(-1, ...[...numbers].map(([, n]) => Number(n)));
}

test(
	`two people say ${ROUNDS} secrets each at the same time: none is in a request for the other one, nor in the other's chat`,
	async () => {
		const random = randomFrom(5);
		await using chat = await openChat((request, n) => {
			const text = said(request);
			// Some turns have a step more, with a tool's result between.
			const call = { name: "file_read", input: { path: "nothing.txt" } };
			return n % 7 === 0 && text.startsWith("This is")
				? { text: "Let me see. ", toolCalls: [call] }
				: { text: `Heard: ${text.match(/secret-[a-z]+-\d+/g)?.join(" ")}` };
		});
		const people = [
			{ number: ANNA, name: "anna" },
			{ number: BERT, name: "bert" },
		];
		const { whatsapp } = chat;
		for (let n = 0; n < ROUNDS; n++) {
			await chat.until(() =>
				people.every(({ name }) => unanswered(chat, name, n) < MAX_WAITING),
			);
			const messages = people.map(({ number, name }) =>
				whatsapp.message(number, {
					type: "text",
					text: { body: `This is secret-${name}-${n}` },
				}),
			);
			// Both in one change, in two changes, in two entries, or in two posts.
			const [first = {}, second = {}] = messages;
			const how = Math.floor(random() * 4);
			if (how === 0) whatsapp.deliver([[messages]]);
			else if (how === 1) whatsapp.deliver([[[first], [second]]]);
			else if (how === 2) whatsapp.deliver([[[first]], [[second]]]);
			else for (const one of messages) whatsapp.deliver([[[one]]]);
		}
		await chat.until(() =>
			people.every(({ name }) => unanswered(chat, name, ROUNDS) === 0),
		);
		await chat.settled();
		expect([...new Set(chat.requests.map(ownersOf))].sort()).toEqual([
			"anna",
			"bert",
		]);
		const asked = chat.requests.map(({ body }) => JSON.stringify(body)).join();
		for (const { number, name } of people) {
			expect(ownersIn(chat.texts(number).join())).toEqual([name]);
			const lost = Array.from({ length: ROUNDS }, (_, n) => n).filter(
				(n) => !new RegExp(`secret-${name}-${n}\\b`).test(asked),
			);
			expect(lost).toEqual([]);
		}
	},
	GIVEN_MS,
);
