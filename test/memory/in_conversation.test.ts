// What is remembered, as conversations use it: the whole of Aeon with a fake model.

import { expect, test } from "bun:test";
import { openTestAeon, type TestAeon } from "../support/aeon.ts";
import {
	type FakeAnswer,
	type FakeRequest,
	said,
	startFakeLlm,
} from "../support/fake_llm.ts";
import { randomFrom } from "../support/random.ts";

const ANNA = "agent:main:telegram:777";
const BEN = "agent:main:telegram:888";
const ROUNDS = 100;
const GIVEN_MS = 60_000;

/** The text of a message that makes the model remember the rest of it. */
const REMEMBER = /^Remember: (.+)/;

/** A model that keeps what it is told to keep, forgets what it is told to forget, and looks for what it is told to find. */
function script(request: FakeRequest): FakeAnswer {
	const text = said(request);
	const call = (name: string, input: object) => ({
		toolCalls: [{ name, input: input as Record<string, unknown> }],
	});
	const [, fact] = REMEMBER.exec(text) ?? [];
	if (fact) return call("memory_save", { text: fact });
	const [, id] = /^Forget (\d+)/.exec(text) ?? [];
	if (id) return call("memory_forget", { id: Number(id) });
	const [, words] = /^Find (.+)/.exec(text) ?? [];
	if (words) return call("memory_search", { query: words });
	const [, earlier] = /^Look back for (.+)/.exec(text) ?? [];
	if (earlier) return call("session_search", { query: earlier });
	return { text: `Yes: ${text}` };
}

interface Talk extends AsyncDisposable {
	one: TestAeon;
	requests: FakeRequest[];
	/** Says something and gives the request that it was first put into, as one text. */
	asked(text: string, sessionKey: string): Promise<string>;
}

async function openTalk(sections: object = {}): Promise<Talk> {
	const llm = await startFakeLlm({ api: "openai", script });
	const one = await openTestAeon(
		{ provider: "openai", model: "fake", base_url: llm.url },
		sections,
	);
	return {
		one,
		requests: llm.requests,
		async asked(text, sessionKey) {
			const before = llm.requests.length;
			await one.say(text, sessionKey);
			return JSON.stringify(llm.requests[before]?.body.messages);
		},
		async [Symbol.asyncDispose]() {
			await one[Symbol.asyncDispose]();
			llm.stop();
		},
	};
}

test("what somebody had remembered is before the model in another conversation of theirs, when it matters", async () => {
	await using talk = await openTalk();
	await talk.asked("Remember: Anna's sister Clara is allergic to nuts", ANNA);
	await talk.one.aeon.runtime.reset(ANNA);
	expect(await talk.asked("What shall I cook for Clara?", ANNA)).toContain(
		"allergic to nuts",
	);
	await talk.one.aeon.runtime.reset(ANNA);
	expect(await talk.asked("How high is the Zugspitze?", ANNA)).not.toContain(
		"allergic",
	);
});

test("what was remembered stands in one place of a conversation, so that each request begins with the one before", async () => {
	await using talk = await openTalk();
	await talk.asked("Remember: the bicycle is in the cellar", ANNA);
	await talk.one.aeon.runtime.reset(ANNA);
	await talk.asked("Where is my bicycle?", ANNA);
	await talk.asked("And is the bicycle locked?", ANNA);
	await talk.asked("Thanks", ANNA);
	const messages = talk.requests
		.slice(2)
		.map(({ body }) => body.messages.map((one) => JSON.stringify(one)));
	for (const [n, later] of messages.slice(1).entries())
		expect(later.slice(0, messages[n]?.length)).toEqual(messages[n] ?? []);
	const last = messages.at(-1) ?? [];
	const showing = last.filter(
		(one) => one.includes('"user"') && one.includes("in the cellar"),
	);
	expect(showing).toHaveLength(1);
});

test("memory.recall: false shows the model nothing unasked, and the tools work all the same", async () => {
	await using talk = await openTalk({ memory: { recall: false } });
	await talk.asked("Remember: the bicycle is in the cellar", ANNA);
	await talk.one.aeon.runtime.reset(ANNA);
	expect(await talk.asked("Where is my bicycle?", ANNA)).not.toContain(
		"cellar",
	);
	expect((await talk.one.say("Find bicycle", ANNA)).text).toContain("cellar");
});

test("what is forgotten is gone", async () => {
	await using talk = await openTalk();
	await talk.asked("Remember: the bicycle is in the cellar", ANNA);
	const [fact] = await talk.one.aeon.memory.list({});
	await talk.asked(`Forget ${fact?.id}`, ANNA);
	await talk.one.aeon.runtime.reset(ANNA);
	expect(await talk.asked("Where is my bicycle?", ANNA)).not.toContain(
		"cellar",
	);
	expect(await talk.one.aeon.memory.list({})).toEqual([]);
});

test("somebody with a name in two dialogs is remembered in both, and what they said in one is found in the other", async () => {
	const cli = "agent:main:cli:local";
	await using talk = await openTalk({
		memory: { users: { anna: ["telegram:777", "cli:local"] } },
	});
	await talk.asked("Remember: the bicycle is in the cellar", ANNA);
	await talk.asked("My dentist is called Fritz Zimmermann", ANNA);
	expect(await talk.asked("Where is my bicycle?", cli)).toContain("cellar");
	expect((await talk.one.say("Look back for dentist", cli)).text).toContain(
		"Zimmermann",
	);
	expect(await talk.asked("Where is my bicycle?", BEN)).not.toContain("cellar");
	expect((await talk.one.say("Look back for dentist", BEN)).text).not.toContain(
		"Zimmermann",
	);
});

test("what was said before a reset is found by session_search", async () => {
	await using talk = await openTalk();
	await talk.asked("My dentist is called Fritz Zimmermann", ANNA);
	await talk.one.aeon.runtime.reset(ANNA);
	expect((await talk.one.say("Look back for dentist", ANNA)).text).toContain(
		"Zimmermann",
	);
});

test(
	`two people keep ${ROUNDS} secrets each at the same time: no request for one has anything of the other`,
	async () => {
		await using talk = await openTalk();
		const random = randomFrom(6);
		const things = ["locker", "safe", "gate", "bicycle", "cellar"];
		const people = [
			{ key: ANNA, name: "anna" },
			{ key: BEN, name: "ben" },
		];
		const thing = () => things[Math.floor(random() * things.length)];
		const live = async ({ key, name }: (typeof people)[number]) => {
			for (let n = 0; n < ROUNDS; n++) {
				await talk.one.say(
					`Remember: the code of the ${thing()} is secret-${name}-${n}`,
					key,
				);
				const question = random();
				if (question < 0.3) await talk.one.say(`The ${thing()} code?`, key);
				else if (question < 0.5) await talk.one.say(`Find ${thing()}`, key);
				else if (question < 0.7)
					await talk.one.say(`Look back for ${thing()} code`, key);
				if (n % 25 === 0) await talk.one.aeon.runtime.reset(key);
			}
		};
		await Promise.all(people.map(live));
		const owners = talk.requests.map((request) => {
			const found = JSON.stringify(request.body).matchAll(
				/secret-([a-z]+)-\d+/g,
			);
			return [...new Set([...found].map(([, owner]) => owner))].join(" and ");
		});
		expect(new Set(owners)).toEqual(new Set(["anna", "ben"]));
		expect(owners.length).toBeGreaterThan(4 * ROUNDS);
		const { facts } = await talk.one.aeon.memory.state();
		expect(facts).toBe(2 * ROUNDS);
	},
	GIVEN_MS,
);
