// What has to be waited for: how long nothing is asked, and what becomes of what Aeon has to say meanwhile.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { join } from "node:path";
import { readAgain } from "../../../src/app_reload.ts";
import type { DialogState } from "../../../src/core/delivery.ts";
import { type Logger, silent } from "../../../src/core/logger.ts";
import { type MailedDialog, Outbox } from "../../../src/delivery/outbox.ts";
import type { DialogHost } from "../../../src/dialogs/provider.ts";
import { openWhatsApp } from "../../../src/dialogs/whatsapp/dialog.ts";
import {
	readSettings,
	type SettingsRequest,
} from "../../../src/settings/settings.ts";
import { sqlite } from "../../../src/storage/sqlite.ts";
import { type FakeClock, fakeClock } from "../../support/fake_clock.ts";
import {
	type FakeWhatsApp,
	startFakeWhatsApp,
} from "../../support/fake_whatsapp.ts";
import { temporaryHome } from "../../support/home.ts";
import { config, writeConfig } from "../../support/server.ts";
import { ANNA, BERT, optionsFor, VERIFY_TOKEN } from "./rig.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;

/** How far the time goes on between two looks. */
const STEP_MS = 200;

/** The dialog with its outbox, on a clock that a test moves. */
interface Dialog extends AsyncDisposable {
	/** Where Meta posts to. */
	url: string;
	outbox: Outbox;
	states: DialogState["state"][];
	/** How often a message had to be put off. */
	delays(): number;
	start(): Promise<void>;
	stop(): Promise<void>;
	say(to: string, text: string): Promise<void>;
	/** Resolves, while the time stands still, when nothing is to be sent any more. */
	said(): Promise<void>;
	/** Writes other options into aeon.json and has it read again. */
	reload(options: object): Promise<void>;
}

let whatsapp: FakeWhatsApp;
let clock: FakeClock;
let dialog: Dialog;

beforeEach(async () => {
	let isQuiet = () => true;
	clock = fakeClock(undefined, () => isQuiet());
	whatsapp = await startFakeWhatsApp({ clock });
	isQuiet = () => whatsapp.open() === 0;
	dialog = await openDialog();
});

afterEach(async () => {
	await dialog[Symbol.asyncDispose]();
	await whatsapp.stop();
	expect(whatsapp.violations).toEqual([]);
});

async function openDialog(): Promise<Dialog> {
	const sections = (options: object) =>
		config(undefined, {
			dialogs: { whatsapp: { ...optionsFor(whatsapp), ...options } },
		});
	const home = temporaryHome(sections({}));
	const request: SettingsRequest = {
		env: {},
		cwd: "/",
		home: home.path,
		needs: "everything",
	};
	let { settings } = await readSettings(request);
	const logged: string[] = [];
	const logger: Logger = {
		...silent,
		warn: (event) => void logged.push(event),
	};
	const store = await sqlite.open({
		sessions_db: join(home.path, "aeon.db"),
	});
	const provider = (await openWhatsApp({
		options: () => settings.dialogs.whatsapp as never,
		agent: () => "main",
		state: home.path,
		logger,
		clock,
	})) as MailedDialog;
	const outbox = new Outbox({
		dialog: provider,
		store,
		clock,
		logger,
		observe() {},
		openFile: () => Promise.reject(new Error("no files here")),
	});
	const states: DialogState["state"][] = [];
	const host = {
		confirm: (report) => outbox.confirm(report),
		report({ state }) {
			if (state === "running" && states.at(-1) !== "running") outbox.hurry();
			states.push(state);
		},
	} satisfies Partial<DialogHost> as unknown as DialogHost;
	const server = Bun.serve({
		port: 0,
		fetch: (sent) => provider.webhook?.(sent) ?? new Response(null),
	});
	const url = `${server.url}webhooks/whatsapp`;
	return {
		url,
		outbox,
		states,
		delays: () => logged.filter((one) => one === "message.delayed").length,
		async start() {
			await provider.start(host);
			await whatsapp.subscribe(url, VERIFY_TOKEN);
			await until(() => states.length === 2);
		},
		stop: () => provider.stop(),
		say: (to, text) => outbox.say(to, { text }),
		async said() {
			while ((await store.pendingParts("whatsapp")).length > 0)
				await clock.advance(0);
		},
		async reload(options) {
			writeConfig(home.path, sections(options));
			const { reading } = await readAgain(request, settings);
			settings = reading.settings;
		},
		async [Symbol.asyncDispose]() {
			whatsapp.unsubscribe();
			const stopped = provider.stop();
			await clock.advance(3 * SECOND_MS);
			await stopped;
			await outbox.close(AbortSignal.abort());
			await store.close();
			await server.stop(true);
			home[Symbol.dispose]();
		},
	};
}

/** Waits, while the time stands still, until it is true. */
async function until(isTrue: () => boolean): Promise<void> {
	while (!isTrue()) await clock.advance(0);
}

/** Lets the time pass in small steps until it is true; throws where it is not so after two minutes. */
async function pass(isTrue: () => boolean): Promise<void> {
	const end = clock.now() + 2 * MINUTE_MS;
	while (!isTrue()) {
		if (clock.now() > end) throw new Error("it has not become true");
		await clock.advance(STEP_MS);
	}
}

const texts = (to = ANNA) => whatsapp.visible(to).map(({ text }) => text);

/** What was asked, in order. */
const asked = (): string[] => whatsapp.calls.map(({ method }) => method);

/** When a call came, counted from another one. */
const between = (one: number, other: number) =>
	(whatsapp.calls[other]?.at ?? 0) - (whatsapp.calls[one]?.at ?? 0);

test("a token that is refused from the start is looked at every five minutes, and with another one in aeon.json what waited goes out", async () => {
	await dialog.reload({ access_token: "EAAOutOfDate" });
	await dialog.start();
	await dialog.say(ANNA, "one");
	await until(() => dialog.delays() === 1);
	await clock.advance(5 * MINUTE_MS);
	await until(() => asked().length === 2);
	await dialog.say(ANNA, "two");
	await dialog.reload({});
	await clock.advance(5 * MINUTE_MS);
	await pass(() => texts().length === 2);
	expect(texts()).toEqual(["one", "two"]);
	const probes = ["probe", "probe", "probe"];
	expect(asked()).toEqual([...probes, "messages", "messages"]);
	expect(between(0, 1)).toBeGreaterThanOrEqual(5 * MINUTE_MS);
	expect(between(1, 2)).toBeGreaterThanOrEqual(5 * MINUTE_MS);
	expect(dialog.states).toEqual(["starting", "stopped", "running"]);
});

test("a token that is refused in the middle is the same, and what met it is sent once there is another one", async () => {
	await dialog.start();
	await dialog.say(ANNA, "before");
	await until(() => texts().length === 1);
	await dialog.reload({ access_token: "EAATakenBack" });
	await dialog.say(ANNA, "kept");
	await until(() => dialog.delays() === 1);
	expect(dialog.states).toEqual(["starting", "running", "stopped"]);
	await dialog.say(BERT, "kept, too");
	await until(() => dialog.delays() === 2);
	await dialog.reload({});
	await clock.advance(5 * MINUTE_MS);
	await pass(() => texts().length + texts(BERT).length === 3);
	expect([texts(), texts(BERT)]).toEqual([["before", "kept"], ["kept, too"]]);
	expect(asked()).toEqual([
		...["probe", "messages", "messages"],
		...["probe", "messages", "messages"],
	]);
	expect(between(2, 3)).toBeGreaterThanOrEqual(5 * MINUTE_MS);
	expect(dialog.states.at(-1)).toBe("running");
});

test("an account that is blocked is asked nothing for an hour, then sends what was kept", async () => {
	await dialog.start();
	whatsapp.fail({ method: "messages", code: 368 });
	await dialog.say(ANNA, "kept");
	await until(() => dialog.delays() === 1);
	await dialog.say(BERT, "kept, too");
	await until(() => dialog.delays() === 2);
	await clock.advance(30 * MINUTE_MS);
	expect(dialog.states).toEqual(["starting", "running", "stopped"]);
	await clock.advance(30 * MINUTE_MS);
	await pass(() => texts().length + texts(BERT).length === 2);
	expect([texts(), texts(BERT)]).toEqual([["kept"], ["kept, too"]]);
	expect(asked()).toEqual([
		...["probe", "messages"],
		...["probe", "messages", "messages"],
	]);
	expect(between(1, 2)).toBeGreaterThanOrEqual(60 * MINUTE_MS);
	expect(dialog.states.at(-1)).toBe("running");
});

test("a number that wants fewer messages is left alone for ten seconds, in which others are written to", async () => {
	await dialog.start();
	whatsapp.fail({ method: "messages", code: 131056 });
	await dialog.say(ANNA, "one");
	await until(() => dialog.delays() === 1);
	await dialog.say(ANNA, "two");
	await dialog.say(BERT, "hello");
	await until(() => texts(BERT).length === 1);
	await pass(() => texts().length === 2);
	expect([texts(), texts(BERT)]).toEqual([["one", "two"], ["hello"]]);
	expect(asked().slice(1)).toEqual(Array(4).fill("messages"));
	expect(between(1, 3)).toBeGreaterThanOrEqual(10 * SECOND_MS);
	expect(dialog.states).toEqual(["starting", "running"]);
});

test("where the whole account is to send less, nothing is sent to anybody for ten seconds", async () => {
	await dialog.start();
	whatsapp.fail({ method: "messages", code: 130429 });
	await dialog.say(ANNA, "one");
	await until(() => dialog.delays() === 1);
	await dialog.say(BERT, "two");
	await until(() => dialog.delays() === 2);
	expect(dialog.states).toEqual(["starting", "running", "retrying"]);
	await pass(() => texts().length + texts(BERT).length === 2);
	expect([texts(), texts(BERT)]).toEqual([["one"], ["two"]]);
	expect(asked().filter((method) => method === "messages")).toHaveLength(3);
	expect(between(1, 2)).toBeGreaterThanOrEqual(10 * SECOND_MS);
	await until(() => dialog.states.at(-1) === "running");
});

test("what WhatsApp itself says to wait counts, however long", async () => {
	await dialog.start();
	whatsapp.fail({ method: "messages", code: 131056, retryAfter: 90 });
	await dialog.say(ANNA, "one");
	await until(() => dialog.delays() === 1);
	await clock.advance(80 * SECOND_MS);
	await pass(() => texts().length === 1);
	expect(asked()).toEqual(["probe", "messages", "messages"]);
	expect(between(1, 2)).toBeGreaterThanOrEqual(90 * SECOND_MS);
});

test("a message that was taken and then told to have come too fast is sent once more after its time", async () => {
	await dialog.start();
	whatsapp.statuses.failNext({ code: 131056 });
	await dialog.say(ANNA, "one");
	await until(() => dialog.delays() === 1);
	await pass(() => asked().length === 3);
	expect(between(1, 2)).toBeGreaterThanOrEqual(10 * SECOND_MS);
	await pass(() => whatsapp.pending() === 0);
	await clock.advance(MINUTE_MS);
	expect(asked()).toEqual(["probe", "messages", "messages"]);
});

test("a message whose sending got no answer is not sent again before Meta has had time to tell of it", async () => {
	await dialog.start();
	whatsapp.statuses.mode = "held";
	whatsapp.fail({ method: "messages", mode: "reset_after" });
	await dialog.say(ANNA, "one");
	await until(() => texts().length === 1);
	await clock.advance(10 * SECOND_MS);
	whatsapp.statuses.release();
	await pass(() => whatsapp.pending() === 0);
	await dialog.said();
	await clock.advance(MINUTE_MS);
	expect(texts()).toEqual(["one"]);
});

test("what is told of a message that was taken may stop everything, too, and counts once", async () => {
	await dialog.start();
	whatsapp.statuses.mode = "held";
	whatsapp.statuses.failNext({ code: 368 });
	await dialog.say(ANNA, "one");
	await dialog.said();
	whatsapp.statuses.release();
	await until(() => dialog.states.at(-1) === "stopped");
	await dialog.say(BERT, "two");
	await until(() => dialog.delays() === 2);
	const [first] = whatsapp.visible(ANNA);
	await clock.advance(60 * MINUTE_MS);
	await pass(() => texts().length + texts(BERT).length === 3);
	expect(asked()).toEqual([
		...["probe", "messages"],
		...["probe", "messages", "messages"],
	]);
	expect(between(1, 2)).toBeGreaterThanOrEqual(60 * MINUTE_MS);
	const states = ["starting", "running", "stopped", "running"];
	expect(dialog.states).toEqual(states as never);
	whatsapp.statuses.tell(first?.id ?? "", "failed", { code: 368 });
	await pass(() => whatsapp.pending() === 0);
	await clock.advance(MINUTE_MS);
	expect(dialog.states).toEqual(states as never);
});

test("after ten minutes without a network what was to be said arrives once, in order", async () => {
	await dialog.start();
	await whatsapp.refuse();
	for (const text of ["one", "two", "three"]) {
		await dialog.say(ANNA, text);
		await clock.advance(MINUTE_MS);
	}
	await clock.advance(7 * MINUTE_MS);
	expect(dialog.states).toEqual(["starting", "running", "retrying"]);
	await whatsapp.accept();
	await pass(() => texts().length === 3);
	expect(texts()).toEqual(["one", "two", "three"]);
	expect(dialog.states.at(-1)).toBe("running");
});

test("after its end it takes nothing in and looks after nothing, and what is said still goes out", async () => {
	await dialog.reload({ access_token: "EAAOutOfDate" });
	await dialog.start();
	await dialog.stop();
	const statuses = [{ id: "wamid.1", status: "read", recipient_id: "1" }];
	const payload = whatsapp.payload([[{ statuses }]]);
	expect(await whatsapp.post(payload)).toBe(503);
	await clock.advance(10 * MINUTE_MS);
	expect(asked()).toEqual(["probe"]);
	await dialog.reload({});
	await dialog.say(ANNA, "good night");
	await until(() => texts().length === 1);
	expect(asked()).toEqual(["probe", "messages"]);
	expect(dialog.states).toEqual(["starting", "stopped", "stopped"]);
});

test("what is posted before it has begun has to come again", async () => {
	const posted = await fetch(dialog.url, { method: "POST", body: "{}" });
	expect(posted.status).toBe(503);
	expect(asked()).toEqual([]);
});

test("while an answer is made, typing is shown as often as WhatsApp forgets it", async () => {
	await dialog.start();
	const text = { type: "text", text: { body: "hello" } };
	const { id: reference } = whatsapp.message(ANNA, text);
	const sessionKey = `agent:main:whatsapp:${ANNA}`;
	const address = { dialog: "whatsapp", to: ANNA, sessionKey, reference };
	const runId = "run-1";
	const start = { type: "agent.start", runId, sessionKey, seq: 1 } as const;
	dialog.outbox.show(address, start);
	await until(() => asked().length === 2);
	await clock.advance(20 * SECOND_MS);
	await pass(() => asked().length === 3);
	expect(asked()).toEqual(["probe", "read", "read"]);
	expect(between(1, 2)).toBeGreaterThanOrEqual(24 * SECOND_MS);
	expect(between(1, 2)).toBeLessThan(60 * SECOND_MS);
	expect(whatsapp.moments(ANNA).at(-1)).toEqual({
		kind: "typing",
		id: reference,
	});
});
