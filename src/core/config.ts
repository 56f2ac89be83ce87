// Reading aeon.json: where it lies, what ${NAME}, ~ and ./ stand for, and every problem said at once.

import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, isAbsolute, join, resolve } from "node:path";
import type { ParseError } from "jsonc-parser";
import * as z from "zod/mini";
import { AeonError, describeError } from "./errors.ts";
import type { Problem } from "./problems.ts";

/** Where the program was started: what decides which file is read and what stands for a variable. */
export interface Surroundings {
	env: Record<string, string | undefined>;
	cwd: string;
	home: string;
}

/** A string of a configuration that names environment variables. */
export interface Template {
	/** The keys from the root to it. */
	path: string[];
	/** The string as it is written. */
	text: string;
	/** The variables that are unset or empty, each once: those without a default, else those whose default is empty. */
	unset: string[];
	/** An unset variable has no default, so that the string stays as it is written. */
	isOpen: boolean;
}

const VARIABLE = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

/** No configuration is as large. */
const MAX_FILE_SIZE = 1_000_000;

/** The text of a plain file, without the mark that some editors put first. Throws where it is none, or too large. */
export function readTextFile(file: string, maxBytes: number): string {
	const status = statSync(file);
	if (!status.isFile()) throw new Error("it is not a plain file");
	if (status.size > maxBytes)
		throw new Error(`it is larger than ${maxBytes} bytes`);
	return readFileSync(file, "utf8").replace(/^\ufeff/, "");
}

/** The schema of a file or folder in aeon.json. `~/` and `./` are resolved before it sees them. */
export function filePath(description: string) {
	return z.string().check(
		z.refine((value) => isAbsolute(value), {
			error:
				"is not a whole path: write /…, ~/… (from your home) or ./… (from the folder of aeon.json)",
		}),
		z.describe(description),
	);
}

/**
 * The configuration file to read: `--config`, `$AEON_CONFIG`, `./aeon.json`, `~/.aeon/aeon.json`, the first that is
 * given or there; undefined where there is none. Throws `config_invalid` where a file is named that is not there.
 */
export function findConfigFile(
	{ env, cwd, home }: Surroundings,
	flag?: string,
): string | undefined {
	const named = flag ?? env.AEON_CONFIG;
	if (named) {
		const file = resolve(cwd, named);
		if (existsSync(file)) return file;
		throw new AeonError("config_invalid", `${file}: there is no such file`, {
			hint: flag
				? "Name an existing file with --config, or leave the flag out."
				: "AEON_CONFIG names it: correct or unset that variable.",
		});
	}
	return [join(cwd, "aeon.json"), join(home, ".aeon", "aeon.json")].find(
		(file) => existsSync(file),
	);
}

/** The JSON value in a file. Throws `config_invalid` with line and column where it is not JSON. */
export async function readJsonFile(file: string): Promise<unknown> {
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
	try {
		return JSON.parse(text);
	} catch (error) {
		throw new AeonError("config_invalid", await describeJsonError(file, text), {
			cause: error,
		});
	}
}

/**
 * The same value with `${NAME}` and `${NAME:-default}` filled in, and with `~/`, `./` and `../` at the beginning of a
 * string made whole paths; and every string that names variables. A string with a variable that is unset or empty, without
 * a default, stays as it is.
 */
export function substitute(
	value: unknown,
	{ env, home, directory }: Surroundings & { directory: string },
): { value: unknown; templates: Template[] } {
	const templates: Template[] = [];
	const fill = (text: string, path: string[]) => {
		const missing = new Set<string>();
		const blank = new Set<string>();
		const filled = text.replace(
			VARIABLE,
			(whole, name: string, fallback?: string) => {
				const found = env[name] || fallback;
				if (found === undefined) missing.add(name);
				else if (found === "") blank.add(name);
				return found ?? whole;
			},
		);
		const isOpen = missing.size > 0;
		if (text.search(VARIABLE) >= 0)
			templates.push({
				path,
				text,
				unset: [...(isOpen ? missing : blank)],
				isOpen,
			});
		if (isOpen) return text;
		if (filled === "~" || filled.startsWith("~/"))
			return join(home, filled.slice(1));
		return /^\.\.?\//.test(filled) ? resolve(directory, filled) : filled;
	};
	const walk = (node: unknown, path: string[]): unknown => {
		if (typeof node === "string") return fill(node, path);
		if (Array.isArray(node))
			return node.map((item, index) => walk(item, [...path, String(index)]));
		if (typeof node !== "object" || node === null) return node;
		return Object.fromEntries(
			Object.entries(node).map(([key, item]) => [
				key,
				walk(item, [...path, key]),
			]),
		);
	};
	return { value: walk(value, []), templates };
}

/** The error that lists every problem, a line each: `path: what is wrong: what to write instead`. */
export function configError(
	file: string | undefined,
	problems: Problem[],
): AeonError {
	const lines = problems.map(
		({ path, what, instead }) =>
			`  ${[path.join("."), what, instead].filter(Boolean).join(": ")}`,
	);
	return new AeonError(
		"config_invalid",
		[`${file ?? "The configuration"} cannot be used:`, ...lines].join("\n"),
	);
}

/** The folder that relative paths in a configuration start from. */
export function configDirectory(file: string | undefined, cwd: string): string {
	return file ? dirname(file) : cwd;
}

async function describeJsonError(file: string, text: string): Promise<string> {
	const { parse, printParseErrorCode } = await import("jsonc-parser");
	const errors: ParseError[] = [];
	parse(text, errors, { disallowComments: true });
	const [first] = errors;
	if (!first) return `${file}: is not JSON`;
	const before = text.slice(0, first.offset).split("\n");
	const problem = printParseErrorCode(first.error).replace(
		/(?<=.)[A-Z]/g,
		(letter) => ` ${letter.toLowerCase()}`,
	);
	return `${file}:${before.length}:${(before.at(-1) ?? "").length + 1}: is not JSON: ${problem}`;
}
