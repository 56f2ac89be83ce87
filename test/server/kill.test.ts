// kill -9: whatever was acknowledged is answered, once, whenever it comes.

import { expect, test } from "bun:test";
import { temporaryHome } from "../support/home.ts";
import {
	config,
	type InChild,
	modelSaying,
	spawnServer,
} from "../support/server.ts";
import { upTo, type WireClient } from "../support/wire.ts";

/** How often the server is killed under load. */
const ROUNDS = Number(process.env.AEON_KILL_ROUNDS ?? 10);

const SESSIONS = upTo(4).map((n) => `agent:main:ws:${n}`);

/** What was said and answered in a session; empty pages and all. */
async function contents(client: WireClient, sessionKey: string) {
	const said: { role: string; content: string }[] = [];
	let before: number | null | undefined;
	while (before !== null) {
		const page = await client.call("session.history", {
			sessionKey,
			limit: 500,
			...(before !== undefined && { before }),
		});
		said.unshift(...page.messages);
		before = page.cursor;
	}
	return said.map(({ role, content }) => `${role}: ${content}`);
}

/** Resolves when nothing runs and nothing waits. */
async function idle(client: WireClient): Promise<void> {
	for (;;) {
		const { queue } = await client.call("status");
		if (queue.running === 0) return;
		await client.call("ping");
	}
}

test("messages that wait for a model that hangs, or behind it, are answered after a kill, each once", async () => {
	let answers = false;
	using model = await modelSaying(({ lastText }) =>
		answers
			? { text: `To ${lastText.split("] ").at(-1)}` }
			: { instead: "hang" },
	);
	await using server = await spawnServer(config(model.agent));
	using client = await server.connect();
	for (const n of upTo(5))
		for (const sessionKey of SESSIONS)
			await client.call("agent.send", {
				message: `m${n}`,
				messageId: `m${n}`,
				sessionKey,
			});
	server.kill("SIGKILL");
	await server.exited;
	answers = true;
	await using again = await spawnServer(config(model.agent), server.home);
	using other = await again.connect();
	for (const sessionKey of SESSIONS)
		await other.call("agent.send", {
			message: "m5",
			messageId: "m5",
			sessionKey,
		});
	await idle(other);
	for (const sessionKey of SESSIONS)
		expect(await contents(other, sessionKey)).toEqual(
			upTo(5).flatMap((n) => [`user: m${n}`, `assistant: To m${n}`]),
		);
});

test(`killed at any moment under load, ${ROUNDS} times, the server loses no message and answers none twice`, async () => {
	using model = await modelSaying(() => ({ text: ["Ye", "s."] }));
	using home = temporaryHome();
	const sent = new Map(SESSIONS.map((key) => [key, [] as string[]]));
	const random = randomNumbers(20_261_123);
	let server: InChild | undefined;
	for (const round of upTo(ROUNDS)) {
		server = await spawnServer(config(model.agent), home.path);
		const talking = Promise.allSettled(
			SESSIONS.map((key) => talk(server as InChild, key, `r${round}`, sent)),
		);
		// The one place where time itself is what is tried.
		await Bun.sleep(random() * 250);
		server.kill("SIGKILL");
		await server.exited;
		await talking;
	}
	await using last = await spawnServer(config(model.agent), home.path);
	using client = await last.connect();
	await idle(client);
	let acknowledged = 0;
	for (const [sessionKey, ids] of sent) {
		const said = await contents(client, sessionKey);
		const users = said.filter((line) => line.startsWith("user: "));
		expect(new Set(users).size).toBe(users.length);
		for (const id of ids) expect(users).toContain(`user: ${id}`);
		acknowledged += ids.length;
		expect(
			(await client.call("session.get", { sessionKey })).session,
		).toBeDefined();
	}
	expect(acknowledged).toBeGreaterThan(ROUNDS);
	expect((await client.call("status")).storage.isWell).toBe(true);
	expect(model.llm.breaches).toEqual([]);
}, 600_000);

/** Says one thing after the other, and notes what was acknowledged, until the server is gone. Half is said twice. */
async function talk(
	server: InChild,
	sessionKey: string,
	round: string,
	sent: Map<string, string[]>,
): Promise<void> {
	using client = await server.connect();
	for (let n = 1; ; n++) {
		const messageId = `${round}-${n}`;
		const params = { message: messageId, messageId, sessionKey };
		await client.call("agent.send", params);
		sent.get(sessionKey)?.push(messageId);
		if (n % 2) await client.call("agent.send", params);
		if (n % 5 === 0) await client.call("agent.send", { ...params, wait: true });
	}
}

/** The same numbers from 0 to 1 in every run (mulberry32). */
function randomNumbers(seed: number): () => number {
	let state = seed;
	return () => {
		state = (state + 0x6d2b79f5) | 0;
		let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
		mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
	};
}
