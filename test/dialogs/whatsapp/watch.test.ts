import { afterEach, beforeEach, expect, test } from "bun:test";
import type { DialogState } from "../../../src/core/delivery.ts";
import { AeonError } from "../../../src/core/errors.ts";
import type { Logger } from "../../../src/core/logger.ts";
import { Secret } from "../../../src/core/secret.ts";
import type { GraphClient } from "../../../src/dialogs/whatsapp/client.ts";
import {
	reportFailure,
	unusableToken,
} from "../../../src/dialogs/whatsapp/failure.ts";
import { leavingAlone } from "../../../src/dialogs/whatsapp/quiet.ts";
import { Watch } from "../../../src/dialogs/whatsapp/watch.ts";
import { type FakeClock, fakeClock } from "../../support/fake_clock.ts";
import {
	type FakeWhatsApp,
	startFakeWhatsApp,
} from "../../support/fake_whatsapp.ts";
import { ANNA, BERT, clientOf, failureOf, NEVER, readAll } from "./graph.ts";

const ALWAYS = Number.POSITIVE_INFINITY;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let whatsapp: FakeWhatsApp;
let clock: FakeClock;
let watch: Watch;
let client: GraphClient;
let states: DialogState[];
let lines: string[];
let token: string;

beforeEach(async () => {
	let asked = 0;
	// A call is under way where it was made and neither waits at the other end nor came back.
	clock = fakeClock(undefined, () => asked <= whatsapp.open());
	whatsapp = await startFakeWhatsApp({ clock });
	token = whatsapp.token;
	states = [];
	lines = [];
	const at =
		(level: string): Logger["info"] =>
		(event, fields = {}) =>
			void lines.push(`${level} ${event} ${JSON.stringify(fields)}`);
	const plain = clientOf(whatsapp, {
		token: () => new Secret(token),
		fetch(url, init) {
			asked++;
			return fetch(url, init).finally(() => {
				asked--;
			});
		},
	});
	watch = new Watch({
		client: plain,
		clock,
		logger: {
			debug: at("debug"),
			info: at("info"),
			warn: at("warn"),
			error: at("error"),
			hide: () => {},
			close: () => {},
		},
		report: (state) => void states.push(state),
		random: () => 1,
	});
	client = watch.watched(leavingAlone(plain, clock));
});

afterEach(async () => {
	await watch.stop();
	expect(whatsapp.violations).toEqual([]);
	expect(lines.join("\n")).not.toContain(whatsapp.token);
	await whatsapp.stop();
});

const say = (to = ANNA) =>
	client.send({ to, type: "text", text: { body: "hello" } });

const asked = () => whatsapp.calls.splice(0).map(({ method }) => method);

/** The last state and its problem, in one line. */
const state = () => {
	const { state, problem } = states.at(-1) ?? { state: "untold" };
	return problem === undefined ? state : `${state}: ${problem}`;
};

const told = () => states.map(({ state }) => state);

const is = (wanted: string, limitMs = 0) =>
	clock.advanceUntil(() => state() === wanted, limitMs);

/** It is well, and nobody has asked for anything else. */
async function begin(): Promise<void> {
	watch.start();
	await whatsapp.until(() => whatsapp.calls.length > 0);
	await clock.advance(0);
	expect(state()).toBe("running");
	asked();
	states = [];
}

const EXPIRED = "WhatsApp does not accept the access token (190)";
const BLOCKED =
	"WhatsApp has blocked the business account for breaking its rules: Meta's Business Support Home tells why (368)";

test("it begins with one probe, and asks nothing more while all is well", async () => {
	watch.start();
	watch.start();
	expect(told()).toEqual(["starting"]);
	await whatsapp.until(() => whatsapp.calls.length > 0);
	await clock.advance(24 * HOUR);
	expect(states).toEqual([{ state: "starting" }, { state: "running" }]);
	expect(asked()).toEqual(["probe"]);
	expect(lines).toEqual([
		"info whatsapp.starting {}",
		"info whatsapp.running {}",
	]);
});

test("a start without a network is tried again, ever more slowly, until it works", async () => {
	await whatsapp.refuse();
	watch.start();
	await clock.advance(5 * MINUTE);
	expect(states).toEqual([
		{ state: "starting" },
		{
			state: "retrying",
			problem: "WhatsApp cannot be reached: connection refused",
		},
	]);
	await whatsapp.accept();
	await clock.advance(MINUTE);
	expect(state()).toBe("running");
	expect(asked()).toEqual(["probe"]);
});

test("a refused token stops it: nothing is sent until another one works, which is tried every five minutes", async () => {
	await begin();
	token = "EAAAnotherOne0123";
	expect(await failureOf(say())).toMatchObject({ status: 401 });
	expect(state()).toBe(`stopped: ${EXPIRED}`);
	await clock.advance(2 * MINUTE);
	asked();
	expect(await failureOf(say(BERT))).toMatchObject({
		code: "peer_unavailable",
		retryAfterMs: 3 * MINUTE,
	});
	await failureOf(client.markRead("wamid.1", true));
	expect(asked()).toEqual([]);
	await clock.advance(10 * MINUTE);
	expect(asked()).toEqual(["probe", "probe"]);
	token = whatsapp.token;
	await clock.advance(5 * MINUTE);
	expect(told()).toEqual(["stopped", "running"]);
	await say();
	expect(lines.filter((line) => line.startsWith("warn"))).toHaveLength(3);
});

test("a token that may send need not be allowed to look: what is sent proves that it works", async () => {
	const details = "Object with ID '100' cannot be loaded";
	const body = { error: { code: 100, error_subcode: 33, message: details } };
	whatsapp.fail({ method: "probe", times: ALWAYS, body, status: 400 });
	watch.start();
	await whatsapp.until(() => whatsapp.calls.length > 0);
	await is(
		`stopped: WhatsApp does not know this phone_number_id, or the access token may not use it (100)`,
		MINUTE,
	);
	asked();
	await say();
	expect(state()).toBe("running");
	await clock.advance(HOUR);
	expect(asked()).toEqual(["messages"]);
});

test("a token that may not look at all counts as one that works", async () => {
	const body = { error: { code: 10, message: "no permission" } };
	whatsapp.fail({ method: "probe", times: ALWAYS, body, status: 403 });
	await begin();
	expect(told()).toEqual([]);
	await say();
});

test("what Graph says anew with every try is no new problem", async () => {
	await begin();
	whatsapp.fail({ method: "messages", code: 190 });
	await failureOf(say());
	for (let n = 0; n < 3; n++) {
		const message = `Session has expired. The current time is ${n}`;
		const body = { error: { code: 190, message } };
		whatsapp.fail({ method: "probe", body, status: 401 });
		await clock.advance(5 * MINUTE);
	}
	expect(told()).toEqual(["stopped"]);
	expect(lines.filter((line) => line.includes("time is 2"))).toHaveLength(1);
});

test("where a sending is refused for the same reason, nothing more is sent before the next look", async () => {
	const body = { error: { code: 10, message: "no permission" } };
	for (const method of ["probe", "messages"] as const)
		whatsapp.fail({ method, times: ALWAYS, body, status: 403 });
	watch.start();
	await whatsapp.until(() => whatsapp.calls.length > 0);
	await clock.advance(0);
	expect(await failureOf(say())).toMatchObject({ status: 401 });
	asked();
	await clock.advance(2 * MINUTE);
	expect(await failureOf(say())).toMatchObject({
		code: "peer_unavailable",
		retryAfterMs: 3 * MINUTE,
	});
	expect(asked()).toEqual([]);
	// A probe that is refused as well says nothing of sending.
	await clock.advance(3 * MINUTE);
	expect(asked()).toEqual(["probe"]);
	expect(state()).toStartWith("stopped: ");
});

test("where a sending meets what the probe has met, nothing more is sent before the next look", async () => {
	const body = { error: { code: 100, error_subcode: 33, message: "unknown" } };
	for (const method of ["probe", "messages"] as const)
		whatsapp.fail({ method, times: ALWAYS, body, status: 400 });
	watch.start();
	await whatsapp.until(() => whatsapp.calls.length > 0);
	await clock.advance(0);
	expect(state()).toStartWith("stopped: ");
	await failureOf(say());
	asked();
	await clock.advance(2 * MINUTE);
	expect(await failureOf(say(BERT))).toMatchObject({
		code: "peer_unavailable",
		retryAfterMs: 3 * MINUTE,
	});
	expect(asked()).toEqual([]);
});

test("a new token that may not look is found out by what is sent", async () => {
	await begin();
	whatsapp.fail({ method: "messages", code: 190 });
	await failureOf(say());
	const body = { error: { code: 10, message: "no permission" } };
	whatsapp.fail({ method: "probe", times: ALWAYS, body, status: 403 });
	await clock.advance(5 * MINUTE);
	await say();
	expect(state()).toBe("running");
	await say(BERT);
});

test("what was under way when all was stopped, and arrives, ends the stop", async () => {
	await begin();
	const slow = Promise.withResolvers<string>();
	const send = () => slow.promise;
	const sent = watch.watched({ ...clientOf(whatsapp), send }).send({});
	whatsapp.fail({ method: "messages", code: 190 });
	await failureOf(say());
	expect(state()).toBe(`stopped: ${EXPIRED}`);
	slow.resolve("wamid.1");
	expect(await sent).toBe("wamid.1");
	expect(state()).toBe("running");
	await say();
});

test("a file that cannot be fetched tells of the account, and not of a host of files", async () => {
	await begin();
	const { id } = whatsapp.addFile(new Uint8Array(9), "image/jpeg");
	const fetched = () => readAll(client.download(id, NEVER));
	whatsapp.fail({ method: "download", mode: "reset" });
	await failureOf(fetched());
	expect(states).toEqual([]);
	whatsapp.fail({ method: "describe", code: 190 });
	await failureOf(fetched());
	expect(state()).toBe(`stopped: ${EXPIRED}`);
});

test("a blocked account is left alone for its hour, and only then said to run", async () => {
	await begin();
	whatsapp.fail({ method: "messages", code: 368 });
	await failureOf(say());
	expect(state()).toBe(`stopped: ${BLOCKED}`);
	await clock.advance(HOUR - 1_000);
	expect(await failureOf(say(BERT))).toMatchObject({
		code: "peer_unavailable",
		message: expect.stringContaining("has blocked the business account"),
		retryAfterMs: 1_000,
	});
	expect(asked()).toEqual(["messages"]);
	await clock.advance(1_000);
	expect(told()).toEqual(["stopped", "running"]);
	expect(asked()).toEqual(["probe"]);
	await say();
});

test("a limit on the account is told until its time is over, and what is about a chat or a message is not", async () => {
	await begin();
	for (const code of [131047, 131056, 131026, 100, 131000]) {
		whatsapp.fail({ method: "messages", code });
		await failureOf(say(`+1555010${code}`));
	}
	expect(states).toEqual([]);
	whatsapp.fail({ method: "messages", code: 80007 });
	await failureOf(say());
	expect(state()).toBe(
		"retrying: WhatsApp wants fewer calls for a while (80007)",
	);
	asked();
	await clock.advance(5 * MINUTE - 1);
	expect(asked()).toEqual([]);
	await clock.advance(1);
	expect(told()).toEqual(["retrying", "running"]);
});

test("where WhatsApp cannot be reached for a message, it is asked until it can", async () => {
	await begin();
	await whatsapp.refuse();
	await Promise.all([1, 2, 3].map(() => failureOf(say())));
	expect(state()).toBe(
		"retrying: WhatsApp cannot be reached: connection refused",
	);
	await clock.advance(10_000);
	await failureOf(say());
	await whatsapp.accept();
	await is("running", MINUTE);
	expect(told()).toEqual(["retrying", "running"]);
});

test("a message that got no answer makes it ask, and what works is running again a second later", async () => {
	await begin();
	whatsapp.fail({ method: "messages", mode: "reset" });
	await failureOf(say());
	expect(told()).toEqual(["retrying"]);
	await is("running", 1_000);
	expect(asked()).toEqual(["messages", "probe"]);
});

test("that it stops is logged at once, also after a failure of a moment ago", async () => {
	await begin();
	whatsapp.fail({ method: "messages", code: 130429 });
	await failureOf(say());
	watch.noticed(reportFailure([{ code: 190 }]));
	expect(lines.map((line) => line.split(" ", 2).join(" ")).slice(-2)).toEqual([
		"warn whatsapp.retrying",
		"warn whatsapp.stopped",
	]);
});

test("while it waits for one problem, that nobody can be reached is no other one", async () => {
	await begin();
	whatsapp.fail({ method: "messages", code: 130429 });
	await failureOf(say());
	watch.noticed(new AeonError("peer_unavailable", "connection refused"));
	expect(told()).toEqual(["retrying"]);
	await is("running", 10_000);
});

test("a token that is refused without a code is another problem than nobody being there", async () => {
	await begin();
	watch.noticed(new AeonError("peer_unavailable", "connection refused"));
	watch.noticed(unusableToken());
	expect(told()).toEqual(["retrying", "stopped"]);
});

test("while it is asked whether it works again, what is to go out waits a second", async () => {
	await begin();
	whatsapp.fail({ method: "messages", code: 190 });
	await failureOf(say());
	whatsapp.fail({ method: "probe", mode: "hang" });
	const { length } = whatsapp.calls;
	void clock.advance(6 * MINUTE);
	await whatsapp.until(() => whatsapp.calls.length > length);
	expect((await failureOf(say())).retryAfterMs).toBe(1_000);
});

test("a start in the middle of an end counts", async () => {
	await begin();
	const ended = watch.stop();
	watch.start();
	await ended;
	await whatsapp.until(() => whatsapp.calls.length > 0);
	await clock.advance(0);
	expect(told()).toEqual(["starting", "running"]);
});

test("several messages that meet the same problem are one problem", async () => {
	await begin();
	whatsapp.fail({ method: "messages", code: 130429, times: 5 });
	await Promise.all(
		[1, 2, 3, 4, 5].map((n) => failureOf(say(`+1555010000${n}`))),
	);
	await is("running", 10_000);
	expect(told()).toEqual(["retrying", "running"]);
	expect(asked()).toEqual([...Array(5).fill("messages"), "probe"]);
});

test("a worse problem takes the place of a lesser one, and not the other way round", async () => {
	await begin();
	whatsapp.fail({ method: "messages", code: 130429 });
	whatsapp.fail({ method: "messages", code: 368 });
	whatsapp.fail({ method: "messages", code: 80007 });
	await Promise.all(
		[ANNA, BERT, "+15550100003"].map((to) => failureOf(say(to))),
	);
	await clock.advance(HOUR - 1);
	expect(state()).toBe(`stopped: ${BLOCKED}`);
	await clock.advance(1);
	expect(state()).toBe("running");
});

test("what a status tells of the account counts as well", async () => {
	await begin();
	watch.noticed(reportFailure([{ code: 131042, title: "Payment issue" }]));
	watch.noticed(reportFailure([{ code: 131047 }]));
	expect(state()).toBe(
		"stopped: WhatsApp does not send because of a payment: see the billing settings of the business account (131042)",
	);
	expect((await failureOf(say())).retryAfterMs).toBe(30 * MINUTE);
	await is("running", 30 * MINUTE);
	expect(asked()).toEqual(["probe"]);
});

test("what goes on failing is logged once a minute", async () => {
	whatsapp.fail({ method: "probe", code: 131016, times: ALWAYS });
	watch.start();
	await clock.advance(30 * MINUTE);
	const warned = lines.filter((line) => line.startsWith("warn"));
	expect(warned.length).toBeWithin(25, 32);
	expect(warned[0]).toBe(
		'warn whatsapp.retrying {"problem":"WhatsApp is not available at the moment. WhatsApp said 131016: Service unavailable"}',
	);
	expect(told()).toEqual(["starting", "retrying"]);
});

test("an end takes effect at once, whatever hangs, and a second start begins anew", async () => {
	whatsapp.fail({ method: "probe", mode: "hang" });
	watch.start();
	await whatsapp.until(() => whatsapp.calls.length > 0);
	await watch.stop();
	expect(told()).toEqual(["starting", "stopped"]);
	watch.noticed(reportFailure([{ code: 190 }]));
	expect(clock.sleeping()).toBe(0);
	await begin();
	watch.noticed(reportFailure([{ code: 368 }]));
	await watch.stop();
	await watch.stop();
	expect(told()).toEqual(["stopped", "stopped"]);
	expect(clock.sleeping()).toBe(0);
	await say();
});
