// What installing plans, by the systemd that there is.

import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { planSystemInstall } from "../../src/service/install.ts";
import { temporaryFolder } from "../support/home.ts";

test("secrets are put apart where systemd has credentials, from 247 on; before that they stay in the state", async () => {
	using folder = temporaryFolder();
	const from = join(folder.path, ".aeon");
	mkdirSync(from);
	writeFileSync(join(from, "secrets.env"), "KEY=x\n");
	const plan = async (version: number) => {
		const { unit, steps } = await planSystemInstall({
			...{ version, program: "/bin/true", starts: false },
			outside: { written: [], read: [] },
			moving: { from, owner: "1000:1000", leave: [] },
		});
		const lines = unit.split("\n");
		return {
			unit: lines.filter((line) => line.includes("ecret")),
			steps: steps.filter(({ title }) => title.includes("secrets")).length,
		};
	};
	expect(await plan(246)).toEqual({ unit: [], steps: 0 });
	expect(await plan(247)).toEqual({
		unit: [
			"LoadCredential=secrets.env:/etc/aeon/secrets.env",
			"SecretsMoved=yes",
		],
		steps: 1,
	});
});
