// From words to a command: finds it, checks its flags, shows its help or runs it.

import { stripVTControlCharacters } from "node:util";
import {
	type ArgsDef,
	type CommandDef,
	defineCommand,
	renderUsage,
	runCommand,
} from "citty";
import { AeonError } from "../core/errors.ts";
import { didYouMean } from "../core/problems.ts";
import { print, terminalStyle } from "../core/terminal.ts";
import { checkArguments } from "./arguments.ts";

// biome-ignore lint/suspicious/noExplicitAny: a command of whatever arguments, as citty itself declares its subcommands
type AnyCommand = CommandDef<any>;

/** Commands by their words; a function loads its command when it is needed. */
export type CommandTable = Record<
	string,
	AnyCommand | (() => Promise<AnyCommand>)
>;

/** Runs what a command line asks for. Throws `usage` where it makes no sense, and whatever the command throws. */
export async function runCommandLine(
	args: readonly string[],
	commands: CommandTable,
	version: string,
): Promise<void> {
	const root = defineCommand({
		meta: {
			name: "aeon",
			version,
			description: "A personal assistant in one file",
		},
		subCommands: commands,
	});
	let command: AnyCommand = root;
	let parent: AnyCommand | undefined;
	let path = "aeon";
	let rest = [...args];
	while (command.subCommands) {
		const [word] = rest;
		if (word === undefined || isHelp(word)) break;
		const table = command.subCommands as CommandTable;
		const found = await findCommand(word, table, path);
		parent = { ...command, meta: { name: path } };
		path = `${path} ${word}`;
		command = found;
		rest = rest.slice(1);
	}
	if (command.subCommands || asksForHelp(rest)) {
		printHelp(await renderUsage(await withLoadedMeta(command), parent));
		if (rest.length > 0 || command === root) return;
		throw new AeonError("usage", `${path} needs one of the commands above`);
	}
	const checked = checkArguments(rest, (command.args ?? {}) as ArgsDef);
	try {
		await runCommand(command, { rawArgs: checked });
	} catch (error) {
		if (!(error instanceof Error) || error.name !== "CLIError") throw error;
		throw new AeonError("usage", stripVTControlCharacters(error.message), {
			hint: `${path} --help shows how it is used.`,
		});
	}
}

async function findCommand(
	word: string,
	table: CommandTable,
	path: string,
): Promise<AnyCommand> {
	if (Object.hasOwn(table, word)) {
		const found = table[word] as CommandTable[string];
		return typeof found === "function" ? await found() : found;
	}
	const guess = didYouMean(word, Object.keys(table));
	throw new AeonError(
		"usage",
		`there is no command ${path} ${word}${guess ? `; did you mean ${path} ${guess}?` : ""}`,
		{ hint: `${path} --help lists the commands.` },
	);
}

/** The same command with its subcommands loaded, so that the help can tell what each is for. */
async function withLoadedMeta(command: AnyCommand): Promise<AnyCommand> {
	if (!command.subCommands) return command;
	const entries = Object.entries(command.subCommands as CommandTable).map(
		async ([word, sub]) =>
			[word, typeof sub === "function" ? await sub() : sub] as const,
	);
	return {
		...command,
		subCommands: Object.fromEntries(await Promise.all(entries)),
	};
}

/** citty colours its help always; Aeon only where colours are wanted. */
function printHelp(usage: string): void {
	const { hasColour } = terminalStyle(process.env);
	const text = hasColour ? usage : stripVTControlCharacters(usage);
	print(`${text.replaceAll(/ +$/gm, "").trimEnd()}\n`);
}

function asksForHelp(args: readonly string[]): boolean {
	const end = args.indexOf("--");
	return args.slice(0, end < 0 ? undefined : end).some(isHelp);
}

function isHelp(word: string): boolean {
	return word === "--help" || word === "-h";
}
