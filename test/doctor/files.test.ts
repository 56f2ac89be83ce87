import { expect, test } from "bun:test";
import {
	chmodSync,
	existsSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { temporaryFolder, temporaryHome } from "../support/home.ts";
import { examineAll, foundOf, patientOf } from "./rig.ts";

const CONFIG = { agents: { main: { provider: "demo" } } };

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

test("a home whose modes are right is its owner's alone", async () => {
	using home = temporaryHome(CONFIG);
	expect(await foundOf("files", patientOf(home.path))).toEqual([
		"ok: ~/.aeon is yours alone, with all in it",
	]);
});

for (const [name, modes, found] of [
	[
		"an open folder",
		{ ".aeon": 0o755 },
		["warning: the modes let others in: ~/.aeon"],
	],
	[
		"an open file behind a closed folder",
		{ ".aeon/aeon.json": 0o644 },
		["warning: the modes let others in: ~/.aeon/aeon.json"],
	],
	[
		"an open file in an open folder",
		{ ".aeon": 0o750, ".aeon/aeon.json": 0o640 },
		["problem: the modes let others in: ~/.aeon, ~/.aeon/aeon.json"],
	],
] as [string, Record<string, number>, string[]][])
	test(`${name} is told, and --fix closes it`, async () => {
		using home = temporaryHome(CONFIG);
		for (const [path, mode] of Object.entries(modes))
			chmodSync(join(home.path, path), mode);
		expect(await foundOf("files", patientOf(home.path))).toEqual(found);
		const repairing = patientOf(home.path, { isRepairing: true });
		const [fixed] = (await examineAll(repairing)).filter(
			(one) => one.name === "files",
		);
		expect(fixed?.state).toBe("ok");
		expect(fixed?.fixed).toContain("closed");
		expect(modeOf(join(home.path, ".aeon"))).toBe("700");
		expect(modeOf(join(home.path, ".aeon", "aeon.json"))).toBe("600");
		expect(await foundOf("files", patientOf(home.path))).toEqual([
			"ok: ~/.aeon is yours alone, with all in it",
		]);
	});

test("files of somebody else are a problem, and are left alone", async () => {
	using home = temporaryHome(CONFIG);
	const file = join(home.path, ".aeon", "aeon.json");
	chmodSync(file, 0o644);
	const uid = statSync(file).uid + 1;
	const patient = patientOf(home.path, { uid, isRepairing: true });
	const [found = ""] = await foundOf("files", patient);
	expect(found).toMatch(
		/^problem: not yours but of [^:]+: ~\/\.aeon, ~\/\.aeon\/aeon\.json/,
	);
	expect(modeOf(file)).toBe("644");
	expect(existsSync(join(home.path, ".aeon", "workspace"))).toBe(false);
});

test("what a link leads to is told, and never closed; of the state directory it is", async () => {
	using home = temporaryHome(CONFIG);
	using elsewhere = temporaryFolder();
	const shared = join(elsewhere.path, "shared.env");
	writeFileSync(shared, "A=b\n");
	chmodSync(shared, 0o644);
	symlinkSync(shared, join(home.path, ".aeon", "secrets.env"));
	const parts = { isRepairing: true };
	const found = await examineAll(patientOf(home.path, parts));
	expect(found.find(({ name }) => name === "files")).toEqual({
		name: "files",
		state: "problem",
		text: "the modes let others in: ~/.aeon/secrets.env",
		hint: "They are links: chmod go= what they lead to, where that is yours alone.",
		fixed: "made ~/.aeon/workspace",
	});
	expect(modeOf(shared)).toBe("644");
	using linked = temporaryHome();
	symlinkSync(join(home.path, ".aeon"), join(linked.path, ".aeon"));
	chmodSync(join(home.path, ".aeon"), 0o755);
	await examineAll(patientOf(linked.path, parts));
	expect(modeOf(join(home.path, ".aeon"))).toBe("700");
	expect(modeOf(shared)).toBe("644");
});

test("--fix makes the folders of a configuration, and nothing where there is none", async () => {
	using home = temporaryHome(CONFIG);
	await examineAll(patientOf(home.path, { isRepairing: true }));
	expect(modeOf(join(home.path, ".aeon", "workspace"))).toBe("700");
	using empty = temporaryHome();
	await examineAll(patientOf(empty.path, { isRepairing: true }));
	expect(existsSync(join(empty.path, ".aeon"))).toBe(false);
});

test("a file in the place of the state directory is a problem", async () => {
	using home = temporaryHome();
	writeFileSync(join(home.path, ".aeon"), "");
	expect(await foundOf("files", patientOf(home.path))).toEqual([
		"problem: ~/.aeon is no folder",
	]);
});
