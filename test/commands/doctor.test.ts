import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import {
	chmodSync,
	existsSync,
	readdirSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { binary } from "../support/binary.ts";
import { run, start } from "../support/command.ts";
import { temporaryFolder, temporaryHome } from "../support/home.ts";
import { ANY_PORT, startServe } from "../support/serve.ts";
import { until } from "../support/until.ts";

const CONFIG = { agents: { main: { provider: "demo" } }, ...ANY_PORT };

/** Keeps what Bun makes of the source out of the homes that are compared. */
const env = { BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0" };

const doctor = (home: string, ...args: string[]) =>
	run(["doctor", ...args], { home, env });

/** Everything in a folder, with what a look at it could change. */
function listing(folder: string): string[] {
	return readdirSync(folder, { recursive: true, encoding: "utf8" })
		.map((name) => {
			const { size, mtimeMs, mode, uid } = statSync(join(folder, name));
			return [name, size, mtimeMs, mode, uid].join(" ");
		})
		.sort();
}

test("a home without anything is no problem, and stays so", async () => {
	using home = temporaryFolder();
	const { code, out, err } = await doctor(home.path);
	expect({ code, err }).toEqual({ code: 0, err: "" });
	expect(out).toMatch(/Run bun \S+main\.ts init\./);
	expect(out).toEndWith("1 warning.\n");
	expect(readdirSync(home.path)).toEqual([]);
});

test("a problem is exit code 1; --fix puts it right, and the next look is clean", async () => {
	using home = temporaryHome(CONFIG);
	const secrets = join(home.path, ".aeon", "secrets.env");
	writeFileSync(secrets, "KEY=value-that-is-secret\n");
	chmodSync(secrets, 0o644);
	chmodSync(join(home.path, ".aeon"), 0o755);
	const before = listing(home.path);
	const ill = await doctor(home.path);
	expect(ill.code).toBe(1);
	expect(ill.out).toMatch(/^problem files /m);
	expect(ill.out).not.toContain("value-that-is-secret");
	expect(listing(home.path)).toEqual(before);
	const fixed = await doctor(home.path, "--fix");
	expect(fixed.code).toBe(0);
	expect(fixed.out).toContain(
		"fixed: made ~/.aeon/workspace; closed ~/.aeon, ~/.aeon/secrets.env to others",
	);
	const after = listing(home.path);
	const well = await doctor(home.path, "--offline");
	expect(well).toMatchObject({ code: 0, err: "" });
	expect(well.out).toEndWith("All is well.\n");
	expect(listing(home.path)).toEqual(after);
});

test("--json is one object, whatever is found", async () => {
	using home = temporaryHome({ ...CONFIG, nonsense: true });
	const { code, out } = await doctor(home.path, "--json");
	expect(code).toBe(1);
	const { ok, checks } = JSON.parse(out);
	expect(ok).toBe(false);
	expect(checks).toContainEqual({
		name: "configuration",
		state: "problem",
		text: "nonsense: unknown key",
		hint: expect.any(String),
	});
});

test("whoever leaves while a database is looked into leaves no copy of it behind", async () => {
	using home = temporaryHome(CONFIG);
	using scratch = temporaryFolder();
	const path = join(home.path, ".aeon", "sessions.db");
	using writer = new Database(path);
	writer.run("PRAGMA journal_mode = WAL");
	writer.run("CREATE TABLE large AS SELECT randomblob(15000000)");
	writer.run("PRAGMA wal_checkpoint(TRUNCATE)");
	writer.run("CREATE TABLE small (a)");
	const child = start(["doctor", "--offline"], {
		home: home.path,
		env: { ...env, TMPDIR: scratch.path },
	});
	// A copy is a matter of milliseconds.
	while (readdirSync(scratch.path).length === 0 && child.exitCode === null)
		await Bun.sleep(0);
	child.kill("SIGTERM");
	await child.exited;
	expect(readdirSync(scratch.path)).toEqual([]);
});

test("flags that do not go together are a wrong command line", async () => {
	using home = temporaryFolder();
	const both = await doctor(home.path, "--online", "--offline");
	expect(both).toMatchObject({
		code: 2,
		err: "aeon: --online and --offline do not go together\n",
	});
	expect((await doctor(home.path, "--nonsense")).code).toBe(2);
});

test("beside a server that answers all is well, and nothing is in its way", async () => {
	using home = temporaryHome(CONFIG);
	using serve = await startServe(home.path);
	const state = join(home.path, ".aeon");
	for (const name of ["workspace", "sessions.db-shm"])
		await until(() => existsSync(join(state, name)));
	const before = readdirSync(state).sort();
	const { code, out } = await doctor(home.path, "--offline");
	expect({ code, out }).toEqual({
		code: 0,
		out: expect.stringContaining(`process ${serve.presence.pid}`),
	});
	expect(out).toMatch(/^ok +server +it answers/m);
	expect(readdirSync(state).sort()).toEqual(before);
	await serve.end("SIGTERM");
});

const NOBODY = 65_534;

test.skipIf(process.getuid?.() !== 0 || !existsSync("/usr/bin/setpriv"))(
	"a state directory that cannot be read is one problem, with what to do",
	async () => {
		using home = temporaryHome(CONFIG);
		chmodSync(home.path, 0o755);
		const aeon = await binary("linux-x64");
		const child = Bun.spawn(
			[
				...["/usr/bin/setpriv", `--reuid=${NOBODY}`, "--clear-groups"],
				...[aeon, "doctor", "--offline", "--fix"],
			],
			{ cwd: "/", env: { HOME: home.path }, stdout: "pipe" },
		);
		const out = await child.stdout.text();
		expect(await child.exited).toBe(1);
		expect(out).toMatch(
			/^problem files +~\/\.aeon belongs to root: you cannot use it\n +sudo chown -R 65534 /m,
		);
		expect(out).toEndWith("1 problem.\n");
	},
);
