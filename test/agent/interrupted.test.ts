import { expect, test } from "bun:test";
import { KEY, openMailRig, waiting } from "./mail_rig.ts";

test("a message that a turn had taken in gets no turn of its own after a restart", async () => {
	await using rig = await openMailRig(() => ({ text: "Well." }));
	await rig.leaveTaken(waiting(1), waiting(2));
	expect(await rig.restart()).toBe(2);
	expect(rig.asked()).toEqual(["m1\n\nm2"]);
	expect(rig.outcomes).toMatchObject([
		{ result: { text: "Well." }, runIds: ["run-1", "run-2"] },
	]);
	expect(await rig.store.waitingMessages()).toEqual([]);
});

test("a turn that was interrupted three times is not begun again: one sentence says so, and no model is asked", async () => {
	await using rig = await openMailRig(() => ({ instead: "hang" }));
	await rig.leave(waiting(1));
	for (const attempt of [1, 2, 3]) {
		await rig.mailbox().resume("post", () => rig.sender());
		await rig.askedOnce(attempt);
		const left = await rig.store.waitingMessages();
		expect(left.map(({ attempts }) => attempts)).toEqual([attempt]);
		await rig.runtime.stop();
	}
	expect(rig.outcomes).toEqual([]);
	await rig.restart();
	expect(rig.asked()).toHaveLength(3);
	expect(rig.outcomes).toMatchObject([
		{
			result: {
				text: "",
				error: {
					code: "interrupted",
					message: expect.stringMatching(/^Aeon was ended 3 times /),
				},
			},
			runIds: ["run-1"],
		},
	]);
	expect(await rig.store.waitingMessages()).toEqual([]);
});

test("a message whose agent is gone is told so, with those that were taken in with it; without anybody to tell it waits", async () => {
	await using rig = await openMailRig(() => ({ text: "Well." }));
	const sessionKey = "agent:gone:post:777";
	await rig.leaveTaken(waiting(1, { sessionKey }), waiting(2, { sessionKey }));
	const { deliver, ...mute } = rig.sender();
	expect(await rig.restart(mute)).toBe(0);
	expect(await rig.store.waitingMessages()).toHaveLength(2);
	expect(await rig.restart()).toBe(0);
	expect(rig.outcomes).toMatchObject([
		{
			result: {
				runId: "run-1",
				sessionKey,
				error: { code: "not_found", message: expect.stringContaining("gone") },
			},
			runIds: ["run-1", "run-2"],
		},
	]);
	expect(await rig.store.waitingMessages()).toEqual([]);
	expect(rig.asked()).toEqual([]);
});

test("an interrupted turn whose session was emptied meanwhile receives its message anew", async () => {
	await using rig = await openMailRig(() => ({ text: "Well." }));
	await rig.leaveTaken(waiting(1));
	await rig.store.resetSession(KEY, Date.now());
	await rig.restart();
	expect(rig.asked()).toEqual(["m1"]);
	expect(rig.outcomes).toMatchObject([{ result: { text: "Well." } }]);
	expect(await rig.store.getHistory(KEY, 9)).toMatchObject([
		{ role: "user", content: "m1" },
		{ role: "assistant", content: "Well." },
	]);
});

test("what it had taken in with its message is received anew, too", async () => {
	await using rig = await openMailRig(() => ({ text: "Well." }));
	await rig.leaveTaken(waiting(1), waiting(2));
	await rig.store.resetSession(KEY, Date.now());
	await rig.restart();
	expect(rig.asked()).toEqual(["m1\n\nm2"]);
});

const FILES = [{ kind: "image" as const, id: "f", uniqueId: "u" }];

test("that files are fetched counts as an attempt before it begins: one that ends Aeon is not fetched a fourth time", async () => {
	await using rig = await openMailRig(() => ({ text: "Well." }));
	await rig.leave(waiting(1, { files: FILES }));
	const seen: unknown[] = [];
	for (const attempt of [1, 2, 3]) {
		const { promise, resolve } = Promise.withResolvers<void>();
		const sender = rig.sender({
			async complete(_, signal) {
				const left = await rig.store.waitingMessages();
				seen.push(left.map(({ attempts }) => attempts));
				resolve();
				await new Promise((_, reject) =>
					signal.addEventListener("abort", () => reject(signal.reason)),
				);
				throw new Error("unreachable");
			},
		});
		await rig.mailbox().resume("post", () => sender);
		await promise;
		await rig.runtime.stop();
		expect(seen.at(-1)).toEqual([attempt]);
	}
	await rig.restart();
	expect(seen).toHaveLength(3);
	expect(rig.asked()).toEqual([]);
	expect(rig.outcomes).toMatchObject([
		{ result: { error: { code: "interrupted" } }, runIds: ["run-1"] },
	]);
});

test("a message whose files have ended Aeon too often is not taken into the turn of another one either", async () => {
	await using rig = await openMailRig(() => ({ text: "Well." }));
	await rig.leave(waiting(0), waiting(1), waiting(2, { files: FILES }));
	for (const _ of [1, 2, 3]) await rig.store.countAttempt("run-2");
	const fetched: string[] = [];
	const sender = rig.sender({
		async complete({ text }) {
			fetched.push(text);
			return { text, attachments: [], remarks: [] };
		},
	});
	await rig.restart(sender);
	expect(fetched).toEqual([]);
	expect(rig.asked()).toEqual(["m0", "m1"]);
	expect(rig.outcomes).toMatchObject([
		{ result: { text: "Well." }, runIds: ["run-0"] },
		{ result: { text: "Well." }, runIds: ["run-1"] },
		{ result: { error: { code: "interrupted" } }, runIds: ["run-2"] },
	]);
});
