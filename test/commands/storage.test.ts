import { expect, test } from "bun:test";
import {
	chmodSync,
	existsSync,
	lstatSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { claimState } from "../../src/core/presence.ts";
import { file, sqlite } from "../../src/storage/registry.ts";
import type { StoreEntry } from "../../src/storage/store.ts";
import { digestOf } from "../../src/storage/transfer_digest.ts";
import { Chance, given, randomStore } from "../storage/transfer_contract.ts";
import { run, start } from "../support/command.ts";
import { temporaryHome } from "../support/home.ts";
import { randomFrom } from "../support/random.ts";

const AGENTS = { main: { provider: "demo" } };
const KILLS = 12;
const KEY = "agent:main:cli:local";

/** A home with a store in it, and what may be asked about it. */
async function homeWith(driver: "sqlite" | "file", entries: StoreEntry[]) {
	const home = temporaryHome({ agents: AGENTS, storage: { driver } });
	const at = (name: string) => join(home.path, ".aeon", name);
	const database = { sessions_db: at("sessions.db") };
	const sessions = { directory: at("sessions") };
	if (driver === "sqlite") await sqlite.load(database, given(entries));
	else await file.load(sessions, given(entries));
	return {
		...home,
		[Symbol.dispose]: () => home[Symbol.dispose](),
		at,
		migrate: (to: string) =>
			run(["storage", "migrate", "--to", to], { home: home.path }),
		driver: () =>
			JSON.parse(readFileSync(at("aeon.json"), "utf8")).storage?.driver,
		hashOf: async (kind: "sqlite" | "file") => {
			const dump =
				kind === "sqlite" ? sqlite.dump(database) : file.dump(sessions);
			return (await digestOf(dump)).hash;
		},
	};
}

const something = () => randomStore(new Chance(randomFrom(3)));

/** So much that there is time to kill in. */
function* much(): Generator<StoreEntry> {
	yield {
		kind: "session",
		session: { sessionKey: KEY, agentId: "main", createdAt: 1, updatedAt: 2 },
	};
	for (let id = 1; id <= 3000; id++)
		yield {
			kind: "message",
			sessionKey: KEY,
			message: { role: "user", content: `message ${id}`, id, timestamp: 2 },
		};
}

for (const [from, to] of [
	["sqlite", "file"],
	["file", "sqlite"],
] as const)
	test(`storage migrate moves everything from the ${from} store to the ${to} store, and back again`, async () => {
		using home = await homeWith(from, something());
		const config = readFileSync(home.at("aeon.json"), "utf8");
		const expected = await digestOf(given(something()));
		const place = (kind: string) =>
			home.at(kind === "file" ? "sessions" : "sessions.db");
		const { code, out, err } = await home.migrate(to);
		expect({ code, err }).toEqual({ code: 0, err: "" });
		const { sessions, messages, accepted, parts } = expected;
		expect(out.replace(/in \d+\.\d s/, "in 0.0 s")).toBe(
			`Reading ${place(from)} …
Comparing what was written …
Moved ${sessions} sessions, ${messages} messages, ${accepted} messages of the inbox, ${parts} parts of the outbox from ${place(from)} to ${place(to)} in 0.0 s.
Both hold the same: SHA-256 ${expected.hash}.
${home.at("aeon.json")} names the ${to} store now; ${home.at("aeon.json.bak")} is the file as it was.
The old store stays where it is, ${place(from)}: nothing reads it any more, but an aeon chat that is still open. Close that, and remove it when you like.
`,
		);
		expect(home.driver()).toBe(to);
		expect(readFileSync(home.at("aeon.json.bak"), "utf8")).toBe(config);
		for (const kind of [from, to])
			expect(await home.hashOf(kind)).toBe(expected.hash);
		expect(readdirSync(home.at("")).sort()).toEqual([
			"aeon.json",
			"aeon.json.bak",
			"serve.lock",
			"sessions",
			"sessions.db",
		]);
		for (const name of ["aeon.json", "aeon.json.bak", "sessions.db"])
			expect(statSync(home.at(name)).mode & 0o777).toBe(0o600);
		expect(statSync(home.at("sessions")).mode & 0o777).toBe(0o700);

		const list = await run(["sessions", "list", "--json"], {
			home: home.path,
		});
		expect(list.out.trim().split("\n")).toHaveLength(sessions);

		// There is a store already where the way back leads to.
		const refused = await home.migrate(from);
		expect({ code: refused.code, driver: home.driver() }).toEqual({
			code: 1,
			driver: to,
		});
		expect(refused.err).toStartWith(`aeon: ${place(from)} is not empty`);
		rmSync(place(from), { recursive: true });
		expect((await home.migrate(from)).code).toBe(0);
		expect(home.driver()).toBe(from);
		expect(await home.hashOf(from)).toBe(expected.hash);
	});

test("a migration that is killed at any moment leaves a whole store in use, and can be begun again", async () => {
	for (let kill = 0; kill < KILLS; kill++) {
		using home = await homeWith("sqlite", [...much()]);
		const hash = await home.hashOf("sqlite");
		const child = start(["storage", "migrate", "--to", "file"], {
			home: home.path,
		});
		await momentOf(kill, home.at, child);
		child.kill("SIGKILL");
		await child.exited;
		const driver = home.driver();
		expect(["sqlite", "file"]).toContain(driver);
		expect(await home.hashOf("sqlite")).toBe(hash);
		if (driver === "file") expect(await home.hashOf("file")).toBe(hash);
		else {
			const { code, err } = await home.migrate("file");
			expect({ code, err }).toEqual({ code: 0, err: "" });
			expect(home.driver()).toBe("file");
			expect(await home.hashOf("file")).toBe(hash);
		}
		const left = readdirSync(home.at("")).filter((name) =>
			/migrat|new/.test(name),
		);
		// Of a setting that was changed only the mark may be left.
		expect(left).toEqual(
			driver === "file" && left.length > 0 ? ["sessions.migrated"] : [],
		);
	}
}, 120_000);

/** Resolves at a moment worth being killed in. */
async function momentOf(
	kill: number,
	at: (name: string) => string,
	child: ReturnType<typeof start>,
): Promise<void> {
	const isThere = (name: string) => () => existsSync(at(name));
	const filled = (name: string, share: number) => () => {
		const directory = at(name);
		if (!existsSync(directory)) return false;
		const [first] = readdirSync(directory);
		const path = join(directory, first ?? "");
		return first !== undefined && statSync(path).size > share * 200_000;
	};
	const moments = [
		isThere("serve.lock"),
		isThere("sessions.migrating"),
		filled("sessions.migrating", 0.3),
		filled("sessions.migrating", 0.9),
		isThere("sessions.migrated"),
		isThere("sessions"),
		isThere("aeon.json.bak"),
	];
	const moment = moments[kill];
	if (!moment) {
		for await (const chunk of child.stdout)
			if (new TextDecoder().decode(chunk).includes("Comparing")) break;
		for (let turns = (kill - moments.length) * 200; turns > 0; turns--)
			await new Promise((resolve) => setImmediate(resolve));
		return;
	}
	while (!moment() && child.exitCode === null)
		await new Promise((resolve) => setImmediate(resolve));
}

test("a new store that was never used because of a kill is made anew with what came into the old one since", async () => {
	using home = await homeWith("file", something());
	const config = readFileSync(home.at("aeon.json"), "utf8");
	expect((await home.migrate("sqlite")).code).toBe(0);
	// As a kill between the two would have left it.
	const { hash } = await digestOf(given(something()));
	writeFileSync(home.at("sessions.db.migrated"), hash);
	writeFileSync(home.at("aeon.json"), config);
	const store = await file.open({ directory: home.at("sessions") });
	await store.saveMessage(KEY, { role: "user", content: "later" }, 5);
	await store.close();
	expect((await home.migrate("sqlite")).code).toBe(0);
	expect(await home.hashOf("sqlite")).toBe(await home.hashOf("file"));
	expect(await home.hashOf("sqlite")).not.toBe(hash);
});

test("nothing is moved while a server runs", async () => {
	using home = await homeWith("sqlite", something());
	const claim = await claimState(home.at(""));
	const { code, out, err } = await home.migrate("file");
	claim.release();
	expect({ code, out }).toEqual({ code: 1, out: "" });
	expect(err).toStartWith(
		`aeon: aeon serve runs already on ${home.at("").slice(0, -1)}`,
	);
	expect(err).toEndWith(
		"Stop it first: it writes into the store that is to be moved.\n",
	);
	expect(existsSync(home.at("sessions"))).toBe(false);
});

test("no server can start while something is moved", async () => {
	using home = await homeWith("sqlite", [...much()]);
	const child = start(["storage", "migrate", "--to", "file"], {
		home: home.path,
	});
	while (!existsSync(home.at("sessions.migrating")))
		await new Promise((resolve) => setImmediate(resolve));
	process.kill(child.pid, "SIGSTOP");
	await expect(claimState(home.at(""))).rejects.toMatchObject({
		code: "conflict",
	});
	process.kill(child.pid, "SIGCONT");
	expect(await child.exited).toBe(0);
	(await claimState(home.at(""))).release();
});

test("a store that somebody writes into is not moved", async () => {
	using home = await homeWith("file", [...much()]);
	const writer = Bun.spawn(
		[
			process.execPath,
			join(import.meta.dir, "..", "storage", "copy_writer.ts"),
			"file",
			home.at("sessions"),
			"0",
		],
		{ stdout: "pipe" },
	);
	const reader = writer.stdout.getReader();
	await reader.read();
	const { code, err } = await home.migrate("sqlite");
	writer.kill("SIGKILL");
	await writer.exited;
	expect(code).toBe(1);
	expect(err).toStartWith(
		`aeon: Somebody has written into ${home.at("sessions")} meanwhile: `,
	);
	expect(home.driver()).toBe("file");
	expect(readdirSync(home.at("")).sort()).toEqual([
		"aeon.json",
		"serve.lock",
		"sessions",
	]);
});

test.each([
	["storage", 2, "aeon storage needs one of the commands above"],
	["storage migrate", 2, "Missing required argument: --to"],
	["storage migrate --to toString", 2, "--to toString: write file or sqlite"],
	[
		"storage migrate --to sqlite",
		1,
		"conversations are in the sqlite store already, in ",
	],
])("aeon %s is refused, and says why", async (line, expected, why) => {
	using home = await homeWith("sqlite", []);
	const { code, err } = await run(line.split(" "), { home: home.path });
	expect(code).toBe(expected);
	expect(err).toContain(why);
});

test("without an aeon.json nothing is moved, and what to write is said", async () => {
	using home = temporaryHome();
	mkdirSync(join(home.path, ".aeon"));
	const database = { sessions_db: join(home.path, ".aeon", "sessions.db") };
	await sqlite.load(database, given(something()));
	const { code, err } = await run(["storage", "migrate", "--to", "file"], {
		home: home.path,
		env: { ANTHROPIC_API_KEY: "sk-secret" },
	});
	expect(code).toBe(2);
	const [first, second, ...rest] = err.split("\n");
	expect(first).toBe(
		"aeon: there is no aeon.json that could name the new store; nothing was moved",
	);
	expect(second).toBe(
		"Write one, ~/.aeon/aeon.json, and try again. What is used without a file is:",
	);
	writeFileSync(join(home.path, ".aeon", "aeon.json"), rest.join("\n"));
	expect(existsSync(join(home.path, ".aeon", "sessions"))).toBe(false);
	const again = await run(["storage", "migrate", "--to", "file"], {
		home: home.path,
		env: { ANTHROPIC_API_KEY: "sk-secret" },
	});
	expect(again.code).toBe(0);
	const { hash } = await digestOf(given(something()));
	expect(again.out).toContain(hash);
});

test.each([
	[
		'{\n  "agents": {"main": {"provider": "demo"}},\n  "tools":   { "workspace": "~/w" }\n}\n',
		'{\n  "agents": {"main": {"provider": "demo"}},\n  "tools":   { "workspace": "~/w" },\n  "storage": { "driver": "file" }\n}\n',
	],
	[
		'\ufeff{\r\n\t"storage": {\r\n\t\t"retention_days": 30,   "driver":"sqlite"\r\n\t},\r\n\t"agents": {"main": {"provider": "demo"}}}',
		'\ufeff{\r\n\t"storage": {\r\n\t\t"retention_days": 30,   "driver":"file"\r\n\t},\r\n\t"agents": {"main": {"provider": "demo"}}}',
	],
	[
		'{"storage": {}, "agents": {"main": {"provider": "demo"}}}',
		'{"storage": {"driver": "file"}, "agents": {"main": {"provider": "demo"}}}',
	],
	[
		'{"storage": {"driver": "${STORE:-sqlite}"}, "agents": {"main": {"provider": "demo"}}}',
		'{"storage": {"driver": "file"}, "agents": {"main": {"provider": "demo"}}}',
	],
])("of aeon.json one word is changed: %j", async (before, after) => {
	using home = await homeWith("sqlite", []);
	// Where a person keeps it with others of the kind.
	const real = join(home.path, "dotfiles.json");
	writeFileSync(real, before);
	chmodSync(real, 0o640);
	rmSync(home.at("aeon.json"));
	symlinkSync(real, home.at("aeon.json"));
	expect((await home.migrate("file")).code).toBe(0);
	expect(readFileSync(home.at("aeon.json"), "utf8")).toBe(after);
	expect(lstatSync(home.at("aeon.json")).isSymbolicLink()).toBe(true);
	expect(readFileSync(`${real}.bak`, "utf8")).toBe(before);
	for (const path of [real, `${real}.bak`])
		expect(statSync(path).mode & 0o777).toBe(0o640);
});

test("an aeon.json in which one word is not enough stays as it is, and so does the store", async () => {
	using home = await homeWith("sqlite", something());
	const twice =
		'{"storage": {}, "storage": {"driver": "sqlite"}, "agents": {"main": {"provider": "demo"}}}';
	writeFileSync(home.at("aeon.json"), twice);
	const { code, err } = await home.migrate("file");
	expect(code).toBe(2);
	expect(err).toBe(
		`aeon: ${home.at("aeon.json")} cannot be changed by Aeon itself\nLet it have one "storage": {"driver": …}, and try again.\n`,
	);
	expect(readFileSync(home.at("aeon.json"), "utf8")).toBe(twice);
	expect(existsSync(home.at("sessions"))).toBe(false);
});

test("the places that --config names are the ones that are moved", async () => {
	using home = await homeWith("sqlite", something());
	const config = join(home.path, "other.json");
	const moved = join(home.path, "elsewhere", "talks");
	renameSync(home.at("sessions.db"), join(home.path, "my.db"));
	writeFileSync(
		config,
		JSON.stringify({
			agents: AGENTS,
			storage: { sessions_db: "./my.db", directory: "./elsewhere/talks" },
		}),
	);
	const { code } = await run(
		["storage", "migrate", "--to", "file", "--config", config],
		{ home: home.path },
	);
	expect(code).toBe(0);
	const { hash } = await digestOf(given(something()));
	expect((await digestOf(file.dump({ directory: moved }))).hash).toBe(hash);
	expect(JSON.parse(readFileSync(config, "utf8")).storage.driver).toBe("file");
	expect(home.driver()).toBe("sqlite");
});
