import { expect, test } from "bun:test";
import type { FakeAnswer } from "../support/fake_llm.ts";
import { mail, openMailRig, waiting } from "./mail_rig.ts";

/** A model whose first answer waits until it may come. */
function slowAtFirst() {
	const { promise, resolve } = Promise.withResolvers<FakeAnswer>();
	return {
		answer: (_: unknown, n: number): FakeAnswer | Promise<FakeAnswer> =>
			n === 0 ? promise : { text: "Well." },
		goOn: () => resolve({ text: "Well." }),
	};
}

test("what one person says while a turn runs is one turn; with another model, or of somebody else, it is another", async () => {
	const { answer, goOn } = slowAtFirst();
	await using rig = await openMailRig(answer);
	const box = rig.mailbox();
	const accept = (text: string, fields = {}) =>
		box.accept("post", mail(text, fields), rig.sender());
	await accept("a");
	await rig.askedOnce(1);
	await accept("b");
	await accept("c");
	await accept("d", { model: "other" });
	await accept("e", { model: "other" });
	await accept("f");
	await accept("g", { sender: "888" });
	await accept("h", { sender: "888" });
	const last = await accept("i");
	goOn();
	await last.result;
	await box.settled();
	expect(rig.asked()).toEqual(["a", "b\n\nc", "d\n\ne", "f", "g\n\nh", "i"]);
	expect(rig.outcomes.map(({ runIds }) => runIds.length)).toEqual([
		1, 2, 2, 1, 2, 1,
	]);
	expect(await rig.store.waitingMessages()).toEqual([]);
});

test("a sender whose messages are not joined gets a turn for each", async () => {
	const { answer, goOn } = slowAtFirst();
	await using rig = await openMailRig(answer);
	const box = rig.mailbox();
	const { joins, ...sender } = rig.sender();
	await box.accept("post", mail("a"), sender);
	await rig.askedOnce(1);
	await box.accept("post", mail("b"), sender);
	const last = await box.accept("post", mail("c"), sender);
	goOn();
	await last.result;
	expect(rig.asked()).toEqual(["a", "b", "c"]);
});

test("a turn that had begun before a restart is not taken into another one", async () => {
	await using rig = await openMailRig(() => ({ text: "Well." }));
	await rig.leave(waiting(0), waiting(1));
	await rig.leaveTaken(waiting(2));
	expect(await rig.restart()).toBe(3);
	expect(rig.outcomes.map(({ runIds }) => runIds)).toEqual([
		["run-0"],
		["run-1"],
		["run-2"],
	]);
});

test("whoever cancels a message that a turn has taken in stops that turn", async () => {
	const { answer, goOn } = slowAtFirst();
	await using rig = await openMailRig((request, n) =>
		n === 1 ? { instead: "hang" } : answer(request, n),
	);
	const box = rig.mailbox();
	await box.accept("post", mail("a"), rig.sender());
	await rig.askedOnce(1);
	const leader = await box.accept("post", mail("b"), rig.sender());
	const follower = await box.accept("post", mail("c"), rig.sender());
	goOn();
	await rig.askedOnce(2);
	expect(rig.runtime.cancelRun(follower.runId)).toBe(true);
	const ended = await follower.result;
	expect(ended).toMatchObject({
		runId: leader.runId,
		error: { code: "cancelled" },
	});
	expect(await leader.result).toEqual(ended);
});

test.each([
	["ahead", 3_600_000],
	["behind", -3_600_000],
])(
	"an album waits a second for its parts, also where the clock was %s when its first one came",
	async (_, aside) => {
		await using rig = await openMailRig(() => ({ text: "Well." }));
		const album = "A";
		await rig.leave(waiting(1, { album, receivedAt: Date.now() + aside }));
		const box = rig.mailbox();
		await box.resume("post", () => rig.sender());
		const late = await box.accept("post", mail("m2", { album }), rig.sender());
		await late.result;
		expect(rig.asked()).toEqual(["m1\n\nm2"]);
	},
	10_000,
);

test("an edit changes a message of its own session only", async () => {
	await using rig = await openMailRig(() => ({ instead: "hang" }));
	const box = rig.mailbox();
	const other = "agent:main:post:888";
	const reference = "9";
	for (const sessionKey of [mail("").sessionKey, other]) {
		await box.accept("post", mail("running", { sessionKey }), rig.sender());
		const fields = { sessionKey, reference };
		await box.accept("post", mail("waits", fields), rig.sender());
	}
	await rig.askedOnce(2);
	const third = "agent:main:post:999";
	expect(await box.amend(third, reference, { text: "no" })).toBe(false);
	expect(await box.amend(other, reference, { text: "edited" })).toBe(true);
	const left = await rig.store.waitingMessages();
	expect(
		left.flatMap((one) =>
			one.reference === reference ? [[one.sessionKey, one.text]] : [],
		),
	).toEqual([
		[mail("").sessionKey, "waits"],
		[other, "edited"],
	]);
});

test("an edit is in time as long as its message waits, and too late once its turn fetches what belongs to it", async () => {
	await using rig = await openMailRig(() => ({ text: "Well." }));
	const fetching = Promise.withResolvers<void>();
	const fetched = Promise.withResolvers<void>();
	const sender = rig.sender({
		async complete({ text }) {
			fetching.resolve();
			await fetched.promise;
			return { text, attachments: [], remarks: [] };
		},
	});
	const box = rig.mailbox();
	const files = [{ kind: "image" as const, id: "f", uniqueId: "u" }];
	const first = mail("first", { files, reference: "1" });
	await box.accept("post", first, sender);
	await fetching.promise;
	const last = await box.accept(
		"post",
		mail("2nd", { reference: "2" }),
		sender,
	);
	expect(await box.amend(first.sessionKey, "1", { text: "late" })).toBe(false);
	expect(await box.amend(first.sessionKey, "2", { text: "early" })).toBe(true);
	fetched.resolve();
	await last.result;
	expect(rig.asked()).toEqual(["first", "early"]);
});
