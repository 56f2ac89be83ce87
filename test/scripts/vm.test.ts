// Aeon in whole machines as small as it promises to run on, emulated: `scripts/vm-test.ts`.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { binary } from "../support/binary.ts";

const SCRIPT = join(import.meta.dir, "..", "..", "scripts", "vm-test.ts");

/** Where Debian's packages for the machines are kept; a network is needed to fill it. */
const PACKAGES = process.env.AEON_VM_PACKAGES;

/** A busy machine emulates another one slowly. */
const TIMEOUT_MS = 240_000;

for (const { megabytes, cut } of [
	{ megabytes: 512, cut: ["--power-cut"] },
	{ megabytes: 128, cut: [] },
])
	test.skipIf(!PACKAGES)(
		`a machine of ${megabytes} MB boots, has Aeon answer a hundred turns, and has all of them after a kill -9${cut.length > 0 ? " and a power cut" : ""} (emulated; needs qemu and AEON_VM_PACKAGES)`,
		async () => {
			await using child = Bun.spawn(
				[
					process.execPath,
					SCRIPT,
					...["--memory", String(megabytes)],
					...["--binary", await binary("linux-arm64")],
					...["--packages", PACKAGES ?? ""],
					...cut,
				],
				{ stdout: "pipe", stderr: "pipe" },
			);
			const [out, err, code] = await Promise.all([
				child.stdout.text(),
				child.stderr.text(),
				child.exited,
			]);
			console.log(`${err}${out}`);
			expect(code).toBe(0);
			expect(out).toContain("user space to /health");
		},
		TIMEOUT_MS,
	);
