import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { plain } from "../../src/dialogs/cli/plain.ts";
import { temporaryFolder } from "../support/home.ts";
import { conductOf } from "./provider_contract.ts";

const RIGHT = {
	name: expect.stringMatching(/^[^:\s]+$/),
	showsInOrder: true,
	sendsMessages: true,
	answerAfterStop: "deny",
	stopsTwice: true,
};

test("the plain dialog keeps the contract of dialogs", async () => {
	let shown = "";
	const output = {
		hasColour: false,
		write(text: string) {
			shown += text;
		},
	};
	const dialog = plain({ out: output, aside: output });
	expect(await conductOf(dialog, () => shown)).toEqual(RIGHT);
});

test("the terminal's dialog keeps the contract of dialogs, on a real pseudo-terminal", async () => {
	using folder = temporaryFolder();
	const script = join(import.meta.dir, "terminal_conduct.ts");
	let screen = "";
	const child = Bun.spawn([process.execPath, script, folder.path], {
		terminal: {
			data(_terminal, bytes) {
				screen += Buffer.from(bytes);
			},
		},
	});
	expect({ code: await child.exited, screen }).toMatchObject({ code: 0 });
	const conduct = JSON.parse(
		readFileSync(join(folder.path, "conduct.json"), "utf8"),
	);
	expect(conduct).toEqual({ ...RIGHT, ending: "exit" });
});
