// The command line checked before citty reads it: citty takes unknown flags in silence, Aeon does not.

import type { ArgsDef } from "citty";
import { AeonError } from "../core/errors.ts";
import { didYouMean } from "../core/problems.ts";

/**
 * The arguments as citty reads them without doubt: `--flag value` as `--flag=value`, so that a value may begin with `-`.
 * Throws `usage` for a flag that the command does not have, a value that is missing and an argument too many.
 */
export function checkArguments(
	args: readonly string[],
	definitions: ArgsDef,
): string[] {
	const flags = flagNames(definitions);
	const places = countPlaces(definitions);
	const checked: string[] = [];
	const rest = [...args];
	let positionals = 0;
	for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
		if (arg === "-" || !arg.startsWith("-")) {
			if (++positionals > places)
				throw new AeonError("usage", `"${arg}" is one argument too many`);
			checked.push(arg);
			continue;
		}
		const [flag, value] = splitFlag(arg);
		const name = flags.get(flag);
		if (name === undefined) throw unknownFlag(flag, [...flags.keys()]);
		if (definitions[name]?.type === "boolean") {
			if (value !== undefined)
				throw new AeonError("usage", `${flag} takes no value`);
			checked.push(`--${name}`);
			continue;
		}
		const given = value ?? rest.shift();
		if (given === undefined)
			throw new AeonError("usage", `${flag} needs a value`);
		checked.push(`--${name}=${given}`);
	}
	return checked;
}

/** How many arguments beside the flags there may be; one whose name ends in "..." stands for any number. */
function countPlaces(definitions: ArgsDef): number {
	const names = Object.entries(definitions)
		.filter(([, { type }]) => type === "positional")
		.map(([name]) => name);
	return names.some((name) => name.endsWith("..."))
		? Number.POSITIVE_INFINITY
		: names.length;
}

/** Every way to write a flag, with the name it stands for. */
function flagNames(definitions: ArgsDef): Map<string, string> {
	const names = new Map<string, string>();
	for (const [name, definition] of Object.entries(definitions)) {
		if (definition.type === "positional") continue;
		names.set(`--${name}`, name);
		const alias = "alias" in definition ? (definition.alias ?? []) : [];
		for (const one of [alias].flat())
			names.set(one.length === 1 ? `-${one}` : `--${one}`, name);
	}
	return names;
}

function splitFlag(arg: string): [string, string | undefined] {
	const at = arg.indexOf("=");
	return at < 0 ? [arg, undefined] : [arg.slice(0, at), arg.slice(at + 1)];
}

function unknownFlag(flag: string, known: string[]): AeonError {
	const guess = didYouMean(flag, known);
	return new AeonError(
		"usage",
		`there is no flag ${flag}${guess ? `; did you mean ${guess}?` : ""}`,
	);
}
