// The rules of the house that a program can check. AGENTS.md tells them in words.

import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";

const ROOT = join(import.meta.dir, "..");
const SRC = join(ROOT, "src");

/** Which rooms a room may look into. Those that are not named here see everything: main, app and its parts, commands. */
const SEES: Record<string, string[]> = {
	core: [],
	llm: ["core"],
	tools: ["core"],
	database: ["core"],
	storage: ["core", "database"],
	memory: ["core", "database"],
	backup: ["core", "database"],
	dialogs: ["core"],
	agent: ["core", "llm", "tools", "storage"],
	delivery: ["core", "dialogs", "storage"],
	media: ["core"],
	settings: ["core", "llm", "tools", "storage", "dialogs"],
	server: ["core", "agent", "dialogs", "memory", "storage"],
	remote: ["core", "dialogs", "memory", "storage", "server"],
	service: ["core"],
	setup: ["core", "settings", "llm", "dialogs"],
	doctor: [
		...["core", "settings", "llm", "dialogs", "storage", "memory"],
		...["database", "backup", "remote", "service"],
	],
	update: [
		...["core", "settings", "storage", "memory", "database", "backup"],
		...["remote", "service"],
	],
};

/** What a client knows of the server: the types of what is said between them. */
const WIRE = ["codes", "frames", "protocol", "events"].map(
	(name) => `server/${name}.ts`,
);

/** The one file of a room that the rooms above it may import, beside core; settings reads the registries, too. */
const FRONT_DOORS: Record<string, string> = {
	llm: "llm/client.ts",
	tools: "tools/tool.ts",
	storage: "storage/store.ts",
	memory: "memory/memory.ts",
	backup: "backup/backup.ts",
	dialogs: "dialogs/provider.ts",
	agent: "agent/runtime.ts",
	server: "server/server.ts",
};

const MAX_LINES = 300;

interface SourceFile {
	/** From src, as `llm/client.ts`. */
	name: string;
	room: string;
	text: string;
	/** What it imports of ours, from src; and the packages. */
	ours: string[];
	packages: string[];
	/** What of ours it loads: all but types. */
	loads: string[];
}

const files = readdirSync(SRC, { recursive: true, encoding: "utf8" })
	.filter((name) => name.endsWith(".ts"))
	.map((name): SourceFile => {
		const text = readFileSync(join(SRC, name), "utf8");
		const { imports } = new Bun.Transpiler({ loader: "ts" }).scan(text);
		const named = [
			...text.matchAll(/^(?:import|export)\b[^;]*?from "([^"]+)"/gm),
		].map((match) => match[1] ?? "");
		const all = [...new Set([...named, ...imports.map(({ path }) => path)])];
		const fromSrc = (paths: string[]) =>
			paths
				.filter((path) => path.startsWith("."))
				.map((path) => relative(SRC, join(SRC, dirname(name), path)));
		const ours = fromSrc(all);
		const loads = fromSrc(imports.map(({ path }) => path));
		const room = name.includes("/") ? (name.split("/")[0] ?? "") : "";
		const packages = all.filter((path) => !path.startsWith("."));
		return { name, room, text, ours, packages, loads };
	});

/** The imports that break a rule, as `file imports file`. */
function offenders(
	isWrong: (file: SourceFile, imported: string) => boolean,
): string[] {
	return files.flatMap((file) =>
		file.ours
			.filter((imported) => isWrong(file, imported))
			.map((imported) => `${file.name} imports ${imported}`),
	);
}

test("a room imports only the rooms below it", () => {
	expect(
		offenders(({ room, name }, imported) => {
			const target = imported.split("/")[0] ?? "";
			const isPackageJson =
				name === "core/version.ts" && imported === "../package.json";
			return (
				!!SEES[room] &&
				target !== room &&
				!SEES[room].includes(target) &&
				!isPackageJson
			);
		}),
	).toEqual([]);
});

test("a room is entered by its front door", () => {
	expect(
		offenders(({ room }, imported) => {
			const target = imported.split("/")[0] ?? "";
			const door = FRONT_DOORS[target];
			const isRegistry =
				["settings", "setup", "doctor", "update"].includes(room) &&
				basename(imported) === "registry.ts";
			return (
				!!SEES[room] &&
				target !== room &&
				!!door &&
				imported !== door &&
				!isRegistry &&
				!(room === "remote" && WIRE.includes(imported))
			);
		}),
	).toEqual([]);
});

test("a client loads nothing of the server, whose schemas would cost it memory", () => {
	const clients = files.filter(
		({ name, room }) =>
			room === "remote" ||
			name === "commands/reach.ts" ||
			name === "commands/status.ts",
	);
	expect(clients.length).toBeGreaterThan(6);
	const loaded = clients.flatMap(({ name, loads }) =>
		loads
			.filter((path) => path.startsWith("server/") || path.startsWith("app"))
			.map((path) => `${name} loads ${path}`),
	);
	expect(loaded).toEqual([]);
});

test("nobody imports main, and only commands import app and its parts", () => {
	expect(
		offenders(
			({ room, name }, imported) =>
				imported === "main.ts" ||
				(isApp(imported) && room !== "commands" && !isApp(name)),
		),
	).toEqual([]);
});

test("Hono is named in the server only", () => {
	const naming = files.filter(({ packages }) => packages.includes("hono"));
	expect(naming.map(({ name }) => name)).toEqual(["server/http.ts"]);
});

test("grammY is named by the Telegram dialog only, as grammy/web, which costs eight megabytes less", () => {
	const naming = files.filter(({ packages }) =>
		packages.some((name) => name.startsWith("grammy")),
	);
	expect(naming.length).toBeGreaterThan(3);
	const others = naming.filter(
		({ name }) => !name.startsWith("dialogs/telegram/"),
	);
	expect(others.map(({ name }) => name)).toEqual([]);
	const whole = naming.filter(({ packages }) => packages.includes("grammy"));
	expect(whole.map(({ name }) => name)).toEqual([]);
});

test("what a dialog needs is loaded when it is opened: its driver loads nothing of it", () => {
	const { ours = [] } =
		files.find(({ name }) => name === "dialogs/registry.ts") ?? {};
	const drivers = files.filter(({ name }) => ours.includes(name));
	expect(drivers.length).toBeGreaterThan(1);
	for (const { name, text } of drivers) {
		const loaded = [
			...text.matchAll(/^import (?!type\b)[^;]*?from "([^"]+)"/gm),
		].map((match) => match[1] ?? "");
		const heavy = loaded.filter(
			(path) => path !== "zod/mini" && !path.includes("/core/"),
		);
		expect({ name, heavy }).toEqual({ name, heavy: [] });
	}
});

/** True of `app.ts` and of the files it is made of, `app_*.ts`. */
function isApp(name: string): boolean {
	return /^app(_[a-z]+)?\.ts$/.test(name);
}

test("no driver imports another one", () => {
	const drivers = files
		.filter(({ name }) => basename(name) === "registry.ts")
		.flatMap(({ ours }) => ours);
	expect(drivers.length).toBeGreaterThan(8);
	expect(
		offenders(
			({ name }, imported) =>
				drivers.includes(name) && drivers.includes(imported),
		),
	).toEqual([]);
});

test("what a dialog is made of is known to that dialog alone; what several need lies beside them", () => {
	const { ours = [] } =
		files.find(({ name }) => name === "dialogs/registry.ts") ?? {};
	const folders = ours.map((driver) => dirname(driver));
	expect(folders.length).toBeGreaterThan(2);
	expect(
		offenders(
			({ room, name }, imported) =>
				room === "dialogs" &&
				name !== "dialogs/registry.ts" &&
				folders.includes(dirname(imported)) &&
				dirname(imported) !== dirname(name),
		),
	).toEqual([]);
});

test("Bun is named behind the platform seam only", () => {
	const naming = files
		.filter(
			({ text, packages }) =>
				/\bBun\.|import\.meta\.dir|\$bunfs|\bBUN_/.test(text) ||
				packages.some((name) => /^bun\b/.test(name)),
		)
		.map(({ name }) => name);
	expect(naming.sort()).toEqual([
		"core/platform_bun.ts",
		"core/platform_linux.ts",
		"core/platform_restart.ts",
	]);
});

test("zod is imported as zod/mini, which costs a third of the memory", () => {
	const whole = files.filter(({ packages }) => packages.includes("zod"));
	expect(whole.map(({ name }) => name)).toEqual([]);
});

test("every import() names its file, since a computed one fails in a compiled binary", () => {
	const computed = files.filter(({ text }) =>
		/\bimport\((?!\s*["'])/.test(text),
	);
	expect(computed.map(({ name }) => name)).toEqual([]);
});

test(`no file is longer than ${MAX_LINES} lines`, () => {
	const long = files.filter(
		({ text }) => text.split("\n").length - 1 > MAX_LINES,
	);
	expect(long.map(({ name }) => name)).toEqual([]);
});

test("files are named in snake_case, and no folder has fewer than two or an index", () => {
	for (const { name } of files) {
		expect(name).toMatch(
			/^([a-z0-9]+(_[a-z0-9]+)*\/)*[a-z0-9]+(_[a-z0-9]+)*\.ts$/,
		);
		expect(basename(name)).not.toBe("index.ts");
	}
	const folders = new Set(files.map(({ name }) => dirname(name)));
	for (const folder of folders)
		expect(readdirSync(join(SRC, folder)).length).toBeGreaterThan(1);
});

test("importing any module does nothing: no output, no listener, no timer", async () => {
	const modules = files.map(({ name }) => join(SRC, name));
	const script = `
		const listeners = () => process.eventNames().map((name) => [name, process.listenerCount(name)]);
		const before = JSON.stringify(listeners());
		for (const path of ${JSON.stringify(modules)}) await import(path);
		if (JSON.stringify(listeners()) !== before) console.log("a listener");
	`;
	const child = Bun.spawn([process.execPath, "-e", script], {
		stdout: "pipe",
		stderr: "pipe",
		cwd: ROOT,
	});
	const [code, out, err] = await Promise.all([
		child.exited,
		child.stdout.text(),
		child.stderr.text(),
	]);
	expect({ code, out, err }).toEqual({ code: 0, out: "", err: "" });
});

test("AGENTS.md names every room, and every path it names is there", () => {
	const agents = readFileSync(join(ROOT, "AGENTS.md"), "utf8");
	const named = [
		...agents.matchAll(/`((?:src|test|scripts|docs)\/[\w./-]*)`/g),
	].map((match) => match[1] ?? "");
	expect(named.length).toBeGreaterThan(20);
	expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
	const rooms = readdirSync(SRC).filter((name) =>
		statSync(join(SRC, name)).isDirectory(),
	);
	for (const room of rooms) expect(agents).toContain(`src/${room}/`);
});

test("every room has its tests under the same name", () => {
	const tests = readdirSync(join(ROOT, "test"), {
		recursive: true,
		encoding: "utf8",
	}).filter((name) => name.endsWith(".test.ts"));
	const tested = new Set(tests.map((name) => name.split("/")[0]));
	const rooms = new Set(files.map(({ room }) => room).filter(Boolean));
	expect([...rooms].filter((room) => !tested.has(room))).toEqual([]);
});
