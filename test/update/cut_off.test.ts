// Updates that are cut off, and what then is found by the next start and the next update.

import { expect, test } from "bun:test";
import {
	chmodSync,
	copyFileSync,
	existsSync,
	readFileSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { SESSIONS } from "../../src/storage/migrations.ts";
import { readJournal, writeJournal } from "../../src/update/journal.ts";
import { nextVersion, release, scripted } from "../support/release.ts";
import type { Serve } from "../support/serve.ts";
import { until } from "../support/until.ts";
import { install, type Rig } from "./rig.ts";

const STEPS = SESSIONS.steps.length;
const isPossible = process.platform === "linux" && process.arch === "x64";

const good = () => nextVersion("next", "CREATE TABLE from_the_future (x)");
const OLD = expect.not.stringMatching(/\(next\)$/);

/** Power goes when the new version has migrated the databases. */
async function cutOff(rig: Rig, serve: Serve): Promise<void> {
	release(rig.releases, good());
	const update = rig.begin("--from", rig.releases);
	await update.line(/^waiting/m);
	update.kill("SIGSTOP");
	await until(() => rig.schema() === STEPS + 1);
	serve.kill("SIGKILL");
	update.kill("SIGKILL");
	await update.exited;
}

test.skipIf(!isPossible)(
	"a version that never comes to answer gives way for good, also without the updater",
	async () => {
		await using rig = await install();
		using serve = await rig.serve();
		await cutOff(rig, serve);
		const journal = readJournal(rig.state);
		if (!journal) throw new Error("no journal");
		await writeJournal(rig.state, { ...journal, attempts: 3 });
		using first = await rig.serve();
		expect(await rig.status()).toMatchObject({
			version: OLD,
			notices: [expect.stringContaining("begun 3 times")],
		});
		expect(rig.schema()).toBe(STEPS);
		expect(rig.leftovers()).toEqual([]);
		await first.end("SIGTERM");
		using _second = await rig.serve();
		expect(await rig.status()).toMatchObject({ version: OLD, notices: [] });
	},
);

test.skipIf(!isPossible)(
	"an old program that is put back by hand finds its databases as they were",
	async () => {
		await using rig = await install();
		using serve = await rig.serve();
		await cutOff(rig, serve);
		copyFileSync(join(rig.home, "bin", "aeon.prev"), `${rig.program}.old`);
		using _again = await rig.serveWith(`${rig.program}.old`);
		expect(await rig.status()).toMatchObject({
			version: OLD,
			notices: [expect.stringContaining("another program was put in")],
		});
		expect(rig.schema()).toBe(STEPS);
	},
);

test.skipIf(!isPossible)(
	"an update replaces its own program alone, whatever the journal of another one names",
	async () => {
		await using rig = await install();
		using serve = await rig.serve();
		release(rig.releases, good());
		const first = rig.begin("--from", rig.releases);
		await first.line(/^waiting/m);
		first.kill("SIGSTOP");
		await until(() => rig.schema() === STEPS + 1);
		serve.kill("SIGSTOP");
		first.kill("SIGKILL");
		await first.exited;
		const journal = readJournal(rig.state);
		if (!journal) throw new Error("no journal");
		const victim = join(rig.home, "victim");
		const evil = join(rig.home, "evil");
		writeFileSync(victim, "good");
		writeFileSync(evil, "evil");
		const paths = { binary: victim, previous: evil };
		await writeJournal(rig.state, { ...journal, ...paths, phase: "back" });
		const second = rig.begin("--from", rig.releases);
		await second.line(/^going back/m);
		await until(() => !rig.leftovers().includes("aeon.prev"));
		second.kill("SIGKILL");
		await second.exited;
		expect(readFileSync(victim, "utf8")).toBe("good");
		expect(existsSync(evil)).toBe(true);
		serve.kill("SIGKILL");
		await writeJournal(rig.state, { ...journal, phase: "back" });
		using _again = await rig.serve();
		expect(await rig.status()).toMatchObject({ version: OLD });
	},
);

test.skipIf(!isPossible)(
	"where nobody serves, an update is followed by the next one, and rights stay",
	async () => {
		await using rig = await install();
		chmodSync(rig.program, 0o750);
		release(rig.releases, good());
		const from = ["--from", rig.releases];
		expect(await rig.update(...from)).toMatchObject({ code: 0 });
		expect(statSync(rig.program).mode & 0o7777).toBe(0o750);
		scripted(rig.releases, good(), "# another one");
		expect(await rig.update(...from)).toMatchObject({ code: 0 });
		expect(readFileSync(rig.program, "utf8")).toContain("another one");
	},
);

test.skipIf(!isPossible)(
	"a version that cannot keep the databases gives way at once, in the same process",
	async () => {
		await using rig = await install();
		using serve = await rig.serve();
		release(rig.releases, good());
		const update = rig.begin("--from", rig.releases);
		await update.line(/^keeping/m);
		writeFileSync(join(rig.state, "update"), "where a folder would be");
		expect(await update.exited).toBe(1);
		expect(update.said()).toContain("runs again");
		expect(update.said()).toContain("could not be kept before");
		expect(await rig.status()).toMatchObject({
			version: OLD,
			pid: serve.presence.pid,
			notices: [expect.stringContaining("could not be kept before")],
		});
		expect(rig.leftovers()).toEqual([]);
		// It can be updated as before.
		expect(await rig.update("--from", rig.releases)).toMatchObject({ code: 0 });
		expect((await rig.status()).pid).toBe(serve.presence.pid);
	},
);
