import { expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { AeonError } from "../../src/core/errors.ts";
import type { Settings } from "../../src/settings/schema.ts";
import {
	loadSettings,
	type SettingsRequest,
} from "../../src/settings/settings.ts";
import { temporaryFolder } from "../support/home.ts";

/** The one key that is in the environment of `load`. */
export const KEY = "sk-canary-0123456789";

/** Loads a configuration the way a command does. */
export async function load(
	config: unknown,
	request: Partial<SettingsRequest> = {},
): Promise<Settings> {
	using folder = temporaryFolder();
	const file = join(folder.path, "aeon.json");
	writeFileSync(
		file,
		typeof config === "string" ? config : JSON.stringify(config),
	);
	return loadSettings({
		env: { ANTHROPIC_API_KEY: KEY },
		cwd: "/nowhere",
		home: "/home/pi",
		configFlag: file,
		needs: "agent",
		...request,
	});
}

/** The lines of the error that a configuration gives, without the file's name. */
export async function complaint(
	config: unknown,
	request: Partial<SettingsRequest> = {},
): Promise<string[]> {
	const error = await load(config, request).then(
		() => undefined,
		(thrown: unknown) => thrown,
	);
	if (!(error instanceof AeonError)) throw error ?? new Error("it was taken");
	expect(error.code).toBe("config_invalid");
	return error.message
		.split("\n")
		.slice(1)
		.map((line) => line.trim());
}
