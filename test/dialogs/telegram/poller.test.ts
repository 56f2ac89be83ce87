import { afterEach, beforeEach, expect, test } from "bun:test";
import { Secret } from "../../../src/core/secret.ts";
import { openClient } from "../../../src/dialogs/telegram/client.ts";
import { Poller } from "../../../src/dialogs/telegram/poller.ts";
import type { FakeFailure } from "../../support/fake_telegram.ts";
import { until } from "../../support/until.ts";
import { type Witness, witness } from "./witness.ts";

const MINUTE = 60_000;
/** How long the answers to the questions that are asked may take. */
const ANSWER_TIMES = [15_000, 30_000, 45_000];
const ALWAYS = Number.POSITIVE_INFINITY;

let seen: Witness;
let poller: Poller;

beforeEach(async () => {
	seen = await witness();
	poller = new Poller(seen);
});

afterEach(async () => {
	await poller.stop();
	await seen.telegram.stop();
	const [, secretPart = ""] = seen.telegram.token.split(":");
	expect(seen.lines.join("\n")).not.toContain(secretPart);
	expect(JSON.stringify(seen.states)).not.toContain(secretPart);
	expect(seen.telegram.violations).toEqual([]);
});

const polls = () =>
	seen.telegram.calls.filter(({ method }) => method === "getUpdates");

/** It is well: a long poll is open, and only that one. */
async function well(): Promise<void> {
	await until(() => seen.state() === "running" && polls().length > 1);
	await until(() => seen.telegram.pollers() === 1);
}

/** What is said next is taken, once, and one poll is open, which is the most there ever were. */
async function delivers(text = "after"): Promise<void> {
	seen.telegram.say(7, text);
	await seen.clock.advanceUntil(() => seen.texts.includes(text), 2 * MINUTE);
	expect(seen.texts.filter((one) => one === text)).toEqual([text]);
	expect(seen.state()).toBe("running");
	await until(() => seen.telegram.pollers() === 1);
	expect(seen.telegram.maxPollers()).toBe(1);
}

test("a message is taken as it comes, and Telegram is asked again behind it", async () => {
	poller.start();
	expect(seen.state()).toBe("starting");
	await well();
	for (const text of ["one", "two", "three"]) seen.telegram.say(7, text);
	await until(() => seen.texts.length === 3);
	expect(seen.texts).toEqual(["one", "two", "three"]);
	await until(() => seen.telegram.pending() === 0);
	expect(seen.states.map(({ state }) => state)).toEqual([
		"starting",
		"running",
	]);
	expect(polls().at(-1)?.params).toEqual({
		offset: 1_004,
		timeout: 30,
		allowed_updates: [
			"message",
			"edited_message",
			"channel_post",
			"callback_query",
		],
	});
});

test("polling begins by taking a webhook away, and keeps what waited for it", async () => {
	seen.telegram.useWebhook("http://127.0.0.1:1/hook");
	seen.telegram.say(7, "waited");
	poller.start();
	await until(() => seen.texts.length === 1);
	expect(seen.texts).toEqual(["waited"]);
	expect(seen.telegram.webhook()).toBeUndefined();
	const [first] = seen.telegram.calls;
	expect(first).toMatchObject({
		method: "deleteWebhook",
		params: { drop_pending_updates: false },
	});
});

test("a webhook that somebody sets meanwhile is taken away again", async () => {
	poller.start();
	await well();
	seen.telegram.useWebhook("http://127.0.0.1:1/hook");
	await until(() => seen.state().startsWith("retrying"));
	await delivers();
	expect(seen.telegram.webhook()).toBeUndefined();
});

test("no network at boot is a normal state, also for ten minutes", async () => {
	await seen.telegram.refuse();
	poller.start();
	await seen.clock.advance(10 * MINUTE);
	expect(seen.state()).toBe(
		"retrying: Telegram cannot be reached: connection refused",
	);
	await seen.telegram.accept();
	await delivers();
});

test("ten minutes without network in the middle lose nothing, and the log says so once a minute at most", async () => {
	poller.start();
	await well();
	await seen.telegram.refuse();
	seen.telegram.say(7, "said meanwhile");
	await seen.clock.advance(10 * MINUTE);
	expect(seen.state()).toBe(
		"retrying: Telegram cannot be reached: connection refused",
	);
	const lines = seen.lines.filter((line) => line.includes("retrying"));
	expect(lines.length).toBeGreaterThan(3);
	expect(lines.length).toBeLessThanOrEqual(11);
	await seen.telegram.accept();
	await delivers();
	expect(seen.texts).toEqual(["said meanwhile", "after"]);
});

test("pauses between failures double from one second to a minute, and begin anew after a success", async () => {
	const pauses: number[] = [];
	const { sleep } = seen.clock;
	const clock = {
		...seen.clock,
		sleep: (ms: number, signal?: AbortSignal) => {
			if (!ANSWER_TIMES.includes(ms)) pauses.push(ms);
			return sleep(ms, signal);
		},
	};
	poller = new Poller({ ...seen, clock, random: () => 1 });
	seen.telegram.fail({ method: "getUpdates", times: 8 });
	poller.start();
	await seen.clock.advanceUntil(() => seen.state() === "running", 10 * MINUTE);
	seen.telegram.fail({ method: "getUpdates" });
	seen.telegram.say(7, "x");
	await until(() => seen.state().startsWith("retrying"));
	const seconds = pauses.map((ms) => ms / 1_000);
	expect(seconds).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 1]);
	await delivers();
});

for (const [name, failure, problem] of [
	["hangs", { mode: "hang" }, "Telegram did not answer within"],
	["is reset", { mode: "reset" }, "the connection broke"],
	["is a gateway's page", { mode: "html502" }, "a gateway said 502"],
	["is a fault of Telegram's own", { status: 500 }, "Telegram said 500"],
	["is lost after all", { mode: "drop_after" }, "the connection broke"],
] as [string, Partial<FakeFailure>, string][]) {
	test(`where the answer ${name}, the next message is taken by one poller all the same`, async () => {
		seen.telegram.fail({ method: "getUpdates", times: 4, ...failure });
		poller.start();
		await seen.clock.advanceUntil(
			() => seen.states.some((told) => told.problem?.includes(problem)),
			2 * MINUTE,
		);
		await seen.clock.advanceUntil(() => seen.state() === "running", 5 * MINUTE);
		await delivers();
	});
}

test("a poll that goes half open is given up, and the next one is on a new connection", async () => {
	poller.start();
	await well();
	seen.telegram.freeze();
	await seen.clock.advance(44_000);
	expect(polls()).toHaveLength(2);
	expect(seen.state()).toBe("running");
	seen.telegram.say(7, "said into the void");
	await seen.clock.advance(2_000);
	const problem = "Telegram did not answer within 45 s";
	expect(seen.states).toContainEqual({ state: "retrying", problem });
	await delivers();
	expect(seen.texts).toEqual(["said into the void", "after"]);
});

test("a quiet chat is a healthy one: long polls that bring nothing follow one another", async () => {
	poller.start();
	await well();
	await seen.clock.advance(10 * MINUTE);
	expect(seen.states.map(({ state }) => state)).toEqual([
		"starting",
		"running",
	]);
	expect(polls().length).toBeGreaterThan(15);
	await delivers();
});

test("what a poll that was given up brings later is nobody's", async () => {
	const { telegram, clock } = seen;
	const late: ((value: Response) => void)[] = [];
	const client = openClient({
		token: new Secret(telegram.token),
		apiRoot: telegram.url,
		// Does not listen to its signal either.
		fetch: (url, init) =>
			url.endsWith("getUpdates") && late.length === 0
				? new Promise((resolve) => late.push(resolve))
				: fetch(url, init),
	});
	poller = new Poller({ ...seen, client });
	poller.start();
	await until(() => late.length === 1);
	await clock.advanceUntil(() => seen.state() === "running", MINUTE);
	const update = { update_id: 5, message: { text: "late" } };
	late[0]?.(Response.json({ ok: true, result: [update] }));
	await delivers();
	expect(seen.texts).toEqual(["after"]);
});

test("another program with the same token is waited for, however long it stays", async () => {
	const description =
		"Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
	seen.telegram.fail({
		method: "getUpdates",
		times: 20,
		status: 409,
		description,
	});
	poller.start();
	await until(() => seen.state().startsWith("retrying"));
	expect(seen.state()).toContain("another program uses this token");
	await seen.clock.advanceUntil(() => polls().length > 20, 30 * MINUTE);
	await delivers();
	// A short question would succeed, and the next long one fail again: it would not be known how things stand.
	const asked = polls().map(({ params }) => params.timeout);
	expect(asked.slice(0, 21)).toEqual([0, ...Array(20).fill(30)]);
	const times = polls().map(({ at }) => at);
	const pauses = times.slice(1, 21).map((at, n) => at - (times[n] ?? 0));
	expect(Math.min(...pauses)).toBeGreaterThanOrEqual(5_000);
	expect(Math.max(...pauses)).toBeLessThanOrEqual(61_000);
	const lines = seen.lines.filter((line) => line.includes("another program"));
	const minutes = ((times[20] ?? 0) - (times[0] ?? 0)) / MINUTE;
	expect(lines.length).toBeLessThanOrEqual(minutes + 1);
});

for (const status of [401, 404])
	test(`a token that Telegram refuses with ${status} stops it, until the token is good again`, async () => {
		const description = status === 401 ? "Unauthorized" : "Not Found";
		seen.telegram.fail({ method: "*", times: ALWAYS, status, description });
		poller.start();
		await until(() => seen.state().startsWith("stopped"));
		expect(seen.state()).toBe(
			`stopped: Telegram refuses the token: Telegram said ${status}: ${description}`,
		);
		await seen.clock.advance(14 * MINUTE);
		expect(seen.telegram.calls).toHaveLength(3);
		seen.telegram.mend();
		await seen.clock.advanceUntil(() => seen.state() === "running", 6 * MINUTE);
		await delivers();
	});

test("Telegram is left alone for as long as it asks", async () => {
	seen.telegram.fail({ method: "getUpdates", retryAfter: 90 });
	poller.start();
	await until(() => seen.state().startsWith("retrying"));
	await seen.clock.advance(89_000);
	expect(polls()).toHaveLength(1);
	await delivers();
});

test("an update that cannot be kept is taken again, and nothing behind it before", async () => {
	let failures = 5;
	const tried: string[] = [];
	seen.keep = async ({ message }) => {
		tried.push(message?.text ?? "?");
		if (message?.text === "two" && failures-- > 0)
			throw new Error("the disk is full");
	};
	for (const text of ["one", "two", "three"]) seen.telegram.say(7, text);
	poller.start();
	await until(() => seen.state().startsWith("retrying"));
	expect(seen.state()).toBe(
		"retrying: What Telegram sent cannot be kept: the disk is full",
	);
	expect(seen.telegram.pending()).toBe(3);
	await seen.clock.advanceUntil(() => seen.texts.length === 3, 5 * MINUTE);
	expect(seen.texts).toEqual(["one", "two", "three"]);
	expect(tried).toEqual(["one", ...Array(6).fill("two"), "three"]);
	await delivers();
	expect(seen.texts).toHaveLength(4);
});

test("a poll behind what was taken is all that makes Telegram forget it", async () => {
	let release = () => {};
	seen.keep = () =>
		new Promise((resolve) => {
			release = resolve;
		});
	poller.start();
	await well();
	seen.telegram.say(7, "slow");
	await until(() => seen.telegram.pollers() === 0);
	await seen.clock.advance(5 * MINUTE);
	expect(seen.telegram.pending()).toBe(1);
	release();
	await until(() => seen.telegram.pending() === 0);
	expect(seen.texts).toEqual(["slow"]);
});

test("an end in any state takes effect at once, and nothing is taken afterwards", async () => {
	const { telegram, clock } = seen;
	const retrying = () => {
		telegram.fail({ method: "getUpdates" });
		return until(() => seen.state().startsWith("retrying"));
	};
	const states: [string, () => void | Promise<void>][] = [
		["starting", () => {}],
		["running", well],
		["hanging", () => telegram.freeze()],
		["refused", () => telegram.refuse()],
		["waiting", () => retrying()],
	];
	for (const [, enter] of states) {
		poller.start();
		await enter();
		const begin = performance.now();
		await poller.stop();
		expect(performance.now() - begin).toBeLessThan(500);
		expect(seen.state()).toBe("stopped");
		await until(() => telegram.open() === 0 && clock.sleeping() === 0);
		await telegram.accept();
	}
	await until(() => telegram.pollers() === 0);
	const before = telegram.calls.length;
	telegram.say(7, "too late");
	await clock.advance(5 * MINUTE);
	expect(telegram.calls).toHaveLength(before);
	expect(seen.texts).toEqual([]);
	expect(clock.sleeping()).toBe(0);
	await poller.stop();

	poller.start();
	await until(() => seen.texts.length === 1);
	await delivers();
});

test("an end with the token refused, or with an update that cannot be kept, takes effect at once", async () => {
	seen.telegram.fail({ method: "*", status: 401 });
	poller.start();
	await until(() => seen.state().startsWith("stopped"));
	await poller.stop();
	seen.keep = () => Promise.reject(new Error("the disk is full"));
	seen.telegram.say(7, "x");
	poller.start();
	await until(() => seen.state().includes("the disk is full"));
	await poller.stop();
	expect(seen.state()).toBe("stopped");
	await seen.clock.advance(5 * MINUTE);
	expect(seen.texts).toEqual([]);
});

test("an end waits for an update that is being kept, but not for ever", async () => {
	let release = () => {};
	seen.keep = () =>
		new Promise((resolve) => {
			release = resolve;
		});
	for (const text of ["kept", "never begun"]) seen.telegram.say(7, text);
	poller.start();
	const begun = () => seen.telegram.pollers() === 0 && polls().length === 1;
	await until(begun);
	await seen.clock.advance(0);
	let isEnded = false;
	const ending = poller.stop().then(() => {
		isEnded = true;
	});
	await seen.clock.advance(1_000);
	expect(isEnded).toBe(false);
	release();
	await ending;
	expect(seen.texts).toEqual(["kept"]);

	const taken = seen.clock.now();
	poller.start();
	await until(() => polls().length === 2);
	await seen.clock.advance(0);
	let isStopped = false;
	const stopping = poller.stop().then(() => {
		isStopped = true;
	});
	await seen.clock.advanceUntil(() => isStopped, 3_000);
	expect(seen.clock.now() - taken).toBeLessThanOrEqual(3_000);
	await stopping;
	expect(seen.texts).toEqual(["kept"]);
});

test("a second start is no second poller", async () => {
	poller.start();
	poller.start();
	await well();
	await delivers();
});

test("a thousand connections that break in a row leave one poller and nothing behind", async () => {
	seen.telegram.fail({ method: "getUpdates", times: 1_000, mode: "reset" });
	const clock = { ...seen.clock, sleep: quickly(seen) };
	poller = new Poller({ ...seen, clock, random: () => 1 });
	poller.start();
	await until(() => seen.state() === "running");
	expect(polls().length).toBeGreaterThan(1_000);
	await delivers();
	expect(seen.clock.sleeping()).toBeLessThanOrEqual(3);
});

/** Waits next to no time between tries, but for answers as long as it has to. */
function quickly({ clock }: Witness): Witness["clock"]["sleep"] {
	return (ms, signal) =>
		ANSWER_TIMES.includes(ms)
			? clock.sleep(ms, signal)
			: new Promise(setImmediate);
}
