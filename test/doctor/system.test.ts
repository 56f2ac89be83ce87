import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import type { PatientParts } from "../../src/doctor/patient.ts";
import { temporaryHome } from "../support/home.ts";
import { examineAll, foundOf, machineOf, patientOf, serviceOf } from "./rig.ts";

const CONFIG = { agents: { main: { provider: "demo" } } };

/** A systemctl that has this to say of the service. */
const systemctl = (...lines: string[]) =>
	`#!/bin/sh\n[ "$1" = --version ] && echo "systemd 257 (257.8)" && exit\ncat <<END\n${lines.join("\n")}\nEND\n`;

const RUNS = [
	"UnitFileState=enabled",
	"ActiveState=active",
	"SubState=running",
	"NRestarts=0",
];

const SERVICES: [lines: string[], found: string[]][] = [
	[RUNS, ["ok: systemd 257, system service, running"]],
	[
		["UnitFileState=enabled", "ActiveState=failed", "NRestarts=2"],
		["problem: it has failed"],
	],
	[
		["UnitFileState=disabled", "ActiveState=inactive"],
		[
			"warning: it does not run",
			"warning: it is disabled: it does not start with the machine",
		],
	],
	[
		[...RUNS.slice(0, 3), "NRestarts=9"],
		["problem: it was restarted 9 times after a failure"],
	],
	[[...RUNS, "NeedDaemonReload=yes"], ["warning: its unit was changed"]],
	[[], ["warning: systemd does not answer"]],
];

for (const [lines, found] of SERVICES)
	test(`a service is told as systemd knows it: ${found}`, async () => {
		using home = temporaryHome(CONFIG);
		using machine = machineOf({
			"run/systemd/system/there": "",
			"bin/systemctl": systemctl(...lines),
		});
		const installation = serviceOf(home.path);
		const path = `${machine.path}/bin`;
		const patient = patientOf(home.path, {
			root: machine.path,
			path: `${path}`,
			installation,
		});
		expect(await foundOf("service", patient)).toEqual(found);
	});

test("what to do about a service is told by the name that Aeon was called by, with sudo where only root may", async () => {
	using home = temporaryHome(CONFIG);
	using machine = machineOf({
		"run/systemd/system/there": "",
		"bin/systemctl": systemctl("ActiveState=failed"),
	});
	const hintsOf = async (parts: Partial<PatientParts>) => {
		const patient = patientOf(home.path, {
			root: machine.path,
			path: `${machine.path}/bin`,
			program: "./aeon",
			...parts,
		});
		const found = await examineAll(patient);
		return found.flatMap(({ name, text, hint }) =>
			name === "service" ? [hint ?? text] : [],
		);
	};
	const binary = "/nowhere/aeon";
	const service = serviceOf(home.path, { binary });
	expect(await hintsOf({ installation: service })).toEqual([
		"sudo ./aeon service install",
		"sudo ./aeon service logs says why.",
	]);
	const own = serviceOf(home.path, { binary, scope: "user" });
	expect((await hintsOf({ installation: own })).slice(0, 2)).toEqual([
		"./aeon service install --user",
		"./aeon service logs --user says why.",
	]);
	expect(await hintsOf({})).toEqual([
		"systemd 257; none is installed: sudo ./aeon service install",
	]);
});

test("a machine without systemd, one without the service, and a service of another home are told apart", async () => {
	using home = temporaryHome(CONFIG);
	using bare = machineOf({ "bin/sh": "" });
	using machine = machineOf({
		"run/systemd/system/there": "",
		"bin/systemctl": systemctl(...RUNS),
	});
	const on = (root: string) => ({ root, path: `${root}/bin` });
	expect(await foundOf("service", patientOf(home.path, on(bare.path)))).toEqual(
		["ok: there is no systemd here, as in a container"],
	);
	expect(
		await foundOf("service", patientOf(home.path, on(machine.path))),
	).toEqual(["ok: systemd 257; none is installed: sudo aeon service install"]);
	const installation = serviceOf("/var/lib/aeon", {
		binary: "/nowhere/aeon",
	});
	const patient = patientOf(home.path, { ...on(machine.path), installation });
	expect(await foundOf("service", patient)).toEqual([
		"problem: /nowhere/aeon, which it starts, is gone",
		`warning: it uses /var/lib/aeon, and this is about ${home.path}`,
	]);
});

test("an update that was not finished is told", async () => {
	using home = temporaryHome(CONFIG);
	const patient = patientOf(home.path);
	expect(await foundOf("update", patient)).toEqual(["ok: none is unfinished"]);
	const left = join(home.path, "bin", ".aeon.new-1");
	mkdirSync(join(home.path, "bin"));
	writeFileSync(left, "");
	const note = join(home.path, ".aeon", "update.json");
	writeFileSync(note, "{}", { mode: 0o600 });
	const folder = join(home.path, ".aeon", "update");
	mkdirSync(folder, { mode: 0o700 });
	const [found = "", ...more] = await foundOf("update", patient);
	expect(more).toEqual([]);
	expect(found).toStartWith("warning: one has not come to its end: ");
	for (const path of [note, folder, left])
		expect(found.split(": ")[2]?.split(", ")).toContain(path);
});

test("what confines commands is told, and that bubblewrap is not needed", async () => {
	using home = temporaryHome(CONFIG);
	const [found = ""] = await foundOf("commands", patientOf(home.path));
	expect(found).toMatch(/confined by|neither Landlock nor user namespaces/);
	expect(found).toContain(
		found.startsWith("ok") ? "bubblewrap" : "can reach Aeon's own files",
	);
});

test("a systemd that does not answer is not waited for", async () => {
	using home = temporaryHome(CONFIG);
	using machine = machineOf({
		"run/systemd/system/there": "",
		"bin/systemctl": "#!/bin/sh\nsleep 60\n",
	});
	const patient = patientOf(home.path, {
		root: machine.path,
		path: `${machine.path}/bin`,
		installation: serviceOf(home.path),
	});
	const began = performance.now();
	expect(await foundOf("service", patient)).toEqual([
		"warning: systemd does not answer",
	]);
	expect(performance.now() - began).toBeLessThan(6_000);
});

test("a user's own service that ends with the session is told", async () => {
	using home = temporaryHome(CONFIG);
	const { username } = userInfo();
	const files = {
		"run/systemd/system/there": "",
		"bin/systemctl": systemctl(...RUNS),
	};
	using machine = machineOf(files);
	using lingering = machineOf({
		...files,
		[`var/lib/systemd/linger/${username}`]: "",
	});
	const installation = serviceOf(home.path, { scope: "user" });
	const on = (root: string) =>
		patientOf(home.path, { root, path: `${root}/bin`, installation });
	expect(await foundOf("service", on(machine.path))).toEqual([
		"warning: it ends when you log out",
	]);
	expect(await foundOf("service", on(lingering.path))).toEqual([
		"ok: systemd 257, user service, running",
	]);
});
