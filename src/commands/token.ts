// The token of a server elsewhere: from a file, or typed by a person without being shown.

import { statSync } from "node:fs";
import { isatty } from "node:tty";
import { readTextFile } from "../core/config.ts";
import { AeonError, describeError } from "../core/errors.ts";
import { printError } from "../core/terminal.ts";
import { INTERRUPTED } from "./signals.ts";

const STDIN = 0;
const STDERR = 2;

/** No token is as long. */
const MAX_FILE_SIZE = 10_000;

const OTHERS = 0o077;

const CTRL_C = "\x03";
const CTRL_D = "\x04";
const CTRL_U = "\x15";

/** The token for a server: the first line of the file, else what the person at the terminal types. */
export async function readToken(
	url: string,
	file: string | undefined,
): Promise<string> {
	if (file !== undefined) return readSecretFile("--token-file", file, "token");
	if (!isatty(STDIN) || !isatty(STDERR))
		throw new AeonError(
			"usage",
			"--url needs --token-file FILE where nobody can be asked for the token",
		);
	const token = (await askHidden(`Token for ${url}: `)).trim();
	if (token === "") throw new AeonError("usage", "no token was given");
	return token;
}

/**
 * The first line of a file that a flag names, which is to be a secret, called by `what` it is. Warns where others can read
 * the file. Throws `usage`.
 */
export function readSecretFile(
	flag: string,
	file: string,
	what: string,
): string {
	let text: string;
	let mode: number;
	try {
		text = readTextFile(file, MAX_FILE_SIZE);
		mode = statSync(file).mode;
	} catch (error) {
		throw new AeonError(
			"usage",
			`${flag} ${file} cannot be read: ${describeError(error)}`,
			{ cause: error },
		);
	}
	const secret = firstLine(text);
	if (secret === "")
		throw new AeonError(
			"usage",
			`${flag} ${file}: its first line is to be the ${what}, and is blank`,
		);
	if (mode & OTHERS)
		printError(
			`Others on this machine can read ${file}: chmod 600 ${file} keeps the ${what} yours.\n`,
		);
	return secret;
}

/** The first line of a text, without blanks around it: what a file with a secret is read for. */
export function firstLine(text: string): string {
	return (text.split("\n", 1)[0] ?? "").trim();
}

/** What is typed up to Enter, shown nowhere. Ctrl-C and Ctrl-D end the program. What was typed beyond Enter is left to be read. */
async function askHidden(question: string): Promise<string> {
	const { stdin } = process;
	const { promise, resolve } = Promise.withResolvers<string | undefined>();
	let typed = "";
	// Not by "data", which would have to be paused afterwards, and whoever reads next does not know that.
	const onReadable = () => {
		for (let keys = stdin.read(); keys !== null; keys = stdin.read()) {
			const [rest, end] = takeKeys(String(keys));
			if (end === undefined) continue;
			if (rest !== "") stdin.unshift(rest);
			stdin.off("readable", onReadable);
			return resolve(end === "enter" ? typed : undefined);
		}
	};
	/** Takes the keys up to one that ends it, and gives those after it. */
	const takeKeys = (keys: string): [string, ("enter" | "leave")?] => {
		for (let at = 0; at < keys.length; at++) {
			const key = keys[at] ?? "";
			const rest = keys.slice(at + 1);
			if (key === CTRL_C || key === CTRL_D) return [rest, "leave"];
			if (key === "\r" || key === "\n") return [rest, "enter"];
			if (key === "\x7f" || key === "\b") typed = typed.slice(0, -1);
			else if (key === CTRL_U) typed = "";
			else if (key >= " ") typed += key;
		}
		return [""];
	};
	const onEnd = () => resolve(undefined);
	stdin.setRawMode(true);
	stdin.setEncoding("utf8");
	stdin.on("readable", onReadable);
	stdin.once("end", onEnd);
	printError(question);
	const answer = await promise;
	stdin.off("end", onEnd);
	stdin.setRawMode(false);
	printError("\n");
	// There is nothing to undo, and no signal comes from a key in raw mode.
	if (answer === undefined) process.exit(INTERRUPTED);
	return answer;
}
