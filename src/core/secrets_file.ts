// Secrets outside of aeon.json: NAME=value lines that stand for `${NAME}` where the environment has no such variable.

import { existsSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { readTextFile } from "./config.ts";
import { AeonError, describeError } from "./errors.ts";
import { replaceFile } from "./json_file.ts";
import { stateDirectory } from "./paths.ts";

/** The name of the file, in the state directory and as a credential of systemd. */
export const SECRETS_FILE = "secrets.env";

const MAX_FILE_SIZE = 100_000;

const LINE = /^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)$/;

type Environment = Record<string, string | undefined>;

/**
 * The file that is read: the credential that systemd hands to its service (systemd.exec(5), "Credentials"), else the one
 * in the state directory; undefined where there is neither.
 */
export function findSecretsFile(
	env: Environment,
	home: string,
): string | undefined {
	const { CREDENTIALS_DIRECTORY: credentials } = env;
	const files = [
		...(credentials ? [join(credentials, SECRETS_FILE)] : []),
		join(stateDirectory(home), SECRETS_FILE),
	];
	return files.find((file) => existsSync(file));
}

/** The environment with what the secrets file adds to it. Throws `config_invalid` where that cannot be read. */
export function withSecrets(env: Environment, home: string): Environment {
	const file = findSecretsFile(env, home);
	if (file === undefined) return env;
	const set = Object.entries(env).filter(([, value]) => value);
	return { ...readSecrets(file), ...Object.fromEntries(set) };
}

/**
 * What a secrets file holds: a line is `NAME=value`, with or without `export` before and quotes around it, or begins with
 * `#`, or is blank. Nothing is expanded. Throws `config_invalid`, never with what is written in the file.
 */
export function readSecrets(file: string): Record<string, string> {
	let text: string;
	try {
		text = readTextFile(file, MAX_FILE_SIZE);
	} catch (error) {
		throw new AeonError(
			"config_invalid",
			`${file}: cannot be read: ${describeError(error)}`,
			{ cause: error },
		);
	}
	const secrets: Record<string, string> = {};
	for (const [index, whole] of text.split("\n").entries()) {
		const line = whole.trim();
		if (line === "" || line.startsWith("#")) continue;
		const [, name, value = ""] = LINE.exec(line) ?? [];
		if (name === undefined)
			throw new AeonError(
				"config_invalid",
				`${file}:${index + 1}: is no line NAME=value`,
			);
		secrets[name] = unquote(value);
	}
	return secrets;
}

/**
 * Puts secrets into the file of a state directory, which is its owner's alone; all other lines stay as they are. The file is
 * whole at every moment. Throws `usage` where a value could not be read back, and what the disk throws.
 */
export async function writeSecrets(
	file: string,
	secrets: Record<string, string>,
): Promise<void> {
	const broken = Object.entries(secrets).find(([, value]) =>
		/[\r\n\0]/.test(value),
	);
	if (broken)
		throw new AeonError("usage", `${broken[0]} must be a single line`);
	const isThere = existsSync(file);
	if (isThere) readSecrets(file);
	const text = isThere ? readTextFile(file, MAX_FILE_SIZE).trimEnd() : "";
	const others = text === "" ? [] : text.split("\n");
	const left = new Map(Object.entries(secrets));
	const take = (name: string) => {
		const value = left.get(name);
		left.delete(name);
		return value === undefined ? [] : [`${name}=${quote(value)}`];
	};
	const kept = others.flatMap((line) => {
		const name = nameOf(line);
		return Object.hasOwn(secrets, name) ? take(name) : [line];
	});
	const lines = [...kept, ...[...left.keys()].flatMap(take)];
	// A link stays one.
	await replaceFile(
		isThere ? realpathSync(file) : file,
		lines.map((line) => `${line}\n`).join(""),
	);
}

/** The name in a line; blank where it has none. */
function nameOf(line: string): string {
	return LINE.exec(line.trim())?.[1] ?? "";
}

function quote(value: string): string {
	return value === unquote(value) && value === value.trim()
		? value
		: `"${value}"`;
}

function unquote(value: string): string {
	const [, , inner] = /^(["'])(.*)\1$/.exec(value) ?? [];
	return inner ?? value;
}
