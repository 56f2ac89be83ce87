// A home with everything in it that a backup has.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createLogger } from "../../src/core/logger.ts";
import { openMemory } from "../../src/memory/open.ts";
import { file, sqlite } from "../../src/storage/registry.ts";
import type { SessionStore } from "../../src/storage/store.ts";
import { say } from "../storage/store_contract.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/home.ts";

/** The words that `storage.driver` may be. */
export const DRIVERS = ["sqlite", "file"] as const;

export type Driver = (typeof DRIVERS)[number];

/** The session that everything is said in. */
export const KEY = "agent:main:cli:local";

/** The small files of a state directory that a backup has, and some that it has not. */
export const STATE = {
	token: "t".repeat(43),
	"approvals.json": '[{"command":"ls"}]\n',
	"telegram.json": '{"models":[]}\n',
	"telegram-allowed.json": '[{"id":7,"name":"Anna","pairedAt":1}]\n',
	"whatsapp-allowed.json": "[]\n",
	"secrets.env": "KEY=value\n",
};
export const PASSING = {
	"pairing.json": "{}",
	chat_history: "what was typed",
	"logs/aeon.log": "{}\n",
	"workspace/notes.md": "the user's own",
};

/** An aeon.json for such a home. */
export function configOf(driver: Driver, rest: object = {}) {
	return {
		server: { port: 0 },
		storage: { driver },
		agents: {
			main: { provider: "demo", system_prompt_file: "./persona.txt" },
		},
		...rest,
	};
}

/** A home with two messages in one session, two facts, a persona and all lists. */
export async function fullHome(
	driver: Driver,
	rest: object = {},
): Promise<TemporaryFolder> {
	const home = temporaryFolder();
	const state = join(home.path, ".aeon");
	for (const [name, text] of Object.entries({
		...STATE,
		...PASSING,
		"aeon.json": JSON.stringify(configOf(driver, rest)),
		"persona.txt": "You are Aeon.\n",
	})) {
		mkdirSync(join(state, name, ".."), { recursive: true });
		writeFileSync(join(state, name), text);
	}
	await sayIn(home.path, driver, "one", "two");
	await remember(home.path, "Anna likes tea.", "The cat is called Kaa.");
	return home;
}

/** Says something in the store of a home. */
export async function sayIn(home: string, driver: Driver, ...texts: string[]) {
	await inStore(home, driver, (store) => say(store, KEY, ...texts));
}

/** What was said in a session of a home. */
export function saidIn(home: string, driver: Driver): Promise<string[]> {
	return inStore(home, driver, async (store) =>
		(await store.getHistory(KEY, 1_000)).map(({ content }) => content),
	);
}

async function inStore<T>(
	home: string,
	driver: Driver,
	work: (store: SessionStore) => Promise<T>,
): Promise<T> {
	const state = join(home, ".aeon");
	const store =
		driver === "sqlite"
			? await sqlite.open({ sessions_db: join(state, "sessions.db") })
			: await file.open({ directory: join(state, "sessions") });
	try {
		return await work(store);
	} finally {
		await store.close();
	}
}

/** Remembers facts in a home. */
export async function remember(home: string, ...texts: string[]) {
	await inMemory(home, async (memory) => {
		const owner = { agentId: "main", user: "cli:local" };
		for (const text of texts) await memory.of(owner).save(text);
	});
}

/** The facts of a home, the newest first. */
export function remembered(home: string): Promise<string[]> {
	return inMemory(home, async (memory) =>
		(await memory.list({})).map(({ text }) => text),
	);
}

async function inMemory<T>(
	home: string,
	work: (memory: ReturnType<typeof openMemory>) => Promise<T>,
): Promise<T> {
	const state = join(home, ".aeon");
	const logger = createLogger({
		path: join(state, "logs", "tests.log"),
		level: "error",
		secrets: [],
	});
	const memory = openMemory(join(state, "memory.db"), { logger });
	try {
		return await work(memory);
	} finally {
		await memory.close();
	}
}

/**
 * What the files in a folder hold, by their paths: short texts themselves, of others a hash. Without the file by which a
 * state is locked, and without what Bun keeps of sources.
 */
export function snapshot(folder: string): Record<string, string> {
	return Object.fromEntries(
		readdirSync(folder, { recursive: true, withFileTypes: true })
			.filter((entry) => entry.isFile() && entry.name !== "serve.lock")
			.map(({ parentPath, name }) => join(parentPath, name))
			.map((path) => [path.slice(folder.length + 1), digest(path)] as const)
			.filter(([path]) => !path.startsWith(".bun/"))
			.sort(([a], [b]) => (a < b ? -1 : 1)),
	);
}

function digest(path: string): string {
	const bytes = readFileSync(path);
	const text = bytes.toString();
	if (/^[\x20-\x7e\n\t]{0,500}$/.test(text)) return text;
	return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}
