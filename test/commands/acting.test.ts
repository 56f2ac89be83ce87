// Whose Aeon a person without root means, where it runs as a service.

import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { refuseBeside } from "../../src/commands/acting.ts";
import { temporaryFolder, temporaryHome } from "../support/home.ts";

test("a person without an Aeon of their own is told to use that of the service", () => {
	using home = temporaryHome();
	const where = { env: {}, cwd: home.path, home: home.path };
	const refuse = (...args: string[]) => refuseBeside("aeon", args, where);
	for (const command of ["chat", "sessions", "status", "backup"])
		expect(() => refuse(command)).toThrow(
			"Aeon runs here as the service of the user aeon",
		);
	try {
		refuse("pair", "telegram");
	} catch (error) {
		expect(error).toMatchObject({
			code: "conflict",
			hint: "Type: sudo aeon pair",
		});
	}
	for (const args of [["serve"], ["doctor"], ["chat", "--demo"]])
		expect(() => refuse(...args)).not.toThrow();
});

test("a person with a configuration or a key is left alone", () => {
	using home = temporaryHome({});
	using empty = temporaryFolder();
	const folder = join(empty.path, "here");
	mkdirSync(folder);
	const refuse = (where: object) =>
		refuseBeside("aeon", ["chat"], {
			...{ env: {}, cwd: folder, home: empty.path },
			...where,
		});
	expect(() => refuse({})).toThrow();
	expect(() => refuse({ home: home.path })).not.toThrow();
	expect(() => refuse({ env: { ANTHROPIC_API_KEY: "sk" } })).not.toThrow();
	writeFileSync(join(folder, "aeon.json"), "{}");
	expect(() => refuse({})).not.toThrow();
});
