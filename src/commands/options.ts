// The flags that commands share, and what they come to.

import { homedir } from "node:os";
import type { AppOptions } from "../app.ts";
import type { Surroundings } from "../core/config.ts";
import { AeonError } from "../core/errors.ts";
import { LOG_LEVELS, type LogRecord } from "../core/logger.ts";
import { printError } from "../core/terminal.ts";

/** `--config`, for every command that reads the configuration. */
export const configFlag = {
	config: {
		type: "string",
		description: "The configuration file",
		valueHint: "FILE",
	},
} as const;

/** `--log-level`, for every command that does something worth logging. */
export const logFlag = {
	"log-level": {
		type: "string",
		description: `What goes into the log: ${LOG_LEVELS.join(", ")}`,
		valueHint: "LEVEL",
	},
} as const;

/** Where this process was started. */
export function surroundings(): Surroundings {
	return { env: process.env, cwd: process.cwd(), home: homedir() };
}

/** What `--log-level` comes to; warnings go to standard error. Throws `usage` for a level that there is not. */
export function appOptions(level: string | undefined): AppOptions {
	const logLevel = LOG_LEVELS.find((one) => one === (level ?? "info"));
	if (!logLevel)
		throw new AeonError(
			"usage",
			`--log-level ${level}: write one of ${LOG_LEVELS.join(", ")}`,
		);
	return { home: homedir(), logLevel, warn };
}

/** A chat says itself why a turn failed: of that, only the hint is left to be shown. */
function warn(line: string, record?: LogRecord): void {
	const text = record?.event === "turn.failed" ? record.fields.hint : line;
	if (text) printError(`${text}\n`);
}
