import { expect, test } from "bun:test";
import { keepRestartKeys } from "../../src/settings/reload.ts";
import { loadSettings } from "../../src/settings/settings.ts";
import { temporaryHome } from "../support/home.ts";

async function settings(sections: object) {
	using home = temporaryHome({
		agents: { main: { provider: "demo" } },
		log_file_path: "/logs/aeon.log",
		tools: { workspace: "/workspace" },
		memory: { database: "/memory.db" },
		backups: { directory: "/backups" },
		...sections,
		storage: {
			driver: "sqlite",
			sessions_db: "/a.db",
			directory: "/a",
			...("storage" in sections ? (sections.storage as object) : {}),
		},
	});
	const { file: _, ...rest } = await loadSettings({
		env: {},
		cwd: "/",
		home: home.path,
		needs: "everything",
	});
	return { ...rest, file: "/aeon.json" };
}

test("settings that are the same need no restart", async () => {
	const old = await settings({});
	const next = await settings({});
	expect(keepRestartKeys(next, old)).toEqual({
		settings: old,
		restartKeys: [],
	});
});

test("what only a restart changes stays as it is, and is named; the rest is new", async () => {
	const old = await settings({ server: { token: "the-old-token" } });
	const next = await settings({
		log_file_path: "/logs/other.log",
		agents: { main: { provider: "demo" }, other: { provider: "demo" } },
		server: {
			host: "::1",
			port: 1,
			max_frame_bytes: 5000,
			idle_seconds: 9,
			token: "the-new-token",
			max_clients: 3,
			max_buffered_bytes: 5000,
			drain_ms: 1,
			origins: ["https://a"],
			hosts: ["a"],
		},
		storage: { sessions_db: "/b.db" },
	});
	const { settings: kept, restartKeys } = keepRestartKeys(next, old);
	expect(restartKeys).toEqual([
		"log_file_path",
		"server.host",
		"server.port",
		"server.max_frame_bytes",
		"server.idle_seconds",
		"storage",
	]);
	const { host, port, max_frame_bytes, idle_seconds } = old.server;
	expect(kept).toEqual({
		...next,
		log_file_path: old.log_file_path,
		storage: old.storage,
		server: { ...next.server, host, port, max_frame_bytes, idle_seconds },
	});
	expect(kept.server.token?.reveal()).toBe("the-new-token");
});
