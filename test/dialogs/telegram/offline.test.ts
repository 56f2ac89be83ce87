// Without a network: Aeon waits, loses nothing, and goes on where it was as soon as there is one.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { join } from "node:path";
import type { DialogState } from "../../../src/core/delivery.ts";
import { silent } from "../../../src/core/logger.ts";
import { Secret } from "../../../src/core/secret.ts";
import { type MailedDialog, Outbox } from "../../../src/delivery/outbox.ts";
import type { DialogHost } from "../../../src/dialogs/provider.ts";
import { openTelegram } from "../../../src/dialogs/telegram/dialog.ts";
import { sqlite } from "../../../src/storage/sqlite.ts";
import { type FakeClock, fakeClock } from "../../support/fake_clock.ts";
import {
	type FakeTelegram,
	startFakeTelegram,
} from "../../support/fake_telegram.ts";
import { temporaryFolder } from "../../support/home.ts";
import { config, modelSaying, spawnServer } from "../../support/server.ts";
import { until } from "../../support/until.ts";
import { ANNA } from "./chat.ts";

const MINUTE_MS = 60_000;
const STEP_MS = 200;

/** The dialog with its outbox, on a clock that a test moves; it answers each message at once. */
interface Dialog extends AsyncDisposable {
	provider: MailedDialog;
	host: DialogHost;
	outbox: Outbox;
	states: DialogState["state"][];
}

let telegram: FakeTelegram;
let clock: FakeClock;
let dialog: Dialog;

beforeEach(async () => {
	let isQuiet = () => true;
	clock = fakeClock(undefined, () => isQuiet());
	telegram = await startFakeTelegram({ clock });
	// A question that waits for news is not under way.
	isQuiet = () => telegram.open() <= telegram.pollers();
	dialog = await openDialog();
});

afterEach(async () => {
	await dialog[Symbol.asyncDispose]();
	await telegram.stop();
});

async function openDialog(): Promise<Dialog> {
	const folder = temporaryFolder();
	const store = await sqlite.open({
		sessions_db: join(folder.path, "aeon.db"),
	});
	const provider = (await openTelegram({
		options: () => ({
			bot_token: new Secret(telegram.token),
			api_root: telegram.url,
			allowed_users: [ANNA],
			allowed_groups: [],
		}),
		agent: () => "main",
		state: folder.path,
		logger: silent,
		clock,
	})) as MailedDialog;
	const outbox = new Outbox({
		dialog: provider,
		store,
		clock,
		logger: silent,
		observe() {},
		openFile: () => Promise.reject(new Error("no files here")),
	});
	const states: DialogState["state"][] = [];
	const host = {
		async accept({ sessionKey, text, messageId }) {
			await outbox.say(sessionKey.split(":").slice(3).join(":"), {
				text: `You said: ${text}`,
				deliveryId: `answer-${messageId}`,
			});
			return {} as never;
		},
		report({ state }) {
			if (state === "running" && states.at(-1) !== "running") outbox.hurry();
			states.push(state);
		},
		say: (to, saying) => outbox.say(to, saying),
	} satisfies Partial<DialogHost> as unknown as DialogHost;
	return {
		provider,
		host,
		outbox,
		states,
		async [Symbol.asyncDispose]() {
			const stopped = provider.stop();
			await clock.advance(3_000);
			await stopped;
			await outbox.close(AbortSignal.abort());
			await store.close();
			folder[Symbol.dispose]();
		},
	};
}

/** Lets the time pass in small steps until it is true; throws where it is not so after two minutes. */
async function pass(isTrue: () => boolean): Promise<void> {
	const end = clock.now() + 2 * MINUTE_MS;
	while (!isTrue()) {
		if (clock.now() > end) throw new Error("it has not become true");
		await clock.advance(STEP_MS);
	}
}

const texts = () => telegram.visible(ANNA).map(({ text }) => text);

test("after ten minutes without a network the first message is answered, what was to be said arrives once and in order, and one poller lives", async () => {
	await dialog.provider.start(dialog.host);
	telegram.say(ANNA, "before");
	await pass(() => texts().length === 1);
	await telegram.refuse();
	for (const text of ["one", "two", "three"]) {
		await dialog.outbox.say(`${ANNA}`, { text });
		await clock.advance(MINUTE_MS);
	}
	await clock.advance(7 * MINUTE_MS);
	expect(texts()).toHaveLength(1);
	expect(dialog.states.at(-1)).toBe("retrying");
	telegram.say(ANNA, "anybody there?");
	await telegram.accept();
	await pass(() => texts().length === 5);
	await clock.advance(10 * MINUTE_MS);
	expect(texts()).toEqual([
		"You said: before",
		"one",
		"two",
		"three",
		"You said: anybody there?",
	]);
	expect(dialog.states.at(-1)).toBe("running");
	expect([telegram.pollers(), telegram.maxPollers()]).toEqual([1, 1]);
	expect(telegram.violations).toEqual([]);
});

test("no network at the start is a normal state: the dialog starts, waits, and answers once there is one", async () => {
	await telegram.refuse();
	await dialog.provider.start(dialog.host);
	await dialog.outbox.say(`${ANNA}`, { text: "good morning" });
	await clock.advance(10 * MINUTE_MS);
	expect(dialog.states).toContain("retrying");
	telegram.say(ANNA, "hello");
	await telegram.accept();
	await pass(() => texts().length === 2);
	await clock.advance(2 * MINUTE_MS);
	expect(texts()).toEqual(["good morning", "You said: hello"]);
	expect(telegram.commands()).not.toEqual([]);
	// Between two questions there is none for a moment.
	await pass(() => telegram.pollers() === 1);
	expect(telegram.maxPollers()).toBe(1);
	expect(telegram.violations).toEqual([]);
});

test("a stop without a network ends at once, and nothing is asked afterwards", async () => {
	await dialog.provider.start(dialog.host);
	await pass(() => telegram.pollers() === 1);
	await telegram.refuse();
	await clock.advance(5 * MINUTE_MS);
	await dialog.provider.stop();
	await telegram.accept();
	const before = telegram.calls.length;
	await clock.advance(10 * MINUTE_MS);
	expect(telegram.calls).toHaveLength(before);
	expect(dialog.states.at(-1)).toBe("stopped");
});

/** What a stop may take, by the issue. */
const STOP_MS = 5_000;

/** What the model says: whole at once, or with the first piece shown before the network goes. */
const ANSWERS = [["All of it."], ["Half of it ", "and the rest."]];

for (const pieces of ANSWERS)
	test(`SIGTERM while Telegram takes everything and answers nothing ends Aeon within five seconds, and an answer in ${pieces.length} steps is there after the next start, once`, async () => {
		const real = await startFakeTelegram();
		const goOn = Promise.withResolvers<void>();
		const blackHole = () => {
			real.freeze();
			const times = Number.POSITIVE_INFINITY;
			real.fail({ method: "*", mode: "hang", times });
		};
		using model = await modelSaying(() => {
			if (pieces.length === 1) blackHole();
			const [before = "", after] = pieces;
			const pause = { before: after ?? before, until: goOn.promise };
			return { text: pieces, ...(after && { pauses: [pause] }) };
		});
		const sections = config(model.agent, {
			dialogs: {
				telegram: {
					enabled: true,
					bot_token: real.token,
					api_root: real.url,
					allowed_users: [ANNA],
				},
			},
		});
		using folder = temporaryFolder();
		const shown = () => real.visible(ANNA).map(({ text }) => text);
		await using aeon = await spawnServer(sections, folder.path);
		await until(() => real.pollers() === 1);
		real.say(ANNA, "hello");
		if (pieces.length > 1) {
			await until(() => shown().length === 1);
			blackHole();
			goOn.resolve();
		}
		await until(() => aeon.logged("turn.done").length === 1);
		const before = performance.now();
		aeon.kill("SIGTERM");
		expect(await aeon.exited).toBe(0);
		expect(performance.now() - before).toBeLessThan(STOP_MS);
		real.mend();
		await using _again = await spawnServer(sections, folder.path);
		const isWhole = () => shown().join("") === pieces.join("");
		await until(isWhole);
		await until(() => real.pollers() === 1);
		expect(shown()).toEqual([pieces.join("")]);
		expect(model.llm.requests).toHaveLength(1);
		expect(real.violations).toEqual([]);
		await real.stop();
	});
