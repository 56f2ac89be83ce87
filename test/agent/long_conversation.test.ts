// Two thousand turns in a small window: what was said in the third one is still answered, however the summariser does.

import { afterAll, expect, test } from "bun:test";
import { join } from "node:path";
import { estimateTokens } from "../../src/agent/budget.ts";
import { Runtime } from "../../src/agent/runtime.ts";
import { AeonError } from "../../src/core/errors.ts";
import type {
	CompletionRequest,
	LlmClient,
	StreamEvent,
} from "../../src/llm/client.ts";
import { sqlite } from "../../src/storage/sqlite.ts";
import type { FakeRequest } from "../support/fake_llm.ts";
import { temporaryFolder } from "../support/home.ts";
import { randomFrom } from "../support/random.ts";
import { brokenRules } from "../support/rules.ts";
import {
	KEY,
	type Logged,
	listLogger,
	memoryOf,
	nobody,
	openRig,
	talker,
	textsOf,
} from "./compaction_rig.ts";

const TURNS = 2_000;
const WINDOW = 8_192;
const ANSWER = 1_024;
const FACT = "My locker code is 4711";
const QUESTION = "What is my locker code?";

const WORDS = {
	who: "Anna Bert Clara David Emil Frieda Gustav Hanna Ida Jonas Karla Lukas Maria Nora Oskar Paula".split(
		" ",
	),
	did: "repaired,painted,found,sold,borrowed,carried,cleaned,measured,forgot,described,photographed,packed,planted,cooked,returned,wrapped".split(
		",",
	),
	what: "the old bicycle,a green lamp,seven apples,the garden fence,a map of the coast,two violins,the kitchen clock,a winter coat,the broken radio,a box of letters,the ladder,a basket of plums,an umbrella,the neighbour's boat,a chess board,the wooden stairs".split(
		",",
	),
	where:
		"behind the station,at the lake,in the attic,near the bakery,under the bridge,on the balcony,in the cellar,at the market,beside the church,in the workshop,on the hill,at the harbour".split(
			",",
		),
	when: "before breakfast,last Tuesday,during the storm,in early spring,after the concert,around noon,at dusk,on a rainy Sunday,while the train waited,since the holidays".split(
		",",
	),
	why: "because it was cheap,although nobody asked,so that the children could play,as the doctor had advised,without a word,for the third time,in spite of the cold,to everyone's surprise".split(
		",",
	),
};

/** Sentences that differ, the same for the same seed. */
function talk(seed: number): () => string {
	const random = randomFrom(seed);
	const pick = (words: readonly string[]) =>
		words[Math.floor(random() * words.length)] ?? "";
	const sentence = () =>
		`${pick(WORDS.who)} ${pick(WORDS.did)} ${pick(WORDS.what)} ${pick(WORDS.where)} ${pick(WORDS.when)}, ${pick(WORDS.why)}.`;
	return () =>
		Array.from({ length: 2 + Math.floor(random() * 3) }, sentence).join(" ");
}

/** What a model says that knows only what it is sent. */
function answerTo({ messages }: CompletionRequest, filler: string): string {
	const last = messages.at(-1)?.content ?? "";
	if (!last.includes(QUESTION)) return filler;
	const sent = messages.map(({ content }) => content).join("\n");
	const code = /locker code is (\d+)/.exec(sent)?.[1];
	return code ? `It is ${code}.` : "I do not know.";
}

/** A model in this process. */
function client(
	label: string,
	say: (request: CompletionRequest, signal: AbortSignal) => Promise<string>,
): LlmClient {
	return {
		label,
		contextWindow: WINDOW,
		maxAnswerTokens: ANSWER,
		async *streamCompletion(request, signal): AsyncGenerator<StreamEvent> {
			yield { type: "text_delta", text: await say(request, signal) };
			yield { type: "stop", reason: "end_turn", model: label };
		},
	};
}

const writers: Record<string, Parameters<typeof client>[1]> = {
	"that works, and keeps the first 300 characters": async ({ messages }) =>
		messages[0]?.content.slice(0, 300) ?? "",
	"that always fails": async () => {
		throw new AeonError("llm_unavailable", "the writer is out");
	},
	"that hangs": (_, signal) =>
		new Promise((_, reject) => {
			signal.addEventListener("abort", () => reject(signal.reason));
		}),
};

const figures: string[] = [];
afterAll(() => console.log(figures.join("\n")));

for (const [what, write] of Object.entries(writers))
	test(`a fact of turn 3 is answered after ${TURNS} turns in a window of ${WINDOW} tokens, with a summariser ${what}`, async () => {
		using folder = temporaryFolder();
		const store = await sqlite.open({
			sessions_db: join(folder.path, "sessions.db"),
		});
		const [question, reply] = [talk(1), talk(2)];
		let largest = 0;
		let asked = 0;
		let turn = 0;
		const broken: string[] = [];
		const llm = client("fake/talker", async (request) => {
			const { system, messages } = request;
			const sent = messages.map(({ role, content }) => `${role}: ${content}\n`);
			const size = estimateTokens(system + sent.join("")) + ANSWER;
			largest = Math.max(largest, size);
			broken.push(...brokenRules(messages));
			return answerTo(request, reply());
		});
		const writer = client("fake/writer", (request, signal) => {
			asked++;
			return write(request, signal);
		});
		const logs: Logged[] = [];
		const runtime = new Runtime({
			store,
			agents: new Map([["main", talker(llm, writer)]]),
			logger: listLogger(logs),
			memory: () => memoryOf([]),
			// A turn a minute: a summariser that fails is asked again and again.
			clock: { now: () => turn * 60_000 },
		});
		const times: number[] = [];
		const say = async (text: string) => {
			const before = performance.now();
			const { result } = runtime.submit({ sessionKey: KEY, text }, nobody);
			const ended = await result;
			times.push(performance.now() - before);
			expect(ended.error).toBeUndefined();
			return ended.text;
		};
		const began = performance.now();
		let cuts = 0;
		for (turn = 1; turn < TURNS; turn++) {
			const text = await say(turn === 3 ? `${FACT}.` : question());
			if (text.includes("no longer sees")) cuts++;
		}
		expect(await say(QUESTION)).toBe("It is 4711.");
		const seconds = (performance.now() - began) / 1000;
		const summary = await store.findSummary(KEY);
		expect(summary?.content ?? "").not.toContain("4711");
		expect(summary !== undefined).toBe(what.includes("works"));
		expect(largest).toBeLessThanOrEqual(WINDOW);
		expect(broken).toEqual([]);
		// Turns without a model's time to answer may be faster than a summary: then it is said once.
		expect(cuts).toBeLessThanOrEqual(1);
		const failures = logs.filter(({ event }) => event === "compaction.failed");
		const stopping = performance.now();
		await runtime.stop();
		const stopMs = performance.now() - stopping;
		expect(stopMs).toBeLessThan(1_000);
		await store.close();
		const sorted = times.toSorted((a, b) => a - b);
		const at = (share: number) =>
			(sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toFixed(1);
		figures.push(
			`summariser ${what}: ${seconds.toFixed(1)} s; a turn p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, most ${at(1)} ms; asked ${asked} times, ${failures.length} failures; largest request with its answer ${largest} of ${WINDOW} tokens; stopped in ${stopMs.toFixed(1)} ms`,
		);
		// With a summariser that hangs for two minutes none of them could be so short.
		expect(Number(at(0.99))).toBeLessThan(500);
	}, 60_000);

test("the same over real sockets: a fact of the beginning is answered where no summary has it, and every request keeps the rules", async () => {
	const [question, reply] = [talk(3), talk(4)];
	const said = ({ body }: FakeRequest): CompletionRequest => ({
		system: "",
		tools: [],
		messages: (body.messages ?? []).map(({ content }) => ({
			role: "user",
			content: String(content),
		})),
	});
	await using it = await openRig({
		answer: (request) => ({ text: answerTo(said(request), reply()) }),
		summarise: (request) => ({
			text: textsOf(request)[1]?.slice(6, 306) ?? "",
		}),
		model: { context_window: 4_096, max_tokens: 1_024 },
		writing: { context_window: 4_096, max_tokens: 1_024 },
		parts: { memory: () => memoryOf([]) },
	});
	await it.say(question());
	await it.say(`${FACT}.`);
	for (let n = 0; n < 80; n++) await it.say(question());
	expect((await it.say(QUESTION)).text).toBe("It is 4711.");
	expect(it.compacted()).toBeGreaterThan(2);
	expect([it.llm.breaches, it.writer.breaches]).toEqual([[], []]);
	for (const { body } of it.llm.requests)
		expect(
			estimateTokens(JSON.stringify(body.messages)) + 1_024,
		).toBeLessThanOrEqual(4_096);
});
