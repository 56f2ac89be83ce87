// The service of systemd that runs Aeon on this machine, as its unit tells.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { asList, parseJson } from "../core/json.ts";
import { unquoteWord } from "./quoting.ts";

/** A service that `aeon service install` has made. */
export interface Installation {
	/** For the whole machine, or one of a user's own. */
	scope: "system" | "user";
	/** The unit's file. */
	unit: string;
	/** The program that it starts. */
	binary: string;
	/** Whose `.aeon` is its state directory. */
	home: string;
	/** The user that it runs as; undefined for a user's own. */
	user?: string;
	/** The secrets that systemd hands to it; undefined where it reads them itself. */
	secrets?: string;
	/** What was there before it, for when it goes. */
	notes: Notes;
}

/** What a unit remembers of its installing. */
export interface Notes {
	/** Where the state lay, and its owner's `uid:gid`; undefined where it has not been moved. */
	StateFrom?: string;
	StateOwner?: string;
	/** The secrets lay in the state directory. */
	SecretsMoved?: "yes";
	/** Was made, so that it goes with the service. */
	AccountMade?: "yes";
	BinaryMade?: "yes";
	LingerMade?: "yes";
	/** Folders that were made, innermost first; a JSON list. */
	FoldersMade?: string;
	/** Folders outside of the state that the service has written into; a JSON list. */
	Written?: string;
}

/** The unit's name. */
export const UNIT = "aeon.service";

/** The section of a unit that Aeon has written: another one of this name is none of its business. */
export const OWN_SECTION = "X-Aeon";

/** Where a service of the whole machine has its things. */
export const SYSTEM = {
	unit: `/etc/systemd/system/${UNIT}`,
	binary: "/usr/local/bin/aeon",
	user: "aeon",
	home: "/var/lib/aeon",
	secrets: "/etc/aeon/secrets.env",
} as const;

/** Where a user's own service has its unit. */
export function userUnit(home: string): string {
	return join(home, ".config", "systemd", "user", UNIT);
}

/** The service of the whole machine, else the one of whoever has this home; undefined where there is none. */
export function findInstallation(home: string): Installation | undefined {
	return findSystemInstallation() ?? findUserInstallation(home);
}

/** The service of the whole machine. */
export function findSystemInstallation(): Installation | undefined {
	const values = readUnit(SYSTEM.unit);
	return values && describe(values, "system", SYSTEM.unit, SYSTEM.home);
}

/** The own service of whoever has this home. */
export function findUserInstallation(home: string): Installation | undefined {
	const path = userUnit(home);
	const values = readUnit(path);
	return values && describe(values, "user", path, home);
}

/** Of a unit that Aeon has written, the last value of each key, and each `LoadCredential` and `Environment` by what stands before its `:` or `=`. */
function readUnit(path: string): Map<string, string> | undefined {
	let text: string;
	try {
		text = readFileSync(path, "utf8");
	} catch {
		return undefined;
	}
	if (!text.split("\n").includes(`[${OWN_SECTION}]`)) return undefined;
	const values = new Map<string, string>();
	for (const line of text.split("\n")) {
		const [, key, value] = /^([A-Za-z]+)=(.*)$/.exec(line.trim()) ?? [];
		if (!key || value === undefined) continue;
		const [, name, rest] = /^"?([\w.]+)[=:](.*?)"?$/.exec(value) ?? [];
		if (["Environment", "LoadCredential"].includes(key) && name)
			values.set(`${key} ${name}`, rest ?? "");
		else values.set(key, value);
	}
	return values;
}

function describe(
	values: Map<string, string>,
	scope: Installation["scope"],
	unit: string,
	home: string,
): Installation {
	const user = values.get("User");
	const secrets = values.get("LoadCredential secrets.env");
	const text = (
		key: "StateFrom" | "StateOwner" | "FoldersMade" | "Written",
	) => {
		const value = unquoteWord(values.get(key) ?? "");
		return value && { [key]: value };
	};
	const made = (
		key: "SecretsMoved" | "AccountMade" | "BinaryMade" | "LingerMade",
	) => values.get(key) === "yes" && { [key]: "yes" };
	return {
		scope,
		unit,
		binary: unquoteWord(values.get("ExecStart") ?? "") || SYSTEM.binary,
		home: values.get("Environment HOME") ?? home,
		...(user && { user }),
		...(secrets && { secrets }),
		notes: {
			...text("StateFrom"),
			...text("StateOwner"),
			...text("FoldersMade"),
			...text("Written"),
			...made("SecretsMoved"),
			...made("AccountMade"),
			...made("BinaryMade"),
			...made("LingerMade"),
		},
	};
}

/** The paths of a note that is a list. */
export function listed(note = "[]"): string[] {
	return asList(parseJson(note)).filter((one) => typeof one === "string");
}
