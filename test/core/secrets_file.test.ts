import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { collectSecrets } from "../../src/core/secret.ts";
import {
	findSecretsFile,
	readSecrets,
	withSecrets,
	writeSecrets,
} from "../../src/core/secrets_file.ts";
import { loadSettings } from "../../src/settings/settings.ts";
import { temporaryFolder, temporaryHome } from "../support/home.ts";

const CONFIG = {
	agents: {
		main: { provider: "anthropic", model: "m", api_key: "$" + "{A_KEY}" },
	},
};

function fileWith(text: string, folder: string): string {
	const file = join(folder, "secrets.env");
	writeFileSync(file, text);
	return file;
}

test("lines are NAME=value: comments, blanks, quotes, export and Windows line ends are understood", () => {
	using folder = temporaryFolder();
	const lines = [
		"\ufeff# keys",
		"",
		"PLAIN=a#b=c",
		"export LOUD = yes ",
		'DOUBLE=" a b "',
		"SINGLE='$HOME'",
		"EMPTY=",
	];
	const file = fileWith(lines.join("\r\n"), folder.path);
	expect(readSecrets(file)).toEqual({
		PLAIN: "a#b=c",
		LOUD: "yes",
		DOUBLE: " a b ",
		SINGLE: "$HOME",
		EMPTY: "",
	});
});

test("a line that is none is told by its number, not by what is in it", () => {
	using folder = temporaryFolder();
	const file = fileWith("A=1\nsk-ant-secret\n", folder.path);
	expect(() => readSecrets(file)).toThrow(`${file}:2: is no line NAME=value`);
});

test("what is written is read back, beside what was there, in a file that is its owner's alone", async () => {
	using folder = temporaryFolder();
	const file = join(folder.path, "state", "secrets.env");
	const odd = { A: "x", QUOTED: '"in"', BLANK: " a ", HASH: "#a", SAME: "'" };
	await writeSecrets(file, { A: "old", B: "kept" });
	await writeSecrets(file, odd);
	expect(readSecrets(file)).toEqual({ B: "kept", ...odd });
	expect(statSync(file).mode & 0o777).toBe(0o600);
	await expect(writeSecrets(file, { A: "x\ny" })).rejects.toThrow(
		"A must be a single line",
	);
	expect(readFileSync(file, "utf8")).not.toContain("y\n");
});

test("the environment wins over the file, unless it has but an empty value", () => {
	using home = temporaryHome(CONFIG);
	fileWith("A=file\nB=file\nC=file\n", join(home.path, ".aeon"));
	expect(withSecrets({ A: "env", B: "" }, home.path)).toEqual({
		A: "env",
		B: "file",
		C: "file",
	});
});

test("a credential of systemd is read in place of the file in the state directory", () => {
	using home = temporaryHome(CONFIG);
	fileWith("A=file\n", join(home.path, ".aeon"));
	const credentials = join(home.path, "credentials");
	mkdirSync(credentials);
	const env = { CREDENTIALS_DIRECTORY: credentials };
	expect(findSecretsFile(env, home.path)).toBe(
		join(home.path, ".aeon", "secrets.env"),
	);
	const file = fileWith("A=credential\n", credentials);
	expect(findSecretsFile(env, home.path)).toBe(file);
	expect(withSecrets(env, home.path).A).toBe("credential");
});

test("aeon.json takes its variables from the secrets file, anew each time it is read", async () => {
	using home = temporaryHome(CONFIG);
	const load = () =>
		loadSettings({
			env: {},
			cwd: "/",
			home: home.path,
			needs: "everything",
		});
	await expect(load()).rejects.toThrow("A_KEY");
	const file = fileWith("A_KEY=first\n", join(home.path, ".aeon"));
	const key = async () => {
		const { main } = (await load()).agents;
		return main && collectSecrets(main);
	};
	expect(await key()).toEqual(["first"]);
	fileWith("A_KEY=second\n", join(home.path, ".aeon"));
	expect(await key()).toEqual(["second"]);
	expect((await load()).secretsFile).toBe(file);
});
