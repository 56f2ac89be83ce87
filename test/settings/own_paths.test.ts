import { expect, test } from "bun:test";
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { exposedBy, ownPaths } from "../../src/settings/own_paths.ts";
import { temporaryFolder } from "../support/home.ts";

test("Aeon's own are its state, its log with the older ones, what it stores, and its configuration", () => {
	const settings = {
		file: "/etc/aeon.json",
		log_file_path: "/var/log/aeon.log",
		storage: {
			driver: "sqlite",
			sessions_db: "/data/s.db",
			directory: "/data/sessions",
		},
	};
	expect(ownPaths(settings, "/home/pi/.aeon")).toEqual([
		"/home/pi/.aeon",
		"/var/log/aeon.log",
		"/var/log/aeon.log.1",
		"/var/log/aeon.log.2",
		"/var/log/aeon.log.3",
		"/var/log/aeon.log.4",
		"/data/s.db",
		"/data/s.db-wal",
		"/data/s.db-shm",
		"/data/s.db-journal",
		"/data/sessions",
		"/data/sessions-wal",
		"/data/sessions-shm",
		"/data/sessions-journal",
		"/etc/aeon.json",
	]);
});

test("of a database that is a symbolic link, the files beside its target are Aeon's own", () => {
	using folder = temporaryFolder();
	const target = join(folder.path, "target.db");
	const link = join(folder.path, "link.db");
	writeFileSync(target, "");
	symlinkSync(target, link);
	expect(ownPaths({ storage: { sessions_db: link } }, "/state")).toEqual([
		"/state",
		link,
		`${target}-wal`,
		`${target}-shm`,
		`${target}-journal`,
	]);
});

test("a workspace with the configuration in it is refused, since a tool could change what it may", () => {
	const tools = { workspace: "/srv/files" };
	expect(exposedBy({ file: "/srv/files/aeon.json", tools }, "/state")).toEqual({
		path: ["tools", "workspace"],
		what: "has /srv/files/aeon.json in it, which tools must not touch",
		instead: "write a folder of its own, for example ~/.aeon/workspace",
	});
	expect(exposedBy({ file: "/aeon.json", tools }, "/state")).toBeUndefined();
});
