// The sections memory, compaction and backups of aeon.json, and how long sessions are kept.

import { expect, test } from "bun:test";
import { keepRestartKeys } from "../../src/settings/reload.ts";
import { complaint, load } from "./loading.ts";

const agents = { main: { provider: "demo" }, cheap: { provider: "demo" } };

test("without a word everything has its default", async () => {
	const { memory, compaction, backups, storage } = await load({ agents });
	expect(memory).toEqual({
		database: "/home/pi/.aeon/memory.db",
		recall: true,
		users: {},
	});
	expect(compaction).toEqual({ at: 0.7 });
	expect(backups).toEqual({ directory: "/home/pi/.aeon/backups", keep: 7 });
	expect(storage.retention_days).toBeUndefined();
});

test("an endpoint for embeddings keeps its key to itself", async () => {
	const { memory } = await load({
		agents,
		memory: {
			embeddings: {
				base_url: "http://127.0.0.1:11434/v1",
				model: "nomic-embed-text",
				api_key: "sk-secret-key",
			},
		},
	});
	expect(JSON.stringify(memory)).not.toContain("sk-secret-key");
	expect(memory.embeddings?.api_key?.reveal()).toBe("sk-secret-key");
	expect(memory.embeddings?.send_dimensions).toBe(false);
});

test.each([
	[
		{ compaction: { agent: "chaep" } },
		'compaction.agent: there is no agent "chaep": agents are main, cheap',
	],
	[
		{ memory: { users: { anna: ["cli:local"], ben: ["cli:local"] } } },
		'memory.users.ben.0: "cli:local" is anna already: write it under one name only',
	],
])("%j is refused with what to write instead", async (section, line) => {
	expect(await complaint({ agents, ...section })).toEqual([line]);
});

test.each([
	{ compaction: { at: 1 } },
	{ compaction: { at: -0.1 } },
	{ backups: { keep: -1 } },
	{ storage: { retention_days: 0 } },
	{ memory: { users: { "anna:1": ["cli:local"] } } },
	{ memory: { users: { anna: ["local"] } } },
	{ memory: { embeddings: { base_url: "file:///etc", model: "m" } } },
	{ memory: { embeddings: { base_url: "http://a/v1" } } },
	{ memory: { embedings: {} } },
])("%j is refused in one line that names it", async (section) => {
	const lines = await complaint({ agents, ...section });
	expect(lines).toHaveLength(1);
	expect(lines[0]).toStartWith(Object.keys(section)[0] ?? "");
});

test("a workspace with the facts or the backups in it is refused", async () => {
	for (const section of [
		{ memory: { database: "/srv/files/memory.db" } },
		{ backups: { directory: "/srv/files/backups" } },
	]) {
		const tools = { workspace: "/srv/files" };
		const [line] = await complaint({ agents, tools, ...section });
		expect(line).toStartWith("tools.workspace: has /srv/files/");
	}
});

test("a reload takes everything but the place of the facts", async () => {
	const old = await load({ agents });
	const next = await load({
		agents,
		memory: { database: "/other/memory.db", recall: false },
		compaction: { at: 0.5 },
		backups: { keep: 3 },
	});
	const { settings, restartKeys } = keepRestartKeys(next, old);
	expect(restartKeys).toEqual(["memory.database"]);
	expect(settings.memory.database).toBe(old.memory.database);
	expect(settings.memory.recall).toBe(false);
	expect(settings.compaction.at).toBe(0.5);
	expect(settings.backups.keep).toBe(3);
});
