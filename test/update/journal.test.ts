// What is known of an update, on disks that are full, and the databases that are kept for going back.

import { expect, test } from "bun:test";
import {
	chmodSync,
	chownSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readFileSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasBefore, keepBefore, putBackBefore } from "../../src/app_before.ts";
import { loadSettings } from "../../src/settings/settings.ts";
import {
	type Journal,
	readJournal,
	writeJournal,
} from "../../src/update/journal.ts";
import { temporaryHome } from "../support/home.ts";
import { config } from "../support/server.ts";

const NOBODY = 65534;

const JOURNAL: Journal = {
	phase: "trying",
	binary: "/usr/local/bin/aeon",
	previous: "/usr/local/bin/aeon.prev",
	from: "0.1.0 (one)",
	to: "0.1.0 (two)",
	startedAt: 1,
	attempts: 0,
};

test("a journal that is known is changed also where no new file can be made", async () => {
	const state = mkdtempSync(join(tmpdir(), "aeon-journal-"));
	await writeJournal(state, JOURNAL);
	const back: Journal = { ...JOURNAL, phase: "back", reason: "…".repeat(900) };
	await withoutNewFiles(state, () => writeJournal(state, back));
	expect(readJournal(state)).toEqual({ ...back, reason: "…".repeat(600) });
	await withoutNewFiles(state, () => writeJournal(state, JOURNAL));
	expect(readJournal(state)).toEqual(JOURNAL);
	rmSync(state, { recursive: true });
});

test("databases are put back once: what is new since then stays", async () => {
	using home = temporaryHome(config());
	const where = { home: home.path, cwd: home.path, env: {} };
	const settings = await loadSettings({ ...where, needs: "nothing" });
	const state = join(home.path, "state");
	mkdirSync(state);
	const { database } = settings.memory;
	rmSync(database, { force: true });
	await keepBefore(settings, state);
	expect(hasBefore(state)).toBe(true);
	mkdirSync(join(database, ".."), { recursive: true });
	writeFileSync(database, "of the new version");
	await putBackBefore(state);
	expect(existsSync(database)).toBe(false);
	writeFileSync(database, "of the old version");
	await putBackBefore(state);
	expect(readFileSync(database, "utf8")).toBe("of the old version");
	expect(hasBefore(state)).toBe(false);
});

/** Does something while no file can be made in a folder, as a user who may only write those that are there. */
async function withoutNewFiles(folder: string, work: () => Promise<void>) {
	const isRoot = process.getuid?.() === 0;
	if (isRoot) chownSync(join(folder, "update.json"), NOBODY, NOBODY);
	chmodSync(folder, 0o555);
	if (isRoot) process.seteuid?.(NOBODY);
	try {
		await work();
	} finally {
		if (isRoot) process.seteuid?.(0);
		chmodSync(folder, 0o755);
	}
}
