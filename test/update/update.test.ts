// Updates of a real program that serves: good ones, and broken ones of every kind.

import { expect, test } from "bun:test";
import { appendFileSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { findServer } from "../../src/core/presence.ts";
import { Connection } from "../../src/remote/connection.ts";
import { SESSIONS } from "../../src/storage/migrations.ts";
import { readJournal } from "../../src/update/journal.ts";
import { nextVersion, release, scripted, TARGET } from "../support/release.ts";
import { until } from "../support/until.ts";
import { WireClient } from "../support/wire.ts";
import { install } from "./rig.ts";

const KEY = "agent:main:ws:tests";
const STEPS = SESSIONS.steps.length;
const isPossible = process.platform === "linux" && process.arch === "x64";

/** The next version, whose sessions have a step more. */
const good = () => nextVersion("next", "CREATE TABLE from_the_future (x)");
const NEXT = expect.stringMatching(/\(next\)$/);
const OLD = expect.not.stringMatching(/\(next\)$/);

test.skipIf(!isPossible)(
	"an update from a server keeps the process, its sessions, and what is said meanwhile",
	async () => {
		await using rig = await install();
		using serve = await rig.serve();
		release(rig.releases, good());
		using files = Bun.serve({
			port: 0,
			fetch: ({ url }) =>
				new Response(Bun.file(join(rig.releases, new URL(url).pathname))),
		}) as Bun.Server<never> & Disposable;
		const { connection } = await Connection.open({
			locate: () => findServer(rig.state),
			firstMs: 5_000,
		});
		const said: string[] = [];
		let isOver = false;
		const talking = (async () => {
			for (let count = 1; !isOver; count++) {
				const message = `Message ${count}.`;
				// A repeat of one that was accepted does nothing.
				const params = { message, messageId: message, sessionKey: KEY };
				const send = () => connection.request("agent.send", params);
				await until(() => send().then(Boolean, () => false));
				said.push(message);
				await Bun.sleep(50);
			}
		})();
		await until(() => said.length > 2);
		const { code, out, err } = await rig.update(
			"--from",
			`http://127.0.0.1:${files.port}/`,
		);
		isOver = true;
		await talking;
		expect({ code, err, out }).toMatchObject({
			code: 0,
			out: expect.stringContaining("(next) runs"),
		});
		expect(await rig.status()).toMatchObject({
			version: NEXT,
			pid: serve.presence.pid,
			notices: [],
		});
		const kept = async () => {
			const { messages } = await connection.request("session.history", {
				sessionKey: KEY,
				limit: 500,
			});
			const texts = messages.map((message) => JSON.stringify(message));
			return said.filter((one) => texts.some((text) => text.includes(one)));
		};
		await until(async () => (await kept()).length === said.length);
		expect(rig.schema()).toBe(STEPS + 1);
		expect(rig.leftovers()).toEqual(["aeon.prev"]);
		connection.close();
	},
);

test.skipIf(!isPossible)(
	"what cannot be trusted or does not work changes nothing",
	async () => {
		await using rig = await install();
		using serve = await rig.serve();
		await rig.status();
		const { releases } = rig;
		const from = ["--from", releases];
		const refused = async (why: string, update = rig.update(...from)) => {
			const { code, out, err } = await update;
			expect({ code, out, err }).toEqual({
				code: 1,
				out: "",
				err: expect.stringContaining(why),
			});
			expect(rig.leftovers()).toEqual([]);
			expect(await rig.status()).toMatchObject({
				version: OLD,
				pid: serve.presence.pid,
			});
			expect(rig.schema()).toBe(STEPS);
		};
		scripted(releases, good(), "");
		appendFileSync(join(releases, TARGET), "# one byte more");
		await refused("the checksum is wrong");
		rmSync(join(releases, "SHA256SUMS"));
		await refused("not used without its SHA256SUMS");
		scripted(releases, good(), '[ "$1" = self-test ] && kill -SEGV $$');
		await refused("cannot run on this machine: it ended with 139");
		scripted(
			releases,
			nextVersion("broken", "INSERT INTO nowhere VALUES (1)"),
			"",
		);
		await refused("no such table: nowhere");
		release(releases, good());
		const limited = Bun.spawn(
			["sh", "-c", 'ulimit -f 20000; exec "$0" update --from "$1"'].concat(
				rig.program,
				releases,
			),
			{ env: { HOME: rig.home }, stdout: "pipe", stderr: "pipe" },
		);
		await refused(
			"could not be brought",
			Promise.all([
				limited.exited,
				limited.stdout.text(),
				limited.stderr.text(),
			]).then(([code, out, err]) => ({ code, out, err })),
		);
	},
);

const BROKEN = {
	"crashes when it serves": "exit 1",
	"hangs when it serves": "exec sleep 600",
};
for (const [what, script] of Object.entries(BROKEN))
	test.skipIf(!isPossible)(`a version that ${what} is taken back`, async () => {
		await using rig = await install();
		using _serve = await rig.serve();
		scripted(rig.releases, good(), `[ "$1" = serve ] && ${script}`);
		const flags = ["--from", rig.releases, "--patience", "2"];
		const { code, err } = await rig.update(...flags);
		expect(code).toBe(1);
		expect(err).toMatch(/\(next\) was taken back: .* runs again/);
		const { version, notices } = await rig.status();
		expect({ version, notices }).toEqual({
			version: OLD,
			notices: [expect.stringMatching(/\(next\) was taken back/)],
		});
		expect(rig.schema()).toBe(STEPS);
		expect(rig.leftovers()).toEqual([]);
	});

test.skipIf(!isPossible)(
	"a server that is killed in its trial gives way to the old one, with the databases of before",
	async () => {
		await using rig = await install();
		using serve = await rig.serve();
		scripted(rig.releases, good(), "");
		const update = rig.begin("--from", rig.releases);
		await update.line(/^waiting/m);
		// While it does not look, the server stays on its trial.
		update.kill("SIGSTOP");
		await until(() => existsSync(join(rig.state, "update", "before")));
		await until(() => rig.schema() === STEPS + 1);
		await until(async () => (await rig.status()).version.includes("next"));
		// It answers how it is, and takes nothing in.
		const { url, token, pid } = findServer(rig.state) ?? serve.presence;
		expect(pid).toBe(serve.presence.pid);
		using client = await new WireClient(`${url}/ws`, { token }).opened();
		let isTaken = false;
		const params = { message: "Hello", sessionKey: KEY };
		const sent = client.call("agent.send", params).then(
			() => {
				isTaken = true;
			},
			() => {},
		);
		for (let count = 0; count < 20; count++) await client.call("status");
		expect(isTaken).toBe(false);
		// Another start beside it is none, however often it is tried.
		for (let count = 0; count < 2; count++)
			await expect(rig.serve()).rejects.toThrow("runs already");
		expect(readJournal(rig.state)).toMatchObject({ attempts: 1 });
		const ready = await fetch(`${url.replace("ws", "http")}/ready`);
		expect(await ready.text()).toContain("being updated");
		serve.kill("SIGKILL");
		await sent;
		update.kill("SIGCONT");
		expect(await update.exited).toBe(1);
		expect(update.said()).toContain("its process has ended");
		expect(await rig.status()).toMatchObject({ version: OLD, sessions: 0 });
		expect(rig.schema()).toBe(STEPS);
		expect(rig.leftovers()).toEqual([]);
	},
);

const STEPS_SAID = [
	/^looking/m,
	/^fetching/m,
	/^testing/m,
	/^rehearsing/m,
	/^keeping/m,
	/^putting/m,
	/^restarting/m,
	/^waiting/m,
];
for (const step of STEPS_SAID)
	test.skipIf(!isPossible)(
		`an updater that is killed when it says ${step.source.slice(1)} leaves a version that works, now and at the next start`,
		async () => {
			await using rig = await install();
			using serve = await rig.serve();
			scripted(rig.releases, good(), "");
			const update = rig.begin("--from", rig.releases);
			await update.line(step);
			update.kill("SIGKILL");
			await update.exited;
			await rig.status();
			await serve.end("SIGTERM");
			using again = await rig.serve();
			const { version, notices } = await rig.status();
			expect(notices).toEqual([]);
			const isNew = version.includes("next");
			await until(() => !existsSync(join(rig.state, "update.json")));
			expect(rig.schema()).toBe(STEPS + (isNew ? 1 : 0));
			expect(findServer(rig.state)?.pid).toBe(again.presence.pid);
			await until(() => !existsSync(join(rig.state, "update")));
		},
	);

test.skipIf(!isPossible)(
	"--check tells whether there is another version, and changes nothing",
	async () => {
		await using rig = await install();
		release(rig.releases, rig.program);
		const check = ["--check", "--from", rig.releases];
		const same = await rig.update(...check);
		expect(same).toMatchObject({ code: 0, err: "" });
		expect(same.out).toContain("is up to date");
		const { code } = await rig.update("--from", rig.releases);
		expect(code).toBe(0);
		scripted(rig.releases, good(), "");
		expect(await rig.update(...check, "--json")).toEqual({
			code: 10,
			out: `${JSON.stringify({ upToDate: false, binary: rig.program, place: join(rig.releases, TARGET) })}\n`,
			err: "",
		});
		expect((await rig.update("--check")).err).toContain("update.from");
		expect(rig.leftovers()).toEqual([]);
	},
);
