import { afterEach, beforeEach, expect, test } from "bun:test";
import { join } from "node:path";
import { Mailbox } from "../../src/agent/mailbox.ts";
import type { Origin } from "../../src/agent/request.ts";
import { AeonError } from "../../src/core/errors.ts";
import { silent } from "../../src/core/logger.ts";
import { sqlite } from "../../src/storage/sqlite.ts";
import type { SessionStore, WaitingMessage } from "../../src/storage/store.ts";
import { openTestAeon, type TestAeon } from "../support/aeon.ts";
import type { FakeAnswer, FakeLlm } from "../support/fake_llm.ts";
import { modelSaying } from "../support/server.ts";
import { upTo } from "../support/wire.ts";

const KEY = "agent:main:ws:me";
const NOW = 1_760_000_000_000;

let model: Awaited<ReturnType<typeof modelSaying>>;
let answer: (
	request: FakeLlm["requests"][number],
) => FakeAnswer | Promise<FakeAnswer>;
let it: TestAeon;
let store: SessionStore;

const origin: Origin = {
	tell() {},
	approve: async () => "deny",
	send: async () => "",
};

beforeEach(async () => {
	answer = ({ lastText }) => ({ text: `To ${lastText.split("] ").at(-1)}` });
	model = await modelSaying((request) => answer(request));
	// What the model is asked is counted: no summaries among it.
	it = await openTestAeon(model.agent, { compaction: { at: 0 } });
	store = await sqlite.open({
		sessions_db: join(it.home, ".aeon", "other.db"),
	});
});

afterEach(async () => {
	await it[Symbol.asyncDispose]();
	await store.close();
	model[Symbol.dispose]();
});

/** A mailbox of the runtime and this store, or one in front of it. */
function mailbox(front: Partial<SessionStore> = {}): Mailbox {
	const { runtime } = it.aeon;
	return new Mailbox({
		store: { ...store, ...front },
		runtime,
		logger: silent,
	});
}

const mail = (text: string, messageId?: string) => ({
	sessionKey: KEY,
	text,
	...(messageId !== undefined && { messageId }),
});

const waiting = (n: number): WaitingMessage => ({
	runId: `run-${n}`,
	dialog: "ws",
	sessionKey: KEY,
	text: `m${n}`,
	receivedAt: NOW,
});

const asked = () =>
	model.llm.requests.map(({ lastText }) => lastText.split("] ").at(-1));

test("messages that come together while the store is slow fill the queue and no more; a refused one may come again", async () => {
	const { promise: open, resolve } = Promise.withResolvers<void>();
	answer = () => ({ instead: "hang" });
	const box = mailbox({
		async acceptMessage(message) {
			await open;
			return store.acceptMessage(message);
		},
	});
	const all = Promise.allSettled(
		upTo(25).map((n) => box.accept("ws", mail(`m${n}`, `m${n}`), origin)),
	);
	resolve();
	const settled = await all;
	expect(settled.map(({ status }) => status)).toEqual([
		...Array(21).fill("fulfilled"),
		...Array(4).fill("rejected"),
	]);
	it.aeon.runtime.cancel(KEY);
	const again = await box.accept("ws", mail("m25", "m25"), origin);
	expect(again.isRepeat).toBe(false);
});

test("a message that the store does not take holds no place", async () => {
	let isBroken = true;
	const box = mailbox({
		async acceptMessage(message) {
			if (isBroken) throw new AeonError("storage_failed", "broken");
			return store.acceptMessage(message);
		},
	});
	for (const n of upTo(40))
		await expect(box.accept("ws", mail(`m${n}`), origin)).rejects.toThrow(
			"broken",
		);
	isBroken = false;
	const { result } = await box.accept("ws", mail("m"), origin);
	expect((await result)?.text).toBe("To m");
});

test("what waits is taken up in order, before what comes meanwhile, however much it is", async () => {
	for (const n of upTo(30)) await store.acceptMessage(waiting(n));
	const { promise: open, resolve } = Promise.withResolvers<void>();
	const box = mailbox({
		async waitingMessages() {
			await open;
			return store.waitingMessages();
		},
	});
	const resumed = box.resume("ws", () => origin);
	const late = box.accept("ws", mail("late"), origin);
	while ((await store.waitingMessages()).length < 31);
	for (const _ of upTo(5)) await new Promise(setImmediate);
	resolve();
	expect(await resumed).toBe(30);
	await (await late).result;
	expect(asked()).toEqual([...upTo(30).map((n) => `m${n}`), "late"]);
});

test("what waits is taken up once, however often that is asked, and so is what comes meanwhile", async () => {
	for (const n of upTo(3)) await store.acceptMessage(waiting(n));
	const { promise, resolve } = Promise.withResolvers<FakeAnswer>();
	answer = () => promise;
	const box = mailbox();
	const twice = [
		box.resume("ws", () => origin),
		box.resume("ws", () => origin),
	];
	const own = box.accept("ws", mail("own"), origin);
	expect(await Promise.all(twice)).toEqual([3, 0]);
	expect(await box.resume("ws", () => origin)).toBe(0);
	resolve({ text: "Well." });
	await (await own).result;
	expect(await box.resume("ws", () => origin)).toBe(0);
	expect(asked()).toEqual(["m1", "m2", "m3", "own"]);
});

test("a run that ends while the store is read is not taken up again", async () => {
	const { promise: open, resolve } = Promise.withResolvers<void>();
	const box = mailbox({
		async waitingMessages() {
			await open;
			return store.waitingMessages();
		},
	});
	const { result } = await box.accept("ws", mail("own"), origin);
	const resumed = box.resume("ws", () => origin);
	await result;
	// The runtime's own store took it in; this one does not know of that.
	expect(await store.waitingMessages()).toHaveLength(1);
	resolve();
	expect(await resumed).toBe(0);
});

test("a store that could not be read is asked again", async () => {
	await store.acceptMessage(waiting(1));
	let isBroken = true;
	const box = mailbox({
		async waitingMessages() {
			if (isBroken) throw new AeonError("storage_failed", "broken");
			return store.waitingMessages();
		},
	});
	await expect(box.resume("ws", () => origin)).rejects.toThrow("broken");
	const { result } = await box.accept("ws", mail("new"), origin);
	expect((await result)?.text).toBe("To new");
	isBroken = false;
	expect(await box.resume("ws", () => origin)).toBe(1);
	await it.aeon.runtime.drain();
	expect(asked()).toEqual(["new", "m1"]);
});

test("only a dialog's own messages are taken up, and those whose agent is there", async () => {
	await store.acceptMessage({ ...waiting(1), dialog: "telegram" });
	await store.acceptMessage({
		...waiting(2),
		sessionKey: "agent:gone:ws:me",
	});
	await store.acceptMessage(waiting(3));
	const box = mailbox();
	expect(await box.resume("ws", () => origin)).toBe(1);
	const others = await openTestAeon(model.agent, {}, undefined, {
		gone: model.agent,
	});
	it.aeon.reload(others.aeon.settings());
	expect(await box.resume("ws", () => origin)).toBe(1);
	await others[Symbol.asyncDispose]();
});

test("a message that is stopped while it waits does not come back, one that the end of Aeon stops does", async () => {
	answer = () => ({ instead: "hang" });
	const runs = it.aeon.runtime;
	const box = mailbox();
	await box.accept("ws", mail("running"), origin);
	const stopped = await box.accept("ws", mail("stopped"), origin);
	const postponed = await box.accept("ws", mail("postponed"), origin);
	await model.llm.arrival(0);
	runs.cancelRun(stopped.runId);
	expect((await stopped.result)?.error?.code).toBe("cancelled");
	void runs.drain();
	const late = await box.accept("ws", mail("late"), origin);
	const elsewhere = await box.accept(
		"ws",
		{ sessionKey: "agent:main:ws:else", text: "elsewhere" },
		origin,
	);
	expect((await elsewhere.result)?.error?.code).toBe("shutting_down");
	await runs.stop();
	for (const { result } of [postponed, late])
		expect((await result)?.error?.code).toBe("shutting_down");
	const left = await store.waitingMessages();
	expect(left.map(({ text }) => text)).toEqual([
		"running",
		"postponed",
		"late",
		"elsewhere",
	]);
});

test("a repeat gives the first run, also while the session is full of messages", async () => {
	answer = () => ({ instead: "hang" });
	const box = mailbox();
	const first = await box.accept("ws", mail("m0", "m0"), origin);
	for (const n of upTo(20))
		await box.accept("ws", mail(`m${n}`, `m${n}`), origin);
	await expect(box.accept("ws", mail("m21", "m21"), origin)).rejects.toThrow(
		"waiting in this session already",
	);
	const again = await box.accept("ws", mail("m0", "m0"), origin);
	expect(again).toMatchObject({ isRepeat: true, runId: first.runId });
	expect(again.result).toBeDefined();
	it.aeon.runtime.cancel(KEY);
	expect((await again.result)?.error?.code).toBe("cancelled");
});

test("the result of a run that goes on is there for whoever repeats its message, however many have ended meanwhile", async () => {
	const { promise: asked, resolve } = Promise.withResolvers<void>();
	answer = async ({ lastText }) => {
		if (lastText.endsWith("slow")) await asked;
		return { text: "done" };
	};
	const box = mailbox();
	const slow = await box.accept("ws", mail("slow", "slow"), origin);
	for (const n of upTo(120)) {
		const sessionKey = `agent:main:ws:user${n}`;
		const quick = { sessionKey, text: "quick", messageId: `quick ${n}` };
		await (await box.accept("ws", quick, origin)).result;
	}
	resolve();
	const again = await box.accept("ws", mail("slow", "slow"), origin);
	expect(again.runId).toBe(slow.runId);
	expect((await again.result)?.text).toBe("done");
});

test("a stop ends what runs at once, and what was said before it while that is on its way; what is said after it is answered", async () => {
	const { promise: open, resolve } = Promise.withResolvers<void>();
	const begun = Promise.withResolvers<void>();
	answer = ({ lastText }) => {
		if (!lastText.endsWith("m1"))
			return { text: `To ${lastText.split("] ").at(-1)}` };
		begun.resolve();
		return { instead: "hang" };
	};
	const box = mailbox({
		async acceptMessage(message) {
			// The disk is slow, for the second one.
			if (message.text === "m2") await open;
			return store.acceptMessage(message);
		},
	});
	const first = await box.accept("ws", mail("m1"), origin);
	await begun.promise;
	const second = box.accept("ws", mail("m2"), origin);
	expect(box.stop(KEY)).toBe(true);
	expect((await first.result)?.error?.code).toBe("cancelled");
	const third = await box.accept("ws", mail("m3"), origin);
	resolve();
	expect((await (await second).result)?.error?.code).toBe("cancelled");
	expect((await third.result)?.text).toBe("To m3");
	expect(asked()).toEqual(["m1", "m3"]);
	expect(box.stop(KEY)).toBe(false);
});
