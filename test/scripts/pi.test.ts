// docs/pi.md, followed: `scripts/pi-test.ts`; and how its commands are read.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { readCommands, readTable } from "../../scripts/pi/page.ts";
import { binary } from "../support/binary.ts";

const SCRIPT = join(import.meta.dir, "..", "..", "scripts", "pi-test.ts");

/** Where the clean Debian is kept; root, a network and mmdebstrap are needed to fill it. */
const ROOT = process.env.AEON_PI_ROOT;

/** A busy machine emulates another one slowly. */
const TIMEOUT_MS = 360_000;

test("of a page every line of a sh block is a command, and of a console block what follows a $ with what it shows", () => {
	const page =
		"Text\n\n```sh\none\ntwo --now\n```\n\n```json\n{}\n```\n\n```console\n$ uname -m\naarch64\n$ true\n```\n";
	expect(readCommands(page)).toEqual([
		{ text: "one", shows: [] },
		{ text: "two --now", shows: [] },
		{ text: "uname -m", shows: ["aarch64"] },
		{ text: "true", shows: [] },
	]);
});

test("the rows of a page's table are found by the first word of its head", () => {
	const page =
		"| a | b |\n| - | - |\n| 1 | 2 |\n\n| it asks | you |\n| --- | --- |\n| `Key` | paste it |\n| `Go?` | Enter |\n\nText\n";
	expect(readTable(page, "it asks")).toEqual([
		["`Key`", "paste it"],
		["`Go?`", "Enter"],
	]);
	expect(() => readTable(page, "nothing")).toThrow('no table of "nothing"');
});

test.skipIf(!ROOT)(
	"whoever does what docs/pi.md says on a clean arm64 Debian gets an answer in Telegram, also after a reboot and an update, and is rid of it at the end (emulated; needs root, qemu, mmdebstrap, tmux and AEON_PI_ROOT)",
	async () => {
		await using child = Bun.spawn(
			[
				...[process.execPath, SCRIPT, "--root", ROOT ?? ""],
				...["--binary", await binary("linux-arm64")],
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
		expect(out).toContain("the page was followed to its end");
	},
	TIMEOUT_MS,
);
