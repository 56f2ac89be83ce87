import { Secret } from "../core/secret.ts";
import { type DialogSettings, dialogDrivers } from "./dialogs_schema.ts";
import type { Settings } from "./schema.ts";

/** What is fixed once Aeon runs, as the keys of aeon.json. */
const RESTART_KEYS = [
	"log_file_path",
	"server.host",
	"server.port",
	"server.max_frame_bytes",
	"server.idle_seconds",
	"storage",
	"memory.database",
	...Object.entries(dialogDrivers).flatMap(([name, { restartKeys }]) =>
		["enabled", ...restartKeys].map((key) => `dialogs.${name}.${key}`),
	),
];

/** New settings as far as they can take the place of old ones in a running Aeon, and the keys that would need a restart. */
export function keepRestartKeys(
	next: Settings,
	old: Settings,
): { settings: Settings; restartKeys: string[] } {
	const { host, port, max_frame_bytes, idle_seconds } = old.server;
	const settings = {
		...next,
		log_file_path: old.log_file_path,
		server: { ...next.server, host, port, max_frame_bytes, idle_seconds },
		storage: old.storage,
		memory: { ...next.memory, database: old.memory.database },
		dialogs: Object.fromEntries(
			Object.entries(next.dialogs).map(([name, section]) => [
				name,
				keepDialogKeys(name, section, old),
			]),
		),
	};
	const restartKeys = RESTART_KEYS.filter(
		(key) => textOf(next, key) !== textOf(old, key),
	);
	return { settings, restartKeys };
}

function keepDialogKeys(
	name: string,
	section: DialogSettings,
	{ dialogs }: Settings,
): DialogSettings {
	const keys = ["enabled", ...(dialogDrivers[name]?.restartKeys ?? [])];
	const before = Object.entries(dialogs[name] ?? {});
	const kept = before.filter(([key]) => keys.includes(key));
	const free = Object.entries(section).filter(([key]) => !keys.includes(key));
	return Object.fromEntries([...free, ...kept]) as DialogSettings;
}

function textOf(settings: Settings, key: string): string | undefined {
	const value = key
		.split(".")
		.reduce<unknown>(
			(part, name) => (part as Record<string, unknown>)[name],
			settings,
		);
	// Two secrets look alike, and are not.
	return JSON.stringify(value instanceof Secret ? value.reveal() : value);
}
