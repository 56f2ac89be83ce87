// /compact, and what the other commands say of summaries.

import { expect, test } from "bun:test";
import { runSlash } from "../../src/agent/slash.ts";
import type { FakeAnswer } from "../support/fake_llm.ts";
import { gated } from "../support/fake_llm.ts";
import { KEY, openRig } from "./compaction_rig.ts";

/** A session of so many turns, and what is typed in it. */
async function typing(
	turns: number,
	summarise: () => FakeAnswer | Promise<FakeAnswer>,
	patienceMs?: number,
) {
	const it = await openRig({ at: 0, summarise });
	await it.fill(turns);
	const { runtime, store, agent } = it;
	const agents = new Map([["main", agent]]);
	const mailbox = { stop: () => false, arrived: async () => {} };
	const parts = { runtime, mailbox, store, agents, patienceMs };
	const type = async (line: string) =>
		(await runSlash(line, parts, { sessionKey: KEY }))?.text;
	return Object.assign(it, { type });
}

test("/compact says how much it has summed up, and that it is kept", async () => {
	await using it = await typing(62, () => ({ text: "They talked." }));
	expect(await it.type("/compact")).toBe(
		"Summed up 120 messages; they are kept, and found by session_search.",
	);
	expect(await it.type("/compact")).toBe("There is nothing to sum up yet.");
});

test("/compact of a session that has hardly begun, or not at all, finds nothing to sum up", async () => {
	for (const turns of [0, 2]) {
		await using it = await typing(turns, () => ({ text: "They talked." }));
		expect(await it.type("/compact")).toBe("There is nothing to sum up yet.");
		expect(it.writer.requests).toEqual([]);
	}
});

test("/compact says why it failed, and that nothing has changed", async () => {
	await using it = await typing(9, () => ({
		status: 401,
		body: { error: { message: "wrong key" } },
	}));
	expect(await it.type("/compact")).toMatch(
		/^127\.0\.0\.1:\d+ said 401: wrong key\. Nothing has changed\.$/,
	);
	await using empty = await typing(9, () => ({ text: "" }));
	expect(await empty.type("/compact")).toBe(
		"Openai/writer-1 gave no summary. Nothing has changed.",
	);
});

test("/compact keeps nobody from the next message for long; the summary comes all the same", async () => {
	const gate = gated();
	await using it = await typing(9, () => gate.answer("They talked."), 50);
	expect(await it.type("/compact")).toBe(
		"The summary is still being written. Go on meanwhile: it is used as soon as it is done.",
	);
	gate.open();
	await it.until(() => it.compacted() === 1);
	expect((await it.store.findSummary(KEY))?.content).toBe("They talked.");
});

test("/usage counts the tokens of summaries, too, and /status none of them as a message", async () => {
	await using it = await typing(4, () => ({
		text: "They talked.",
		usage: { input: 700, output: 50 },
	}));
	await it.say("hi");
	await it.type("/compact");
	expect(await it.type("/usage")).toMatch(
		/^1 answer and 1 summary: 7\d\d tokens in \(0 from the cache\), 5\d out\.$/,
	);
	expect(await it.type("/status")).toContain("This conversation: 10 messages");
});
