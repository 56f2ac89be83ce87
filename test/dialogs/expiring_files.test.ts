import { expect, test } from "bun:test";
import { createPlatform } from "../delivery/platform.ts";
import { startFileHost } from "../media/file_host.ts";
import { openTestAeon } from "../support/aeon.ts";
import { startFakeLlm } from "../support/fake_llm.ts";

const NOTES = Buffer.from("the plan of the house");

/** A dialog whose files can be fetched for a while, and a turn that keeps the next message waiting. */
async function waitingFile(mediaExpires: boolean) {
	const host = await startFileHost({
		plan: [NOTES, { status: 410 }],
		later: NOTES,
	});
	const release = Promise.withResolvers<void>();
	const llm = await startFakeLlm({
		api: "openai",
		script: (_request, n) =>
			n === 0
				? {
						text: "one two",
						pauses: [{ before: "two", until: release.promise }],
					}
				: { text: "done" },
	});
	const it = await openTestAeon({
		provider: "openai",
		model: "fake-1",
		api_key: "test-key",
		base_url: llm.url,
	});
	const fetched = Promise.withResolvers<void>();
	const { dialog } = createPlatform(Date.now, 0, "post");
	dialog.mediaExpires = mediaExpires;
	dialog.media = async function* (file, signal) {
		yield* host.fetch(file, signal);
		fetched.resolve();
	};
	const mail = it.aeon.addDialog(dialog);
	const sessionKey = "agent:main:post:777";
	const file = { kind: "document", id: "plan", uniqueId: "plan-1" } as const;
	const first = await mail.accept({ sessionKey, text: "go", messageId: "1" });
	const second = {
		sessionKey,
		text: "look",
		messageId: "2",
		reference: "2",
		files: [file],
	};
	const accepted = await mail.accept(second);
	const repeat = await mail.accept(second);
	return {
		dialog,
		mail,
		host,
		llm,
		fetched: fetched.promise,
		repeat,
		async end() {
			release.resolve();
			await first.result;
			await accepted.result;
			const [, request] = llm.requests;
			return JSON.stringify(request?.body);
		},
		async [Symbol.asyncDispose]() {
			await it[Symbol.asyncDispose]();
			llm.stop();
			host[Symbol.dispose]();
		},
	};
}

test("files that their platform does not keep are fetched while their message waits for its turn, once", async () => {
	await using it = await waitingFile(true);
	await it.fetched;
	expect(it.repeat.isRepeat).toBe(true);
	expect(await it.end()).toContain("saved as attachments/plan-1.txt");
	expect(it.host.asked).toEqual(["plan"]);
});

test("other files are fetched when the turn begins", async () => {
	await using it = await waitingFile(false);
	expect(it.host.asked).toEqual([]);
	expect(await it.end()).toContain("saved as attachments/plan-1.txt");
	expect(it.host.asked).toEqual(["plan"]);
});

test("a file that its platform keeps is left there until then, also where another one is fetched beforehand", async () => {
	await using it = await waitingFile(false);
	it.dialog.mediaExpires = true;
	const file = { kind: "document", id: "later", uniqueId: "later-1" } as const;
	await it.mail.accept({
		sessionKey: "agent:main:post:777",
		text: "and this",
		messageId: "3",
		files: [file],
	});
	await it.fetched;
	expect(it.host.asked).toEqual(["later"]);
});

test("a message that is changed while it waits has no file any more where none is left in it", async () => {
	await using it = await waitingFile(false);
	const change = { text: "never mind" };
	expect(await it.mail.amend("agent:main:post:777", "2", change)).toBe(true);
	const request = await it.end();
	expect(request).toContain("never mind");
	expect(request).not.toContain("attachments/plan");
	expect(it.host.asked).toEqual([]);
});
