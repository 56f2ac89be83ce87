// What a server does once a day: `storage.retention_days`, and the store's own tidying.

import { expect, test } from "bun:test";
import { passDaily, passOnce } from "../../src/app_upkeep.ts";
import type { Logger } from "../../src/core/logger.ts";
import type { SessionStore } from "../../src/storage/store.ts";
import { openTestAeon } from "../support/aeon.ts";
import { fakeClock } from "../support/fake_clock.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const NOW = Date.UTC(2026, 10, 23);
const ended = () => new AbortController().signal;

/** A log that keeps the events. */
function listening() {
	const events: string[] = [];
	const add = (event: string) => void events.push(event);
	const logger = { debug: add, info: add, warn: add, error: add };
	return { events, logger: logger as unknown as Logger };
}

const open = (storage: object = {}) =>
	openTestAeon({ provider: "demo" }, { storage });

const say = (store: SessionStore, user: string, daysAgo: number) =>
	store.saveMessage(
		`agent:main:cli:${user}`,
		{ role: "user", content: "hello" },
		NOW - daysAgo * DAY_MS,
	);

const left = async (store: SessionStore) =>
	(await store.listSessions()).map(({ sessionKey }) =>
		sessionKey.replace("agent:main:cli:", ""),
	);

test("sessions in which nothing was said for so long are deleted, and no others", async () => {
	await using one = await open({ retention_days: 30 });
	const { store } = one.aeon;
	for (let n = 0; n < 120; n++) await say(store, `old-${n}`, 31 + n);
	await say(store, "edge", 29.99);
	await say(store, "new", 0);
	await store.resetSession("agent:main:cli:old-7", NOW - 31 * DAY_MS);
	const { events, logger } = listening();
	await passOnce(one.aeon, NOW, logger, ended());
	expect(await left(store)).toEqual(["new", "edge"]);
	expect(events).toEqual(["sessions.dropped"]);
});

test("without retention_days nothing is ever deleted", async () => {
	await using one = await open();
	await say(one.aeon.store, "old", 4_000);
	await passOnce(one.aeon, NOW, listening().logger, ended());
	expect(await left(one.aeon.store)).toEqual(["old"]);
});

test("a session in which a message waits is left alone, however old it is", async () => {
	await using one = await open({ retention_days: 1 });
	const { store } = one.aeon;
	await say(store, "old", 10);
	await say(store, "waiting", 10);
	await store.acceptMessage({
		sessionKey: "agent:main:cli:waiting",
		text: "still there?",
		runId: "run-1",
		dialog: "cli",
		receivedAt: NOW - 10 * DAY_MS,
	});
	await passOnce(one.aeon, NOW, listening().logger, ended());
	expect(await left(store)).toEqual(["waiting"]);
});

test("a clock that was set since the start makes nothing old until it has kept time for a day", async () => {
	await using one = await open({ retention_days: 30 });
	const { store } = one.aeon;
	await say(store, "new", 0);
	const clock = fakeClock(NOW);
	let ahead = 0;
	const end = new AbortController();
	const { events, logger } = listening();
	const passing = passDaily(
		one.aeon,
		{ clock, now: () => clock.now() + ahead, logger },
		end.signal,
	);
	ahead = 365 * DAY_MS;
	await clock.advance(16 * 60_000);
	expect(await left(store)).toEqual(["new"]);
	ahead = 0;
	await clock.advance(DAY_MS);
	expect(await left(store)).toEqual(["new"]);
	await clock.advance(31 * DAY_MS);
	expect(await left(store)).toEqual([]);
	end.abort();
	await passing;
	expect(events).toEqual(["sessions.dropped"]);
});

test("the pass comes a quarter of an hour after the start and then once a day, also after one that failed", async () => {
	await using one = await open();
	let tidied = 0;
	const aeon = {
		...one.aeon,
		store: {
			...one.aeon.store,
			tidy: async () => {
				if (++tidied === 1) throw new Error("the disk is full");
			},
		},
	};
	const clock = fakeClock(NOW);
	const end = new AbortController();
	const { events, logger } = listening();
	const passing = passDaily(
		aeon,
		{ clock, now: clock.now, logger },
		end.signal,
	);
	await clock.advance(14 * 60_000);
	expect(tidied).toBe(0);
	await clock.advance(2 * 60_000);
	expect({ tidied, events }).toEqual({ tidied: 1, events: ["daily.failed"] });
	await clock.advance(2 * DAY_MS);
	expect(tidied).toBe(3);
	end.abort();
	await passing;
	expect(events).toEqual(["daily.failed"]);
});
