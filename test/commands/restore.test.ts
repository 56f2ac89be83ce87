import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
	copyFileSync,
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	readlinkSync,
	rmSync,
	symlinkSync,
	truncateSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import {
	configOf,
	DRIVERS,
	fullHome,
	KEY,
	remembered,
	STATE,
	saidIn,
	sayIn,
	snapshot,
} from "../backup/full_home.ts";
import { listed, manifestOf, type Packed, pack } from "../backup/tarball.ts";
import { openTerminal } from "../dialogs/cli/terminal.ts";
import { canMount, onSmallDisk } from "../storage/small_disk.ts";
import { run, start } from "../support/command.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/home.ts";
import { startServe } from "../support/serve.ts";

/** How often a restore is killed. */
const KILLS = 12;

let folder: TemporaryFolder;
/** A backup of a full home, by its driver. */
const backups: Record<string, string> = {};

beforeAll(async () => {
	folder = temporaryFolder();
	for (const driver of DRIVERS) {
		using home = await fullHome(driver);
		backups[driver] = join(folder.path, `${driver}.tar.gz`);
		const args = ["backup", backups[driver]];
		expect(await run(args, { home: home.path })).toMatchObject({ code: 0 });
	}
});
afterAll(() => folder[Symbol.dispose]());

const restore = (
	home: string,
	file: string,
	...args: string[]
): ReturnType<typeof run> => run(["restore", file, "--yes", ...args], { home });

/** Another home, in which other things were said, with files that the backup has not. */
async function otherHome(driver: (typeof DRIVERS)[number]) {
	const home = await fullHome(driver);
	const state = join(home.path, ".aeon");
	await sayIn(home.path, driver, "three");
	writeFileSync(join(state, "token"), "another-token");
	writeFileSync(join(state, "whatsapp.json"), "not in the backup");
	writeFileSync(join(state, "persona.txt"), "You are somebody else.");
	return home;
}

/** The folders that restores have moved things into. */
function replaced(home: string): string[] {
	return readdirSync(join(home, ".aeon"))
		.filter((name) => name.startsWith("replaced-"))
		.map((name) => join(home, ".aeon", name));
}

for (const driver of DRIVERS)
	test(`restoring a ${driver} store keeps everything that it replaces, and leaves exactly the backup`, async () => {
		using home = await otherHome(driver);
		const before = snapshot(home.path);
		const outcome = await restore(home.path, backups[driver] ?? "");
		expect(outcome).toMatchObject({ code: 0, err: "" });
		const [aside = ""] = replaced(home.path);
		const state = join(home.path, ".aeon");
		const sessions = driver === "sqlite" ? "sessions.db" : "sessions";
		const moved = [
			sessions,
			"memory.db",
			"persona.txt",
			"approvals.json",
			"secrets.env",
			"telegram-allowed.json",
			"telegram.json",
			"token",
			"whatsapp-allowed.json",
			"whatsapp.json",
			"aeon.json",
		];
		expect(outcome.out.replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d/g, "TIME")).toBe(
			[
				`${backups[driver]} is whole. It was made at TIME by Aeon 0.1.0.`,
				`What is there now is moved into ${aside}:`,
				...moved.map((name) => `  ${join(state, name)}`),
				`Restored 10 files of TIME. What was there before is in ${aside}.`,
				"",
			].join("\n"),
		);
		expect(await saidIn(home.path, driver)).toEqual(["one", "two"]);
		expect(existsSync(join(state, "whatsapp.json"))).toBe(false);
		expect(readFileSync(join(state, "token"), "utf8")).toBe(STATE.token);
		const kept = snapshot(aside);
		expect(kept["state/token"]).toBe("another-token");
		expect(kept["state/whatsapp.json"]).toBe("not in the backup");
		expect(kept["prompts/main"]).toBe("You are somebody else.");
		for (const [path, text] of Object.entries(before))
			if (!/-(wal|shm)$/.test(path))
				expect([
					path,
					Object.values(snapshot(home.path)).includes(text),
				]).toEqual([path, true]);
		expect(readdirSync(state)).not.toContain("restoring");
	});

test("a server goes on with what was restored", async () => {
	using home = await otherHome("sqlite");
	await restore(home.path, backups.sqlite ?? "");
	using serve = await startServe(home.path);
	expect(serve.presence.token).toBe(STATE.token);
	const shown = await run(["sessions", "show", KEY], { home: home.path });
	expect(shown.out).toContain("two");
	expect(shown.out).not.toContain("three");
	await serve.end("SIGTERM");
});

test("while a server runs nothing is restored, and it is named", async () => {
	using home = await otherHome("sqlite");
	using serve = await startServe(home.path);
	const outcome = await restore(home.path, backups.sqlite ?? "");
	expect(outcome).toMatchObject({ code: 1, out: "" });
	expect(outcome.err).toContain(
		`aeon serve runs already on ${home.path}/.aeon: process ${serve.presence.pid}, at ${serve.presence.url}`,
	);
	await serve.end("SIGTERM");
	expect(replaced(home.path)).toEqual([]);
	expect(await saidIn(home.path, "sqlite")).toEqual(["one", "two", "three"]);
});

test("what another program has open is not replaced", async () => {
	using home = await otherHome("sqlite");
	const before = snapshot(home.path);
	const path = join(home.path, ".aeon", "sessions.db");
	{
		using database = new Database(path);
		database.query("SELECT count(*) FROM messages").get();
		expect(await restore(home.path, backups.sqlite ?? "")).toMatchObject({
			code: 1,
			out: "",
			err: `aeon: another program has ${path} open\nEnd it, for example an aeon chat, and try again.\n`,
		});
	}
	expect(snapshot(home.path)).toEqual(before);
	expect(await restore(home.path, backups.sqlite ?? "")).toMatchObject({
		code: 0,
	});
});

test("where nobody can be asked nothing is replaced without --yes", async () => {
	using home = await otherHome("sqlite");
	const before = snapshot(home.path);
	const args = ["restore", backups.sqlite ?? ""];
	expect(await run(args, { home: home.path, input: "y\n" })).toEqual({
		code: 2,
		out: "",
		err: "aeon: nobody can be asked here whether what there is may be replaced: write --yes\n",
	});
	expect(snapshot(home.path)).toEqual(before);
});

test("a person is asked, and only a yes changes anything", async () => {
	using home = await otherHome("sqlite");
	const before = snapshot(home.path);
	for (const [keys, says] of [
		["\r", "Nothing was changed."],
		["n\r", "Nothing was changed."],
		["yessir\r", "Nothing was changed."],
		["\x04", "Nothing was changed."],
		["\x03", ""],
		["y\r", "Restored 10 files"],
	] as const) {
		using terminal = openTerminal(home.path, {
			args: ["restore", backups.sqlite ?? ""],
		});
		await terminal.sees("Go on? [y/N] ");
		terminal.types(keys);
		await terminal.sees(says);
		await terminal.exited;
		if (keys !== "y\r") expect(snapshot(home.path)).toEqual(before);
	}
	expect(await saidIn(home.path, "sqlite")).toEqual(["one", "two"]);
});

test("what another program has opened while the person was asked is not replaced", async () => {
	using home = await otherHome("sqlite");
	const path = join(home.path, ".aeon", "memory.db");
	const before = snapshot(home.path);
	using terminal = openTerminal(home.path, {
		args: ["restore", backups.sqlite ?? ""],
	});
	await terminal.sees("Go on? [y/N] ");
	{
		using database = new Database(path);
		database.query("SELECT count(*) FROM facts").get();
		terminal.types("y\r");
		await terminal.sees(`another program has ${path} open`);
		expect(await terminal.exited).toBe(1);
	}
	expect(snapshot(home.path)).toEqual(before);
});

test("every place outside of the state directory is named before the question, also where there is nothing yet", async () => {
	using home = temporaryFolder();
	const persona = join(home.path, "elsewhere", "persona.txt");
	const facts = join(home.path, "facts.db");
	const place = join(home.path, "etc", "aeon.json");
	const file = await forge([
		[
			"config",
			"aeon.json",
			JSON.stringify({
				agents: { main: { provider: "demo", system_prompt_file: persona } },
				memory: { database: facts },
			}),
		],
		["prompt", "prompts/main", "You are somebody else."],
		["state", "state/token", "t"],
	]);
	const args = ["restore", file, "--config", place];
	using terminal = openTerminal(home.path, { args });
	await terminal.sees("It replaces nothing.");
	await terminal.sees("New files outside of the state directory:");
	await terminal.sees(`  ${persona}\r\n  ${place}\r\nGo on? [y/N] `);
	terminal.types("n\r");
	await terminal.exited;
	mkdirSync(join(home.path, "elsewhere"));
	writeFileSync(persona, "mine");
	writeFileSync(facts, "");
	const outcome = await restore(home.path, file, "--config", place);
	expect(outcome).toMatchObject({ code: 0, err: "" });
	expect(outcome.out.split("\n").slice(2, 6)).toEqual([
		`  ${facts}`,
		`  ${persona}`,
		"New files outside of the state directory:",
		`  ${place}`,
	]);
});

test("where the aeon.json of a backup cannot be used it is that one which is named, not the person's own", async () => {
	using home = await otherHome("sqlite");
	const memory = { database: `\${NOWHERE}/memory.db` };
	for (const [text, says] of [
		[
			JSON.stringify(configOf("sqlite", { from_the_future: 1 })),
			" cannot be used:\n  from_the_future: ",
		],
		[
			JSON.stringify(configOf("sqlite", { memory })),
			" cannot be used:\n  memory.database: ",
		],
		["no JSON", ":1:1: is not JSON"],
	] as const) {
		const file = await forge([["config", "aeon.json", text]]);
		const { code, err } = await restore(home.path, file);
		expect(code).toBe(2);
		expect(err).toStartWith(
			`aeon: ${file} cannot be restored here: the aeon.json in the backup${says}`,
		);
		expect(err).toEndWith("\nNothing was changed.\n");
		expect(err).not.toContain(join(home.path, ".aeon"));
	}
});

let forged = 0;

/** A backup with other files and another manifest than Aeon would have written. */
async function forge(files: [kind: string, name: string, text: string][]) {
	const path = join(folder.path, `forged-${++forged}.tar.gz`);
	const packed: Packed[] = files.map(([, name, text]) => ({ name, text }));
	await pack(path, [
		manifestOf(files.map(([kind, name, text]) => listed(name, text, kind))),
		...packed,
	]);
	return path;
}

test("a backup that is not whole, not Aeon's or from a newer one is refused, and nothing is changed", async () => {
	using home = await otherHome("sqlite");
	const config = JSON.stringify(configOf("sqlite"));
	const cut = join(folder.path, "cut.tar.gz");
	copyFileSync(backups.sqlite ?? "", cut);
	truncateSync(cut, readFileSync(cut).length - 9);
	const database = (change: (open: Database) => void) => {
		const path = join(folder.path, "made.db");
		rmSync(path, { force: true });
		copyFileSync(join(home.path, ".aeon", "sessions.db"), path);
		{
			using open = new Database(path);
			open.run("PRAGMA journal_mode = DELETE");
			change(open);
		}
		return readFileSync(path);
	};
	const before = snapshot(home.path);
	const newer = database((open) => open.run("PRAGMA user_version = 999"));
	const other = database((open) => open.run("DROP TABLE messages"));
	const torn = database(() => {}).fill(0x7f, 4096, 9000);
	const withStore = async (bytes: Buffer) => {
		const path = join(folder.path, `store-${++forged}.tar.gz`);
		await packBytes(path, bytes);
		return path;
	};
	for (const [file, message] of [
		[cut, "is not a whole backup"],
		[await forge([["config", "aeon.json", "{}"]]), "agents"],
		[await forge([["config", "aeon.json", "no JSON"]]), "is not JSON"],
		[
			await forge([
				[
					"config",
					"aeon.json",
					JSON.stringify({ ...configOf("sqlite"), from_the_future: 1 }),
				],
			]),
			"from_the_future",
		],
		[
			await forge([
				[
					"config",
					"aeon.json",
					JSON.stringify(
						configOf("sqlite", {
							storage: { driver: "sqlite", sessions_db: `\${NOWHERE}/s.db` },
						}),
					),
				],
			]),
			"${NOWHERE} is not set",
		],
		[
			await forge([
				["config", "aeon.json", config],
				["state", "state/serve.json", "{}"],
			]),
			"state/serve.json in it, which is no file of Aeon's",
		],
		[
			await forge([
				["config", "aeon.json", config],
				["prompt", "prompts/nobody", "x"],
			]),
			"prompts/nobody in it, and by its aeon.json there is no place for it",
		],
		[
			await forge([
				["config", "aeon.json", JSON.stringify(configOf("file"))],
				["sessions", "sessions.db", "x"],
			]),
			"has a sqlite store in it, and by its aeon.json storage.driver is file",
		],
		[
			await forge([
				["config", "aeon.json", config],
				["memory", "memory.db", "no database"],
			]),
			"memory.db",
		],
		[await withStore(newer), "was written by a newer Aeon"],
		[await withStore(other), "messages is missing in it"],
		[await withStore(torn), "is damaged"],
	] as const) {
		const outcome = await restore(home.path, file);
		expect({ message, ...outcome }).toMatchObject({ out: "" });
		expect(outcome.err).toContain(message);
		expect([message, snapshot(home.path)]).toEqual([message, before]);
	}
}, 60_000);

/** A backup of these bytes as a store. */
async function packBytes(path: string, bytes: Buffer) {
	const sha256 = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
	const name = "sessions.db";
	const manifest = manifestOf([
		{ name, kind: "sessions", size: bytes.length, sha256 },
	]);
	const { packTar } = await import("modern-tar");
	const text = manifest.text ?? "";
	const tar = await packTar([
		{ header: { name: "manifest.json", size: text.length }, body: text },
		{ header: { name, size: bytes.length }, body: new Uint8Array(bytes) },
	]);
	writeFileSync(path, Bun.gzipSync(tar));
}

test("the configuration goes where the command looks for it, and its paths are those of this machine", async () => {
	using from = await fullHome("sqlite", {
		memory: { database: "~/facts/memory.db" },
	});
	const state = join(from.path, ".aeon");
	mkdirSync(join(from.path, "facts"));
	copyFileSync(join(state, "memory.db"), join(from.path, "facts", "memory.db"));
	const file = join(folder.path, "placed.tar.gz");
	await run(["backup", file], { home: from.path });
	for (const [args, env, place] of [
		[[], {}, ".aeon/aeon.json"],
		[["--config", "etc/a.json"], {}, "etc/a.json"],
		[[], { AEON_CONFIG: "etc/b.json" }, "etc/b.json"],
		[["--config", "etc/a.json"], { AEON_CONFIG: "/nowhere" }, "etc/a.json"],
	] as const) {
		using home = temporaryFolder();
		const outcome = await run(["restore", file, "--yes", ...args], {
			home: home.path,
			env,
		});
		expect(outcome).toMatchObject({ code: 0, err: "" });
		const files = Object.keys(snapshot(home.path));
		expect(files).toContain(place);
		expect(files).toContain("facts/memory.db");
		expect(files).toContain(join(place, "..", "persona.txt"));
		expect(files).toContain(".aeon/sessions.db");
	}
});

test("a configuration is put where the present one was found", async () => {
	using home = temporaryFolder();
	const here = join(home.path, "aeon.json");
	writeFileSync(here, "no JSON at all");
	expect(await restore(home.path, backups.sqlite ?? "")).toMatchObject({
		code: 0,
	});
	expect(JSON.parse(readFileSync(here, "utf8"))).toEqual(configOf("sqlite"));
	const [aside = ""] = replaced(home.path);
	expect(snapshot(aside)).toEqual({ "aeon.json": "no JSON at all" });
});

test("a backup without a configuration takes the present one out of the way, too", async () => {
	using from = temporaryFolder();
	await sayIn(from.path, "sqlite", "one");
	const file = join(folder.path, "bare.tar.gz");
	expect(await run(["backup", file], { home: from.path })).toMatchObject({
		code: 0,
	});
	using home = await otherHome("sqlite");
	expect(await restore(home.path, file)).toMatchObject({ code: 0, err: "" });
	const left = Object.keys(snapshot(join(home.path, ".aeon"))).filter(
		(name) => !/^(replaced|logs|workspace)/.test(name),
	);
	expect(left).toEqual([
		"chat_history",
		"pairing.json",
		"persona.txt",
		"sessions.db",
	]);
	expect(await saidIn(home.path, "sqlite")).toEqual(["one"]);
});

test("what lies behind a link is replaced there", async () => {
	using home = await otherHome("sqlite");
	const state = join(home.path, ".aeon");
	const stick = join(home.path, "stick");
	mkdirSync(stick);
	copyFileSync(join(state, "sessions.db"), join(stick, "s.db"));
	rmSync(join(state, "sessions.db"));
	symlinkSync(join(stick, "s.db"), join(state, "sessions.db"));
	await restore(home.path, backups.sqlite ?? "");
	expect(readdirSync(stick)).toEqual(["s.db"]);
	expect(readlinkSync(join(state, "sessions.db"))).toBe(join(stick, "s.db"));
	expect(await saidIn(home.path, "sqlite")).toEqual(["one", "two"]);
	expect(await remembered(home.path)).toHaveLength(2);
});

test(`killed ${KILLS} times at any moment, a restore loses nothing, and the next one finishes it`, async () => {
	using home = await otherHome("file");
	const texts = () =>
		Object.entries(snapshot(home.path))
			.filter(([path]) => !path.startsWith(".aeon/restoring/"))
			.map(([, text]) => text);
	const began = performance.now();
	await restore(home.path, backups.file ?? "");
	const lasts = performance.now() - began;
	for (let kill = 1; kill <= KILLS; kill++) {
		await sayIn(home.path, "file", `after kill ${kill}`);
		const precious = texts();
		const child = start(["restore", backups.file ?? "", "--yes"], {
			home: home.path,
		});
		// The one place where time itself is what is tried: anywhere, and while files take their places.
		if (kill % 2 === 0) await Bun.sleep((lasts * kill) / KILLS);
		else {
			const { length } = replaced(home.path);
			while (replaced(home.path).length === length && child.exitCode === null)
				await Bun.sleep(0);
			await Bun.sleep(kill / 4);
		}
		child.kill("SIGKILL");
		await child.exited;
		const now = texts();
		expect(precious.filter((text) => !now.includes(text))).toEqual([]);
	}
	expect(await restore(home.path, backups.file ?? "")).toMatchObject({
		code: 0,
	});
	expect(await saidIn(home.path, "file")).toEqual(["one", "two"]);
	expect(await remembered(home.path)).toHaveLength(2);
	expect(readdirSync(join(home.path, ".aeon"))).not.toContain("restoring");
}, 60_000);

test.skipIf(!canMount)(
	"where there is no room for a backup, it is said before anything is changed (needs the right to mount)",
	async () => {
		await onSmallDisk(async (disk) => {
			const state = join(disk, ".aeon");
			mkdirSync(state);
			writeFileSync(join(state, "token"), "mine");
			writeFileSync(join(disk, "ballast"), "x".repeat(900_000));
			const before = snapshot(disk);
			const outcome = await restore(disk, backups.sqlite ?? "");
			expect(outcome).toMatchObject({ code: 1, out: "" });
			expect(outcome.err).toContain("There is not enough room in ");
			expect(snapshot(disk)).toEqual(before);
		});
	},
);
