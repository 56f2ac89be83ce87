// What stands below a new message: what is remembered, and what was said too long ago to be seen.

import { describe, expect, test } from "bun:test";
import { estimateTokens } from "../../src/agent/budget.ts";
import { Mailbox } from "../../src/agent/mailbox.ts";
import type { UserMemory } from "../../src/core/memory.ts";
import type { Attachment } from "../../src/core/message.ts";
import { demo } from "../../src/llm/demo.ts";
import { ask, asking } from "../llm/asking.ts";
import type { FakeRequest } from "../support/fake_llm.ts";
import {
	KEY,
	listLogger,
	memoryOf,
	nobody,
	openRig,
	type RigOptions,
	textsOf,
} from "./compaction_rig.ts";

const FACTS = "[What you remember that may matter here]";
const SAID = "[Said earlier in this conversation]";

async function remembering(memory?: UserMemory, options: RigOptions = {}) {
	const parts = { memory: () => memory, ...options.parts };
	const it = await openRig({ at: 0, ...options, parts });
	return Object.assign(it, {
		/** Says something, and gives what stood below it. */
		async below(text: string) {
			await it.say(text);
			const last = textsOf(it.llm.requests.at(-1) as FakeRequest).at(-1) ?? "";
			return last.split(`] ${text}`)[1];
		},
	});
}

test("facts that match a message stand below it, one a line", async () => {
	await using it = await remembering(
		memoryOf(["Anna's birthday\nis on May 4", "  likes tea "]),
	);
	expect(await it.below("what does Anna like?")).toBe(
		`\n\n${FACTS}\n- Anna's birthday is on May 4\n- likes tea`,
	);
	expect(await it.store.getHistory(KEY, 1, 2)).toMatchObject([
		{
			content: "what does Anna like?",
			recalled: `${FACTS}\n- Anna's birthday is on May 4\n- likes tea`,
		},
	]);
});

test("the demo, which looks for commands in what was said, takes nothing of it for a part of one", async () => {
	await using it = await remembering(memoryOf(["hello is a greeting"]));
	await it.say("send hello");
	const last = textsOf(it.llm.requests.at(-1) as FakeRequest).at(-1) ?? "";
	const shown = last.replace(/^user: /, "");
	expect(shown).toEndWith(`send hello\n\n${FACTS}\n- hello is a greeting`);
	const client = demo.create({ model: "demo", context_window: 32_000 });
	const tool = { name: "message_send", description: "", parameters: {} };
	const [first] = await ask(client, asking(shown, { tools: [tool] }));
	expect(first).toMatchObject({ call: { input: { text: "hello" } } });
});

test("the search is for what was said, and for the memory of whoever said it", async () => {
	const asked: unknown[] = [];
	await using it = await remembering(undefined, {
		parts: {
			memory: (sessionKey) =>
				memoryOf(async (text) => {
					asked.push([sessionKey, text]);
					return [];
				}),
		},
	});
	await it.say("what does Anna like?");
	await it.say("and Bert?", "agent:main:cli:bert");
	expect(asked).toEqual([
		[KEY, "what does Anna like?"],
		["agent:main:cli:bert", "and Bert?"],
	]);
});

test("what was shown once is not shown again while it can be seen", async () => {
	const facts = ["likes tea"];
	await using it = await remembering(memoryOf(facts));
	expect(await it.below("one")).toBe(`\n\n${FACTS}\n- likes tea`);
	expect(await it.below("two")).toBe("");
	facts.push("likes te");
	expect(await it.below("three")).toBe(`\n\n${FACTS}\n- likes te`);
});

test("without a memory, or with an empty one, a request has the bytes it had", async () => {
	const body = async (memory?: UserMemory) => {
		await using it = await remembering(memory);
		await it.fill(3);
		await it.say("hello");
		const [request] = it.llm.requests;
		return textsOf(request as FakeRequest).map((text) =>
			text.replaceAll(/\[[^\]]*\]/g, ""),
		);
	};
	const plain = await body();
	expect(plain.at(-1)).toBe("user:  hello");
	expect(await body(memoryOf([]))).toEqual(plain);
});

test("nothing is recalled for a command, for files alone, and for a text that fills half of the window", async () => {
	let searches = 0;
	await using it = await remembering(
		memoryOf(async () => {
			searches++;
			return [{ id: 1, text: "likes tea", savedAt: 0 }];
		}),
	);
	await it.say("/weather in Rome");
	await it.say("x".repeat(14_000));
	const attachments: Attachment[] = [
		{ path: "/nowhere/a.pdf", mimeType: "application/pdf" },
	];
	await it.runtime.submit({ sessionKey: KEY, text: "", attachments }, nobody)
		.result;
	expect(searches).toBe(0);
	await it.say("/etc/passwd is what?");
	expect(searches).toBe(1);
});

test("all of it is bounded: each fact, their number, and the whole in letters and in tokens", async () => {
	const facts = Array.from({ length: 20 }, (_, n) => `${n} ${"é".repeat(600)}`);
	await using large = await remembering(memoryOf(facts), {
		model: { context_window: 100_000 },
	});
	const below = (await large.below("tell me")) ?? "";
	expect(below.length).toBeLessThanOrEqual(1_602);
	const lines = below.trim().split("\n").slice(1);
	expect(lines.map(({ length }) => length)).toEqual([402, 402, 402]);
	await using small = await remembering(
		memoryOf(facts.map((f) => f.slice(0, 99))),
		{
			model: { context_window: 4_096 },
		},
	);
	const little = (await small.below("tell me")) ?? "";
	expect(little).toContain("- 0 éé");
	expect(estimateTokens(little)).toBeLessThanOrEqual(0.05 * (4_096 - 1_024));
});

describe("what was said before all that the model sees", () => {
	/** A session that began with this, and went on so long that it is not seen any more. */
	async function longAgo(...texts: string[]) {
		const it = await remembering(memoryOf([]), {
			agent: { historyLimit: 10 },
		});
		for (const content of texts)
			await it.store.saveMessage(
				KEY,
				{ role: "user", content },
				Date.UTC(2026, 4, 4, 12),
			);
		await it.fill(100);
		return it;
	}

	test("is found by its words, and shown with its date and who said it", async () => {
		await using it = await longAgo("My locker code is 4711");
		expect(await it.below("What is my locker code?")).toBe(
			`\n\n${SAID}\n- 2026-05-04 user: My locker code is 4711`,
		);
	});

	test("is found where it is among the last messages, but has no room in the request", async () => {
		await using it = await remembering(memoryOf([]), {
			at: 0,
			agent: { historyLimit: 1_000 },
		});
		const content = "My locker code is 4711";
		await it.store.saveMessage(KEY, { role: "user", content }, Date.now());
		await it.fill(100);
		expect(await it.below("What is my locker code?")).toContain(content);
	});

	test("is not shown where only common words match, and never what can be seen anyhow", async () => {
		await using it = await longAgo("My locker code is 4711");
		expect(await it.below("What about this question?")).toBe("");
		await it.say("The bicycle is green");
		expect(await it.below("Which bicycle is green?")).toBe("");
	});

	test("is shown in few lines of few letters, and the question itself is none of them", async () => {
		const question = "Where is the violin?";
		await using it = await longAgo(
			question,
			question,
			question,
			`The violin is ${"very ".repeat(200)} old`,
			"A violin is in the attic",
		);
		const below = (await it.below(question)) ?? "";
		const lines = below.split("\n").slice(3);
		expect(lines).toHaveLength(2);
		for (const line of lines) {
			expect(line).toMatch(/^- 2026-05-04 user: .*violin/);
			expect(line.length).toBeLessThanOrEqual(2 + 10 + 7 + 300);
			expect(line).not.toEndWith(question);
		}
	});

	test("is not of another session", async () => {
		await using it = await longAgo("nothing");
		const other = "agent:main:cli:other";
		await it.store.saveMessage(
			other,
			{ role: "user", content: "My locker code is 4711" },
			1,
		);
		await it.fill(60, other);
		expect(await it.below("What is my locker code?")).toBe("");
	});

	test("is not looked for where everything can be seen", async () => {
		await using it = await remembering(memoryOf([]));
		let searches = 0;
		const store = {
			...it.store,
			async searchMessages() {
				searches++;
				return [];
			},
		};
		const runtime = it.restart({ store, memory: () => memoryOf([]) });
		await it.fill(3);
		const ask = (text: string) =>
			runtime.submit({ sessionKey: KEY, text }, nobody).result;
		await ask("What is my locker code?");
		expect(searches).toBe(0);
		await it.fill(120);
		await ask("What is my locker code?");
		expect(searches).toBe(1);
	});
});

describe("a memory that fails", () => {
	test("keeps nobody from an answer, and is told once an hour", async () => {
		await using it = await remembering(
			memoryOf(async () => {
				throw new Error("no such table");
			}),
		);
		for (let n = 0; n < 3; n++) expect(await it.below(`hello ${n}`)).toBe("");
		expect(it.logged("recall.failed")).toMatchObject([{ level: "warn" }]);
		it.clock.time += 3_600_000;
		await it.say("hello");
		expect(it.logged("recall.failed")).toHaveLength(2);
	});

	test("already where it is to be opened keeps nobody from an answer either", async () => {
		await using it = await openRig({
			parts: {
				memory() {
					throw new Error("no such file");
				},
			},
		});
		expect((await it.say("hello")).text).toBe("Well.");
		expect(it.logged("recall.failed")).toHaveLength(1);
	});

	test("to answer in time is not waited for, and told to stop", async () => {
		const gaveUp = Promise.withResolvers<unknown>();
		await using it = await remembering(
			memoryOf((_, signal) => {
				signal.addEventListener("abort", () => gaveUp.resolve(signal.reason));
				return new Promise(() => {});
			}),
			{ parts: { recallTimeoutMs: 50 } },
		);
		expect(await it.below("hello")).toBe("");
		expect(await gaveUp.promise).toMatchObject({ name: "TimeoutError" });
	});

	test("to answer in time gives what it has found until then", async () => {
		await using it = await remembering(
			memoryOf(
				(_, signal) =>
					new Promise((resolve) =>
						signal.addEventListener("abort", () =>
							resolve([{ id: 1, text: "The cat is called Mia", savedAt: 1 }]),
						),
					),
			),
			{ parts: { recallTimeoutMs: 50 } },
		);
		expect(await it.below("hello")).toContain("- The cat is called Mia");
	});

	test("to answer at all does not keep a turn from being stopped", async () => {
		const asked = Promise.withResolvers<void>();
		await using it = await remembering(
			memoryOf(() => {
				asked.resolve();
				return new Promise(() => {});
			}),
			{ parts: { recallTimeoutMs: 60_000 } },
		);
		const turn = it.say("hello");
		await asked.promise;
		const before = performance.now();
		it.runtime.cancel(KEY);
		expect((await turn).stopReason).toBe("cancelled");
		expect(performance.now() - before).toBeLessThan(1_000);
		expect(it.logged("recall.failed")).toEqual([]);
	});

	test("that ends Aeon is asked no more than three times for a message that waits", async () => {
		await using it = await openRig({ at: 0 });
		const waiting = {
			sessionKey: KEY,
			text: "hello",
			runId: "run-1",
			dialog: "cli",
			receivedAt: 1,
		};
		await it.store.acceptMessage(waiting);
		const attempts: unknown[] = [];
		for (let n = 1; n <= 4; n++) {
			const asked = Promise.withResolvers<void>();
			const memory = memoryOf(() => {
				asked.resolve();
				return new Promise(() => {});
			});
			const parts = { memory: () => memory, recallTimeoutMs: 60_000 };
			const runtime = it.restart(parts);
			const logger = listLogger([]);
			const box = new Mailbox({ store: it.store, runtime, logger });
			await box.resume("cli", () => nobody);
			if (n < 4) await asked.promise;
			else await box.settled();
			const left = await it.store.waitingMessages();
			attempts.push(left[0]?.attempts);
			await runtime.stop();
		}
		expect(attempts).toEqual([1, 2, 3, undefined]);
		expect(it.logged("turn.failed").at(-1)).toMatchObject({
			fields: { error: { code: "interrupted" } },
		});
	});
});
