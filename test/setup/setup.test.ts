// The whole of a set-up, with a person who answers at once.

import { expect, test } from "bun:test";
import { chmodSync, existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { AeonError } from "../../src/core/errors.ts";
import type { Person } from "../../src/setup/answers.ts";
import { describeNext } from "../../src/setup/plan.ts";
import { runSetup, type SetupRequest } from "../../src/setup/setup.ts";
import { temporaryFolder, temporaryHome } from "../support/home.ts";

/** Sets the demo up in a home; what was said, in order. */
async function setUp(
	home: string,
	{ agree, ...more }: Partial<SetupRequest> & { agree?: Person["agree"] } = {},
): Promise<string[]> {
	const said: string[] = [];
	const note = (text: string) => void said.push(text);
	const person: Person | undefined = agree && {
		choose: async () => "demo",
		type: async () => "",
		typeHidden: async () => "",
		agree: (question, isLikely) => {
			note(question);
			return agree(question, isLikely);
		},
		say: note,
		warn: note,
		show: (_, text) => note(text),
	};
	const state = join(home, ".aeon");
	await runSetup({
		given: {
			choice: "demo",
			noTelegram: true,
			isOffline: true,
			isYes: true,
		},
		place: {
			...{ env: {}, cwd: home, home, state },
			file: join(state, "aeon.json"),
			secretsFile: join(state, "secrets.env"),
			hasRootSecrets: false,
		},
		service: undefined,
		hasSystemd: true,
		program: "./aeon",
		person,
		listener: person ?? { say: note, warn: note },
		check: () => {},
		signal: new AbortController().signal,
		...more,
	});
	return said;
}

test("beside the service of the machine a person is told first how that one is changed, and asked whether they want another one", async () => {
	using home = temporaryFolder();
	const beside = { besideServiceOf: "aeon" };
	const notice = `Aeon runs here already, as the service of the user aeon: sudo ./aeon init changes that one. This sets up another one, in ${home.path}/.aeon.`;
	const asked: (boolean | undefined)[] = [];
	const refuse = setUp(home.path, {
		...beside,
		agree: async (_, isLikely) => {
			asked.push(isLikely);
			return false;
		},
	});
	await expect(refuse).rejects.toMatchObject({ code: "cancelled" });
	expect(asked).toEqual([false]);
	expect(existsSync(join(home.path, ".aeon"))).toBe(false);

	const agreed = await setUp(home.path, { ...beside, agree: async () => true });
	expect(agreed.slice(0, 2)).toEqual([notice, "Set up another one?"]);
	const script = await setUp(home.path, beside);
	expect(script[0]).toBe(notice);
	expect(script.join("\n")).not.toContain("service install");
	expect((await setUp(home.path))[0]).not.toBe(notice);
});

test("a service is offered where systemd can run it, and none does yet", () => {
	const install = "sudo ./aeon service install";
	expect(describeNext("./aeon", undefined, true)).toContain(install);
	expect(describeNext("./aeon", undefined, false)).not.toContain(install);
	expect(describeNext("./aeon", "system", true)).not.toContain(install);
});

test("a person is told that there is something already, and its copy is theirs alone", async () => {
	using home = temporaryHome({});
	const state = join(home.path, ".aeon");
	const file = join(state, "aeon.json");
	chmodSync(file, 0o644);
	const said = await setUp(home.path, { agree: async () => true });
	expect(said[0]).toBe(`There is ${file} already.`);
	expect(statSync(`${file}.bak`).mode & 0o777).toBe(0o600);
	using empty = temporaryFolder();
	const anew = await setUp(empty.path, { agree: async () => true });
	expect(anew.join("\n")).not.toContain("already");
});

test("whoever leaves at the last moment leaves nothing written", async () => {
	using home = temporaryHome({});
	const leaving = new AbortController();
	const left = setUp(home.path, {
		signal: leaving.signal,
		agree: async () => {
			leaving.abort(new AeonError("cancelled", "You left"));
			return true;
		},
	});
	await expect(left).rejects.toMatchObject({ code: "cancelled" });
	expect(readdirSync(join(home.path, ".aeon"))).toEqual(["aeon.json"]);
});
