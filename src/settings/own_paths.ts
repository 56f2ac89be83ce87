// Which files and folders are Aeon's own, so that neither a tool nor a command may touch them.

import { existsSync, realpathSync } from "node:fs";
import { isAbsolute } from "node:path";
import { asRecord } from "../core/json.ts";
import { logFiles } from "../core/logger.ts";
import { isWithin } from "../core/paths.ts";
import type { Problem } from "../core/problems.ts";

/** What SQLite keeps beside a database, by the ends of their names; it looks behind a symbolic link first. */
const BESIDE_DATABASE = ["-wal", "-shm", "-journal"];

/** What is looked at of settings, which need not have been checked. */
interface Keeping {
	/** The configuration file. */
	file?: string | undefined;
	secretsFile?: string;
	log_file_path?: unknown;
	storage?: unknown;
	memory?: unknown;
	backups?: unknown;
	tools?: unknown;
}

/** The state directory, then what lies elsewhere: storage, the log, the configuration, secrets. Not all of it need be there yet. */
export function ownPaths(
	{ file, secretsFile, log_file_path, storage, memory, backups }: Keeping,
	state: string,
): string[] {
	const { database } = asRecord(memory) ?? {};
	const { directory } = asRecord(backups) ?? {};
	const stored = [...Object.values(storage ?? {}), database]
		.filter(isPath)
		.flatMap((path) => [
			path,
			...BESIDE_DATABASE.map((end) => `${realPath(path)}${end}`),
		]);
	const logs = isPath(log_file_path) ? logFiles(log_file_path) : [];
	const copies = isPath(directory) ? [directory] : [];
	const files = [file, secretsFile].filter(isPath);
	return [state, ...logs, ...stored, ...copies, ...files];
}

/** The problem of a workspace that would lay Aeon's own state open to the tools. */
export function exposedBy(
	settings: Keeping,
	state: string,
): Problem | undefined {
	const { workspace } = (settings.tools ?? {}) as { workspace?: unknown };
	if (!isPath(workspace)) return undefined;
	const exposed = ownPaths(settings, state).find((path) =>
		isWithin(path, workspace),
	);
	if (exposed === undefined) return undefined;
	return {
		path: ["tools", "workspace"],
		what: `has ${exposed} in it, which tools must not touch`,
		instead: "write a folder of its own, for example ~/.aeon/workspace",
	};
}

function isPath(value: unknown): value is string {
	return typeof value === "string" && isAbsolute(value);
}

function realPath(path: string): string {
	return existsSync(path) ? realpathSync(path) : path;
}
