// A backup onto another disk, of a home whose own disk is full or read-only.

import { afterEach, beforeEach, expect, test } from "bun:test";
import {
	appendFileSync,
	cpSync,
	existsSync,
	readdirSync,
	rmSync,
	statSync,
	utimesSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { copyDatabase } from "../../src/database/copy.ts";
import { sqlite } from "../../src/storage/registry.ts";
import { canMount, onSmallDisk, remount } from "../storage/small_disk.ts";
import { say } from "../storage/store_contract.ts";
import { run } from "../support/command.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/home.ts";
import {
	DRIVERS,
	type Driver,
	fullHome,
	KEY,
	remembered,
	saidIn,
	snapshot,
} from "./full_home.ts";

let stick: TemporaryFolder;
beforeEach(() => {
	stick = temporaryFolder();
});
afterEach(() => stick[Symbol.dispose]());

/** How a disk comes to take nothing more. */
const CONDITIONS = {
	full(disk: string) {
		for (const size of [65_536, 1])
			try {
				for (;;) appendFileSync(join(disk, "ballast"), "x".repeat(size));
			} catch {}
	},
	"read-only": (disk: string) => remount(disk, "ro"),
};

/** A full home on a small disk. */
async function homeOn(disk: string, driver: Driver) {
	using home = await fullHome(driver);
	cpSync(home.path, disk, { recursive: true });
}

for (const driver of DRIVERS)
	for (const [condition, spoil] of Object.entries(CONDITIONS))
		test.skipIf(!canMount)(
			`from a ${condition} disk with a ${driver} store there is a backup onto another one (needs the right to mount)`,
			async () => {
				await onSmallDisk(async (disk) => {
					await homeOn(disk, driver);
					spoil(disk);
					const file = join(stick.path, "a.tar.gz");
					const made = await run(["backup", file], { home: disk });
					expect(made).toMatchObject({ code: 0, err: "" });
					expect(made.out).toContain("2 messages, 2 facts, aeon.json");
					expect(readdirSync(stick.path)).toEqual(["a.tar.gz"]);
					const back = await run(["restore", file, "--yes"], {
						home: stick.path,
					});
					expect(back).toMatchObject({ code: 0, err: "" });
					expect(await saidIn(stick.path, driver)).toEqual(["one", "two"]);
					expect(await remembered(stick.path)).toHaveLength(2);
				});
			},
		);

for (const [condition, spoil] of Object.entries(CONDITIONS))
	test.skipIf(!canMount)(
		`from a ${condition} disk a database comes with the log that a killed process has left (needs the right to mount)`,
		async () => {
			await onSmallDisk(async (disk) => {
				const path = join(stick.path, "sessions.db");
				const store = await sqlite.open({ sessions_db: path });
				await say(store, KEY, "one", "two");
				for (const end of ["", "-wal"])
					cpSync(path + end, join(disk, `sessions.db${end}`));
				await store.close();
				spoil(disk);
				const home = temporaryFolder();
				using _ = home;
				const copy = join(home.path, ".aeon", "sessions.db");
				cpSync(stick.path, join(home.path, ".aeon"), { recursive: true });
				rmSync(copy);
				const before = snapshot(disk);
				await copyDatabase(join(disk, "sessions.db"), copy);
				expect(readdirSync(join(home.path, ".aeon"))).toEqual(["sessions.db"]);
				expect(statSync(copy).mode & 0o777).toBe(0o600);
				expect(await saidIn(home.path, "sqlite")).toEqual(["one", "two"]);
				expect(snapshot(disk)).toMatchObject(before);
			});
		},
	);

test.skipIf(!canMount)(
	"a database on a full disk that somebody writes into meanwhile is not copied by its bytes (needs the right to mount)",
	async () => {
		await onSmallDisk(async (disk) => {
			await homeOn(disk, "sqlite");
			CONDITIONS.full(disk);
			const source = join(disk, ".aeon", "sessions.db");
			const target = join(stick.path, "copy.db");
			const copyBesideWriting = async () => {
				let isOver = false;
				const copying = copyDatabase(source, target).finally(() => {
					isOver = true;
				});
				copying.catch(() => {});
				for (let time = 1; !isOver; time++) {
					utimesSync(source, time, time);
					await setImmediate();
				}
				return copying.then(
					() => undefined,
					(error) => error,
				);
			};
			let refused = await copyBesideWriting();
			// Now and then a copy is made between two writes, and is good.
			for (let tries = 1; !refused && tries < 20; tries++) {
				rmSync(target);
				refused = await copyBesideWriting();
			}
			expect(refused).toMatchObject({
				code: "storage_failed",
				message: `The store ${source} was written while it was copied, and its disk has no place for what SQLite needs to do both`,
				hint: "Free some space on that disk, and try again.",
			});
			expect(readdirSync(stick.path)).toEqual([]);
		});
	},
);

test.skipIf(!canMount)(
	"where the other disk is full it is the other disk that is named (needs the right to mount)",
	async () => {
		await onSmallDisk(async (disk) => {
			using home = await fullHome("sqlite");
			CONDITIONS.full(disk);
			const file = join(disk, "a.tar.gz");
			const made = await run(["backup", file], { home: home.path });
			expect(made).toMatchObject({ code: 1, out: "" });
			expect(made.err).toContain(`There is not enough room in ${disk}: `);
			expect(existsSync(file)).toBe(false);
		});
	},
);

test("a home without a state directory is not given one by a backup", async () => {
	using home = temporaryFolder();
	const config = { agents: { main: { provider: "demo" } } };
	writeFileSync(join(home.path, "aeon.json"), JSON.stringify(config));
	const file = join(stick.path, "a.tar.gz");
	const made = await run(["backup", file], { home: home.path });
	expect(made).toMatchObject({ code: 0, err: "" });
	expect(made.out).toContain(": aeon.json; ");
	expect(readdirSync(home.path)).not.toContain(".aeon");
});
