import type { Settings } from "./schema.ts";

/** What is fixed once Aeon runs, as the keys of aeon.json. */
const RESTART_KEYS = [
	"log_file_path",
	"server.host",
	"server.port",
	"server.max_frame_bytes",
	"server.idle_seconds",
	"storage",
] as const;

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
	};
	const restartKeys = RESTART_KEYS.filter(
		(key) => textOf(next, key) !== textOf(old, key),
	);
	return { settings, restartKeys };
}

function textOf(settings: Settings, key: string): string | undefined {
	const value = key
		.split(".")
		.reduce<unknown>(
			(part, name) => (part as Record<string, unknown>)[name],
			settings,
		);
	return JSON.stringify(value);
}
