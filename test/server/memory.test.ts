// What is remembered, as clients of the protocol see it.

import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { FIRST_AT, memoryFile, rememberFacts } from "../support/facts.ts";
import { temporaryHome } from "../support/home.ts";
import { config, openServer } from "../support/server.ts";
import { upTo, type WireClient } from "../support/wire.ts";

/** A home in which 23 facts of four owners are remembered. */
async function filledHome() {
	const home = temporaryHome({});
	const facts = await rememberFacts(
		home.path,
		upTo(23).map((n) => ({
			agentId: n % 2 ? "main" : "other",
			user: n % 3 ? "telegram:777" : "anna",
			text: `Fact ${n}: ${n === 7 ? "the cat sleeps" : "nothing much"}`,
		})),
	);
	const told = facts.map(({ agentId: agent, ...rest }) => ({ agent, ...rest }));
	return { home, newestFirst: told.toReversed() };
}

async function readAll(client: WireClient, params: object, limit: number) {
	const read = [];
	let before: number | null | undefined;
	while (before !== null) {
		const page = await client.call("memory.list", {
			...params,
			limit,
			...(before !== undefined && { before }),
		});
		expect(page.facts.length).toBeLessThanOrEqual(limit);
		read.push(...page.facts);
		before = page.cursor;
	}
	return read;
}

test("everybody's facts are listed page by page, the newest first, each once, all or those of an agent and a user", async () => {
	const { home, newestFirst } = await filledHome();
	using _home = home;
	await using server = await openServer(config(), home.path);
	using client = await server.connect();
	expect(newestFirst.at(-1)).toEqual({
		agent: "main",
		user: "telegram:777",
		id: expect.any(Number),
		text: "Fact 1: nothing much",
		savedAt: FIRST_AT,
	});
	for (const limit of [1, 2, 7, 22, 23, 24, 500])
		expect(await readAll(client, {}, limit)).toEqual(newestFirst);
	for (const owner of [
		{ agent: "main" },
		{ user: "anna" },
		{ agent: "other", user: "telegram:777" },
		{ agent: "other", user: "nobody" },
	]) {
		const own = newestFirst.filter(
			({ agent, user }) =>
				agent === (owner.agent ?? agent) && user === (owner.user ?? user),
		);
		expect(await readAll(client, owner, 3)).toEqual(own);
	}
});

test("a fact is found by its words, whoever it belongs to, and is gone once it is forgotten", async () => {
	const { home, newestFirst } = await filledHome();
	using _home = home;
	await using server = await openServer(config(), home.path);
	using client = await server.connect();
	const search = async (params: object) =>
		(await client.call("memory.search", { query: "cat sleeps", ...params }))
			.facts;
	const cat = newestFirst.find(({ text }) => text.includes("cat"));
	const id = cat?.id ?? 0;
	expect(await search({})).toEqual(cat ? [cat] : []);
	expect(await search({ agent: "main", user: "telegram:777" })).toHaveLength(1);
	expect(await search({ agent: "other" })).toEqual([]);
	expect(await search({ user: "anna" })).toEqual([]);
	const forget = async () =>
		(await client.call("memory.forget", { id })).forgotten;
	expect(await forget()).toBe(true);
	expect(await forget()).toBe(false);
	expect(await search({})).toEqual([]);
	expect(await readAll(client, {}, 10)).toEqual(
		newestFirst.filter((fact) => fact.id !== id),
	);
	expect((await client.call("status")).facts).toEqual({
		count: 22,
		waiting: 0,
	});
});

test("a memory that cannot be read costs no status, which says what is wrong with it", async () => {
	using home = temporaryHome({});
	const file = memoryFile(home.path);
	mkdirSync(file);
	await using server = await openServer(config(), home.path);
	using client = await server.connect();
	const status = await client.call("status");
	expect(status.facts).toBeUndefined();
	expect(status.notices).toEqual([
		expect.stringMatching(/^What is remembered cannot be read: ./),
	]);
	expect(status.notices[0]).toContain(file);
	expect(status.storage).toEqual({ driver: "sqlite", isWell: true });
	const refused = await client.refused("memory.list");
	expect(refused.code).toBe("INTERNAL");
	expect(refused.message).toContain(file);
});
