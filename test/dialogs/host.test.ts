// What a dialog is given to talk to Aeon with.

import { expect, test } from "bun:test";
import type { OutboxPart } from "../../src/core/delivery.ts";
import { createPlatform } from "../delivery/platform.ts";
import { openTestAeon } from "../support/aeon.ts";
import { startFakeLlm } from "../support/fake_llm.ts";

/** An Aeon with a dialog of a platform's beside its own. */
async function withPost(agent: object = { provider: "demo" }) {
	const it = await openTestAeon(agent);
	const post = createPlatform(Date.now, 0, "post");
	const sent: (() => void)[] = [];
	const { send } = post.dialog;
	post.dialog.send = async (...message) => {
		try {
			return await send(...message);
		} finally {
			for (const wake of sent.splice(0)) wake();
		}
	};
	const host = it.aeon.addDialog(post.dialog);
	return Object.assign(it, {
		post,
		mail: host,
		/** Resolves when so many messages were tried to be sent. */
		async tried(count: number) {
			while (post.told("send").length < count)
				await new Promise<void>((wake) => sent.push(wake));
		},
	});
}

test("what waits for a platform is sent as soon as its dialog runs again", async () => {
	await using it = await withPost();
	const { post, mail } = it;
	const now = Date.now();
	const often: OutboxPart = {
		deliveryId: "note-1",
		part: 0,
		dialog: "post",
		to: "777",
		content: { text: "hello" },
		state: "pending",
		attempts: 9,
		createdAt: now,
		dueAt: now,
	};
	const { store } = it.aeon;
	await store.saveParts([often]);
	mail.report({ state: "retrying", problem: "No network." });
	post.fail({ kind: "send", code: "peer_unavailable" });
	await mail.resume();
	while ((await store.partsOf("note-1"))[0]?.attempts === 9);
	mail.report({ state: "running" });
	await it.tried(2);
	expect(post.chat("777")).toEqual(["hello"]);
});

test("what was said to somebody is told of nobody else's chat", async () => {
	await using it = await withPost();
	const { mail } = it;
	await mail.say("777", { text: "hello", deliveryId: "note-1" });
	await it.tried(1);
	while ((await it.aeon.store.findPart("post", "101")) === undefined);
	expect(await mail.said("777", "101")).toBe("hello");
	expect(await mail.said("778", "101")).toBeUndefined();
	expect(await mail.said("777", "102")).toBeUndefined();
	expect(await mail.hasSaid("note-1")).toBe(true);
	expect(await mail.hasSaid("note-2")).toBe(false);
});

test("a tool may not write to somebody of another dialog because they are called the same", async () => {
	const llm = await startFakeLlm({
		api: "openai",
		script: (_request, n) =>
			n === 0
				? {
						toolCalls: [
							{
								name: "message_send",
								input: { text: "psst", dialog: "post", to: "test" },
							},
						],
					}
				: { text: "Done." },
	});
	await using it = await withPost({
		provider: "openai",
		model: "fake-1",
		api_key: "test-key",
		base_url: llm.url,
	});
	const { toolCalls } = await it.say("go");
	expect(toolCalls).toMatchObject([{ success: false }]);
	expect(llm.requests[1]?.lastText).toContain(
		"post:test may not be written to from here",
	);
	expect(it.post.calls).toEqual([]);
	llm.stop();
});
