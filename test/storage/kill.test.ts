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

test("twenty kills of a busy process lose and repeat no acknowledged message of the sqlite store", async () => {
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

test("twenty kills of a busy process lose and repeat no acknowledged message of the file store", async () => {
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
	const acknowledged = new Set<number>();
	for (let kill = 0; kill < KILLS; kill++) {
		const lines = await saveUntilKilled(driver, path, next);
		for (const line of lines)
			if (!line.endsWith("?")) acknowledged.add(Number(line));
		const store = await open();
		const saved = (await all(store, KEY)).map(({ content }) => number(content));
		const waiting = await store.waitingMessages();
		const runs = waiting.map(({ runId, text }) => {
			expect(runId).toBe(`run ${number(text)}`);
			return number(text);
		});
		expect(saved).toEqual(saved.toSorted((a, b) => a - b));
		// Everything that was accepted is there once: in its session, or waiting to get there.
		const everything = [...saved, ...runs].sort((a, b) => a - b);
		expect(everything).toEqual(everything.map((_, index) => index));
		// One message may be safe whose acknowledgement the kill swallowed.
		const accepted = Number.parseInt(lines.at(-1) ?? `${next - 1}`, 10) + 1;
		expect([accepted, accepted + 1]).toContain(everything.length);
		expect(runs.filter((run) => acknowledged.has(run))).toEqual([]);
		// A message that waits although it need not was killed on its way.
		const late = runs.filter((run) => run >= next && run % 3 !== 2);
		expect(late.length).toBeLessThan(2);
		await store.close();
		next = everything.length;
	}
}

/** The number of a text; throws where the text is torn. */
function number(text: string): number {
	const found = Number.parseInt(text, 10);
	if (text !== `${found} ${"x".repeat(found % 3000)}`)
		throw new Error(`message ${found} is torn`);
	return found;
}

/** What was acknowledged, line by line. */
async function saveUntilKilled(
	driver: string,
	path: string,
	first: number,
): Promise<string[]> {
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
	const enough = 1 + Math.floor(Math.random() * 250);
	let output = "";
	const lines = () => output.split("\n").slice(0, -1);
	for await (const chunk of child.stdout) {
		output += new TextDecoder().decode(chunk);
		if (lines().length >= enough) child.kill("SIGKILL");
	}
	await child.exited;
	return lines();
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
