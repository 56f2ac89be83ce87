import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { judgeDisk } from "../../src/doctor/room.ts";
import { canMount, grow, onSmallDisk, remount } from "../storage/small_disk.ts";
import { temporaryHome } from "../support/home.ts";
import { examineAll, foundOf, patientOf } from "./rig.ts";

test("there is room on the disk that tests run on", async () => {
	using home = temporaryHome();
	const [found = ""] = await foundOf("disk", patientOf(home.path));
	expect(found).toMatch(/^ok: \d+ [MG]B free of \d+ [MG]B$/);
});

test.skipIf(!canMount)(
	"a disk that is small, or mounted read-only, is a problem",
	() =>
		onSmallDisk(async (folder) => {
			mkdirSync(join(folder, ".aeon"), { mode: 0o700 });
			expect(await foundOf("disk", patientOf(folder))).toEqual([
				"problem: 1 MB free of 1 MB",
			]);
			remount(folder, "ro");
			expect(await foundOf("disk", patientOf(folder))).toEqual([
				"problem: ~/.aeon is on a file system that is mounted read-only",
			]);
		}),
);

test.skipIf(!canMount)("a disk that is memory is told", () =>
	onSmallDisk(async (folder) => {
		grow(folder);
		mkdirSync(join(folder, ".aeon"), { mode: 0o700 });
		expect(await foundOf("disk", patientOf(folder))).toEqual([
			"warning: 67 MB free of 67 MB, in memory: all is lost when the machine is switched off",
		]);
	}),
);

test("little room on a disk is told in time", () => {
	const states = [49e6, 50e6, 199e6, 200e6].map(
		(free) => judgeDisk("", free, false).state,
	);
	expect(states).toEqual(["problem", "warning", "warning", "ok"]);
});

test("a file system that does not answer is told once, and what it holds is not waited for", async () => {
	using home = temporaryHome({ agents: { main: { provider: "demo" } } });
	const probe = () => new Promise(() => {});
	const found = await examineAll(patientOf(home.path, { probe }));
	expect(found.filter(({ state }) => state === "problem")).toEqual([
		expect.objectContaining({
			name: "disk",
			text: "the file system of ~/.aeon does not answer",
		}),
	]);
	expect(found.map(({ name }) => name)).not.toContain("sessions");
});
