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
	const acknowledged = { saved: new Set<number>(), ended: new Set<number>() };
	for (let kill = 0; kill < KILLS; kill++) {
		const lines = await saveUntilKilled(driver, path, next);
		for (const line of lines)
			if (!line.endsWith("?"))
				acknowledged[line.endsWith("!") ? "saved" : "ended"].add(
					Number.parseInt(line, 10),
				);
		const store = await open();
		const saved = (await all(store, KEY)).map(({ content }) => number(content));
		const waiting = await store.waitingMessages();
		for (const { runId, text, takenBy, attempts } of waiting) {
			expect(runId).toBe(`run ${number(text)}`);
			if (takenBy)
				expect({ takenBy, attempts }).toEqual({ takenBy: runId, attempts: 1 });
		}
		const numbers = (isTaken: boolean) =>
			waiting
				.filter(({ takenBy }) => Boolean(takenBy) === isTaken)
				.map(({ text }) => number(text));
		const [untaken, taken] = [numbers(false), numbers(true)];
		expect(saved).toEqual(saved.toSorted((a, b) => a - b));
		// Everything that was accepted is there once: in its session, or waiting to get there.
		const everything = [...saved, ...untaken].sort((a, b) => a - b);
		expect(everything).toEqual(everything.map((_, index) => index));
		// What is in its session has a turn to come, or its answer is in the outbox.
		const parts = await store.pendingParts("cli");
		const ended = parts.map(({ content }) => number(content.text));
		expect([...taken, ...ended].sort((a, b) => a - b)).toEqual(saved);
		// One message may be safe whose acknowledgement the kill swallowed.
		const accepted = Number.parseInt(lines.at(-1) ?? `${next - 1}`, 10) + 1;
		expect([accepted, accepted + 1]).toContain(everything.length);
		expect(untaken.filter((run) => acknowledged.saved.has(run))).toEqual([]);
		expect(taken.filter((run) => acknowledged.ended.has(run))).toEqual([]);
		// A message that waits although it need not was killed on its way.
		const late = [
			...untaken.filter((run) => run >= next && run % 4 !== 3),
			...taken.filter((run) => run >= next && run % 4 !== 2),
		];
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
