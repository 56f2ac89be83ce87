import { expect, test } from "bun:test";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { platform } from "../../src/core/platform.ts";
import { VERSION } from "../../src/core/version.ts";
import { judgeServer, type Status } from "../../src/doctor/server.ts";
import type { Installation } from "../../src/service/installation.ts";
import { temporaryHome } from "../support/home.ts";
import { ANY_PORT, startServe } from "../support/serve.ts";
import { examineAll, foundOf, machineOf, patientOf, serviceOf } from "./rig.ts";

const CONFIG = { agents: { main: { provider: "demo" } } };

test("a running server is found, talked to, and is whose the port is", async () => {
	using home = temporaryHome({ ...CONFIG, ...ANY_PORT });
	using serve = await startServe(home.path);
	const { pid, url } = serve.presence;
	const patient = patientOf(home.path, { version: VERSION });
	const found = await examineAll(patient);
	const texts = found.map(({ name, text }) => `${name}: ${text}`).join("\n");
	expect(texts).toContain(`process: aeon serve is process ${pid}, at ${url}`);
	expect(texts).toContain(`server: it answers: Aeon ${VERSION}`);
	const { port } = new URL(url);
	writeFileSync(
		join(home.path, ".aeon", "aeon.json"),
		JSON.stringify({ ...CONFIG, server: { port: Number(port) } }),
	);
	expect(await foundOf("port", patientOf(home.path))).toEqual([
		`ok: 127.0.0.1:${port} is the server's own`,
	]);
	expect(await foundOf("sessions", patient)).toEqual([
		expect.stringMatching(/^ok: .*, whole$/),
	]);
	await serve.end("SIGTERM");
});

test("a server that goes by another configuration is told", async () => {
	using home = temporaryHome({ ...CONFIG, ...ANY_PORT });
	using serve = await startServe(home.path);
	const config = join(home.path, "other.json");
	writeFileSync(config, JSON.stringify(CONFIG));
	const [found] = await foundOf("process", patientOf(home.path, { config }));
	expect(found).toStartWith("warning: aeon serve is process");
	expect(found).toEndWith(`goes by ${join(home.path, ".aeon", "aeon.json")}`);
	await serve.end("SIGTERM");
});

test("a server of another version is told", async () => {
	using home = temporaryHome({ ...CONFIG, ...ANY_PORT });
	using serve = await startServe(home.path);
	const patient = patientOf(home.path, { version: "99.0.0" });
	expect(await foundOf("server", patient)).toEqual([
		`warning: it is Aeon ${VERSION}, and this one is 99.0.0`,
	]);
	await serve.end("SIGTERM");
});

test("a server that is not well is told with all that it says", () => {
	const judge = (more: Partial<Status>) =>
		judgeServer(patientOf("/nowhere", { version: "1" }), {
			version: "1",
			memory: { rssBytes: 50e6 },
			storage: { isWell: true },
			dialogs: [{ name: "telegram", state: "running" }],
			faults: 0,
			notices: [],
			...more,
		}).map(({ state, text }) => `${state}: ${text}`);
	expect(judge({})).toEqual([
		"ok: it answers: Aeon 1, 50 MB, telegram running",
	]);
	const dialogs = [
		{ name: "telegram", state: "stopped", problem: "it said 401" },
		{ name: "whatsapp", state: "retrying" },
	];
	const storage = { isWell: false, problem: "the disk is full" };
	const notices = ["an update was taken back"];
	expect(judge({ storage, dialogs, faults: 2, notices })).toEqual([
		"problem: the disk is full",
		"problem: telegram is stopped: it said 401",
		"warning: whatsapp is retrying",
		"warning: 2 errors that nobody expected since its start",
		"warning: an update was taken back",
	]);
	expect(judge({ storage: { isWell: false } })).toEqual([
		"problem: its store is not well",
	]);
});

test("a server that holds the lock and does not answer is a problem", async () => {
	using home = temporaryHome(CONFIG);
	const state = join(home.path, ".aeon");
	const presence = { pid: 1, url: "ws://127.0.0.1:1", token: "x" };
	writeFileSync(join(state, "serve.json"), JSON.stringify(presence));
	const lock = platform.lock(join(state, "serve.lock"));
	const [found = ""] = await foundOf("server", patientOf(home.path));
	expect(found).toStartWith("problem: it runs and cannot be talked to:");
	lock?.release();
});

test("what a killed server has left is told, and removed by --fix alone", async () => {
	using home = temporaryHome({ ...CONFIG, ...ANY_PORT });
	using serve = await startServe(home.path);
	await serve.end("SIGKILL");
	const left = join(home.path, ".aeon", "serve.json");
	expect(await foundOf("process", patientOf(home.path))).toEqual([
		"warning: aeon serve does not run, and was ended before it could tidy up",
	]);
	expect(existsSync(left)).toBe(true);
	const found = await examineAll(patientOf(home.path, { isRepairing: true }));
	expect(found.find(({ name }) => name === "process")).toMatchObject({
		state: "ok",
		fixed: "removed serve.json",
	});
	expect(existsSync(left)).toBe(false);
	expect(await foundOf("process", patientOf(home.path))).toEqual([
		"ok: aeon serve does not run",
	]);
});

test("a state directory that nothing was ever locked in gets no lock", async () => {
	using home = temporaryHome(CONFIG);
	const state = join(home.path, ".aeon");
	const presence = { pid: 1, url: "ws://127.0.0.1:1", token: "x" };
	writeFileSync(join(state, "serve.json"), JSON.stringify(presence));
	await examineAll(patientOf(home.path));
	expect(readdirSync(state).sort()).toEqual(["aeon.json", "serve.json"]);
});

test("a port that another program has is told with its name", async () => {
	const other = Bun.serve({ port: 0, fetch: () => new Response() });
	const { port } = other;
	using home = temporaryHome({ ...CONFIG, server: { port } });
	const [found = ""] = await foundOf("port", patientOf(home.path));
	expect(found).toEndWith(`(process ${process.pid})`);
	expect(found).toStartWith(`problem: 127.0.0.1:${port} is taken by `);
	await other.stop(true);
	expect(await foundOf("port", patientOf(home.path))).toEqual([
		`ok: 127.0.0.1:${port} is free`,
	]);
});

const HEAD = "sl local_address rem_address st\n";
const line = (local: string, state = "0A") =>
	`0: ${local} 00000000:0000 ${state} 0:0 0:0 0 54321 0 123 1\n`;
/** ::1, ::, and ::ffff:127.0.0.1 */
const ONE = "00000000000000000000000001000000";
const ANY = "0".repeat(32);
const MAPPED = "0000000000000000FFFF00000100007F";

for (const [host, table, isTaken] of [
	["127.0.0.1", line("00000000:1E61"), true],
	["127.0.0.1", line("0100007F:1E61"), true],
	["127.0.0.1", line("0501A8C0:1E61"), false],
	["127.0.0.1", line("0200007F:1E61"), false],
	["127.0.0.1", line(`${ONE}:1E61`), false],
	["127.0.0.1", line(`${ANY}:1E61`), true],
	["127.0.0.1", line(`${MAPPED}:1E61`), true],
	["::1", line(`${ONE}:1E61`), true],
	["::1", line("0100007F:1E61"), false],
	["localhost", line(`${ONE}:1E61`), true],
	["127.0.0.1", line("0100007F:1E62"), false],
	["127.0.0.1", line("0100007F:1E61", "01"), false],
	["0.0.0.0", line("0501A8C0:1E61"), true],
] as const)
	test(`who listens at ${table.slice(3, 30)} ${isTaken ? "takes" : "leaves"} ${host}:7777`, async () => {
		using home = temporaryHome({
			...CONFIG,
			server: { host, token: "0".repeat(20).concat("aZ3-9xQ7_kLmP2vRt8") },
		});
		using machine = machineOf({ "proc/self/net/tcp": HEAD + table });
		const patient = patientOf(home.path, { root: machine.path });
		expect(await foundOf("port", patient)).toEqual([
			isTaken
				? `problem: ${host}:7777 is taken by a program of user 54321`
				: `ok: ${host}:7777 is free`,
		]);
	});

test("the port of the installed service is no obstacle to a person beside it", async () => {
	using home = temporaryHome(CONFIG);
	using machine = machineOf({
		"proc/self/net/tcp": HEAD + line("0100007F:1E61"),
		"etc/passwd": "root:x:0:0::/root:/bin/sh\naeon:x:54321:1::/:/bin/sh\n",
	});
	const root = machine.path;
	const found = (installation: Installation) =>
		foundOf("port", patientOf(home.path, { root, installation }));
	const away = serviceOf("/var/lib/aeon", { user: "aeon" });
	expect(await found(away)).toEqual([
		"ok: 127.0.0.1:7777 is that of the installed service",
	]);
	const other = serviceOf("/var/lib/aeon", { user: "root" });
	expect(await found(other)).toEqual([
		"problem: 127.0.0.1:7777 is taken by a program of aeon",
	]);
});

test("a running server is not said to go by another configuration where this one is broken", async () => {
	using home = temporaryHome({ ...CONFIG, ...ANY_PORT });
	using serve = await startServe(home.path);
	writeFileSync(join(home.path, ".aeon", "aeon.json"), "{ broken");
	const [found] = await foundOf("process", patientOf(home.path));
	expect(found).toStartWith("ok: aeon serve is process");
	await serve.end("SIGTERM");
});

test("a port of the first thousand is not for a user", async () => {
	using home = temporaryHome({ ...CONFIG, server: { port: 80 } });
	using machine = machineOf({ "proc/self/net/tcp": HEAD });
	const patient = patientOf(home.path, { root: machine.path, uid: 1000 });
	expect(await foundOf("port", patient)).toEqual([
		"problem: 127.0.0.1:80 is for root alone",
	]);
});
