import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { file, sqlite } from "../../src/storage/registry.ts";
import type { SessionStore } from "../../src/storage/store.ts";
import { all } from "./store_contract.ts";

const KILLS = 20;
const KEY = "agent:main:cli:local";

test("twenty kills of a busy process lose no acknowledged message of the sqlite store", async () => {
	await inFolder(async (folder) => {
		const path = join(folder, "sessions.db");
		await expectNoLoss("sqlite", path, () =>
			sqlite.open({ sessions_db: path }),
		);
		const database = new Database(path, { readonly: true });
		expect(database.query("PRAGMA integrity_check").values()).toEqual([["ok"]]);
		database.close();
	});
}, 60_000);

test("twenty kills of a busy process lose no acknowledged message of the file store", async () => {
	await inFolder((folder) =>
		expectNoLoss("file", folder, () => file.open({ directory: folder })),
	);
}, 60_000);

async function expectNoLoss(
	driver: string,
	path: string,
	open: () => Promise<SessionStore>,
): Promise<void> {
	let next = 0;
	for (let kill = 0; kill < KILLS; kill++) {
		const acknowledged = await saveUntilKilled(driver, path, next);
		const store = await open();
		const messages = await all(store, KEY);
		const numbers = messages.map(({ content }) => Number.parseInt(content, 10));
		// One message may be safe whose acknowledgement the kill swallowed.
		expect([acknowledged + 1, acknowledged + 2]).toContain(numbers.length);
		expect(numbers).toEqual(numbers.map((_, index) => index));
		for (const [number, { content }] of messages.entries())
			if (content !== `${number} ${"x".repeat(number % 3000)}`)
				throw new Error(`message ${number} is torn`);
		await store.close();
		next = numbers.length;
	}
}

/** The number of the last message that was acknowledged. */
async function saveUntilKilled(
	driver: string,
	path: string,
	first: number,
): Promise<number> {
	const child = Bun.spawn(
		[
			process.execPath,
			join(import.meta.dir, "saver.ts"),
			driver,
			path,
			`${first}`,
		],
		{ stdout: "pipe", stderr: "inherit" },
	);
	const enough = first + 1 + Math.floor(Math.random() * 150);
	let output = "";
	for await (const chunk of child.stdout) {
		output += new TextDecoder().decode(chunk);
		if (lastNumber(output) >= enough) child.kill("SIGKILL");
	}
	await child.exited;
	return lastNumber(output);
}

/** The number in the last whole line. */
function lastNumber(output: string): number {
	return Number(output.split("\n").at(-2) ?? -1);
}

async function inFolder(
	work: (folder: string) => Promise<void>,
): Promise<void> {
	const folder = mkdtempSync(join(tmpdir(), "aeon-kill-"));
	try {
		await work(folder);
	} finally {
		rmSync(folder, { recursive: true });
	}
}
