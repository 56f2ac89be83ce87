import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { settingsJsonSchema } from "../../src/settings/schema.ts";
import {
	loadSettings,
	type SettingsRequest,
} from "../../src/settings/settings.ts";
import { temporaryFolder } from "../support/home.ts";
import { complaint, KEY, load } from "./loading.ts";

const shipped = join(import.meta.dir, "..", "..", "aeon.json");
const demo = { provider: "demo" };

test("the shipped aeon.json is good once the key is set, and its defaults are filled in", async () => {
	const settings = await load(await Bun.file(shipped).text());
	expect(settings).toMatchObject({
		log_file_path: "/home/pi/.aeon/logs/aeon.log",
		server: { host: "127.0.0.1", port: 7777 },
		agents: {
			main: {
				provider: "anthropic",
				model: "claude-sonnet-5",
				max_tokens: 4096,
				history_limit: 50,
				max_tool_calls: 25,
			},
		},
		dialogs: { telegram: { enabled: false, allowed_users: [123456789] } },
		storage: { driver: "sqlite", sessions_db: "/home/pi/.aeon/sessions.db" },
		tools: {
			workspace: "/home/pi/.aeon/workspace",
			exec: { approval: "ask", timeout_seconds: 60 },
		},
	});
});

test("a chat needs the key of its agent, and no bot token", async () => {
	expect(await complaint(await Bun.file(shipped).text(), { env: {} })).toEqual([
		"agents.main.api_key: ${ANTHROPIC_API_KEY} is not set in the environment: set ANTHROPIC_API_KEY there or in ~/.aeon/secrets.env, or try --demo",
	]);
});

test("--demo works with any agents in the file, and without a key", async () => {
	const config = { agents: { main: { provider: "nonsense" }, other: 5 } };
	const { agents } = await load(config, { demo: true, env: {} });
	expect(
		Object.entries(agents).map(([id, { provider }]) => [id, provider]),
	).toEqual([
		["main", "demo"],
		["other", "demo"],
	]);
});

test("variables are asked for only where the command uses them", async () => {
	const config = {
		agents: {
			main: { ...demo, fallbacks: ["second"] },
			second: { provider: "openai", model: "m", api_key: "${SECOND}" },
			third: { provider: "openai", model: "m", api_key: "${THIRD}" },
		},
		dialogs: { telegram: { enabled: true, bot_token: "${TOKEN}" } },
	};
	const named = async (needs: SettingsRequest["needs"], agent?: string) =>
		(await complaint(config, { needs, agent })).map(
			(line) => line.split(":")[0],
		);
	expect(await named("agent")).toEqual(["agents.second.api_key"]);
	expect(await named("agent", "third")).toEqual(["agents.third.api_key"]);
	expect(await named("everything")).toEqual([
		"agents.second.api_key",
		"agents.third.api_key",
		"dialogs.telegram.bot_token",
	]);
	expect((await load(config, { needs: "nothing" })).file).toEndWith(
		"aeon.json",
	);
});

test("every problem is said at once: where, what, and what to write instead", async () => {
	expect(
		await complaint({
			sever: {},
			server: { port: "high", host: 5 },
			agents: {
				main: { provider: "anthropic", modle: "x", api_key: "${NOPE}" },
				"a b": demo,
				other: { provider: "antropic" },
				third: { ...demo, fallbacks: ["nobody"], tools: ["file_raed"] },
				fourth: { ...demo, history_limit: 0, system_prompt_file: "prompt.txt" },
			},
			storage: { driver: "postgres" },
			tools: { exec: { approval: "maybe" } },
		}),
	).toEqual([
		'agents.other.provider: is "antropic": did you mean "anthropic"?',
		"server.host: is 5, not a text in quotes: write a text in quotes (the address that aeon serve listens on)",
		'server.port: is "high", not a whole number: write a whole number (the port that aeon serve listens on)',
		"agents.main.model: is missing: write a text in quotes (the model's id)",
		'agents.main.modle: unknown key: did you mean "model"?',
		"agents.a b: is no agent's name: write letters, digits, - and _",
		"agents.other.model: is missing: write a text in quotes (the model's id)",
		"agents.other.api_key: is missing: write a text in quotes (the key from console.anthropic.com)",
		'agents.third.tools.0: is "file_raed": did you mean "file_read"?',
		"agents.fourth.system_prompt_file: is not a whole path: write /…, ~/… (from your home) or ./… (from the folder of aeon.json)",
		"agents.fourth.history_limit: is 0: write at least 2",
		'storage.driver: is "postgres": write one of file, sqlite',
		'tools.exec.approval: is "maybe": write one of ask, allow, off',
		'sever: unknown key: did you mean "server"?',
		"agents.main.api_key: ${NOPE} is not set in the environment: set NOPE there or in ~/.aeon/secrets.env, or try --demo",
		'agents.third.fallbacks.0: there is no agent "nobody": agents are main, a b, other, third, fourth',
	]);
});

test("text that is not JSON is named with its line and column", async () => {
	expect(load('{\n  "agents": {,}\n}')).rejects.toThrow(
		/aeon\.json:2:14: is not JSON: value expected/i,
	);
});

test("variables, defaults, ~ and ./ are filled in; an environment's number becomes one", async () => {
	const config = {
		agents: {
			main: { ...demo, system_prompt: "Hello ${NAME:-you}, ${A}${B}" },
		},
		server: { port: "${PORT}" },
		storage: { sessions_db: "./data/sessions.db" },
		tools: { workspace: "~/work" },
	};
	const settings = await load(config, {
		env: { A: "one", B: "two", PORT: "8080" },
	});
	expect(settings.agents.main?.system_prompt).toBe("Hello you, onetwo");
	expect(settings.server.port).toBe(8080);
	expect(settings.storage.sessions_db).toMatch(/^\/.*\/data\/sessions\.db$/);
	expect(settings.tools.workspace).toBe("/home/pi/work");
});

test("a store's driver is one word, whatever options of the other stand beside it", async () => {
	const config = {
		agents: { main: demo },
		storage: { driver: "file", sessions_db: "/old.db" },
	};
	expect((await load(config)).storage).toMatchObject({
		driver: "file",
		directory: "/home/pi/.aeon/sessions",
	});
});

test("a secret shows as *** however it is printed", async () => {
	const settings = await load(await Bun.file(shipped).text());
	const shown = [
		JSON.stringify(settings),
		Bun.inspect(settings),
		`${Object.values(settings.agents.main as object).join()}`,
	].join();
	expect(shown).not.toContain(KEY);
	expect(shown).toContain("***");
});

test("without a file the key in the environment chooses the provider, and without a key the demo says so", async () => {
	const bare = (env: Record<string, string>) =>
		loadSettings({ env, cwd: "/nowhere", home: "/nowhere", needs: "agent" });
	const provider = async (env: Record<string, string>) =>
		(await bare(env)).agents.main?.provider;
	expect(await provider({ ANTHROPIC_API_KEY: "k", OPENAI_API_KEY: "k" })).toBe(
		"anthropic",
	);
	expect(await provider({ OPENAI_API_KEY: "k" })).toBe("openai");
	const { agents, notice } = await bare({});
	expect(agents.main?.provider).toBe("demo");
	expect(notice).toContain("Set ANTHROPIC_API_KEY or OPENAI_API_KEY");
});

test("a file that is named must be there", async () => {
	const request = { cwd: "/", home: "/nowhere", needs: "agent" as const };
	expect(
		loadSettings({ ...request, env: {}, configFlag: "missing.json" }),
	).rejects.toThrow("/missing.json: there is no such file");
	expect(
		loadSettings({ ...request, env: { AEON_CONFIG: "/gone.json" } }),
	).rejects.toThrow("/gone.json: there is no such file");
});

test("the file is looked for at --config, AEON_CONFIG, the current folder and the home, in this order", async () => {
	using folder = temporaryFolder();
	const place = (name: string) => {
		const path = join(folder.path, name);
		const config = JSON.stringify({
			agents: { main: { ...demo, model: name } },
		});
		Bun.spawnSync(["mkdir", "-p", join(path, "..")]);
		writeFileSync(path, config);
		return path;
	};
	const cwd = join(folder.path, "cwd");
	const home = join(folder.path, "home");
	const found = async (env: Record<string, string>, configFlag?: string) =>
		(await loadSettings({ env, cwd, home, configFlag, needs: "agent" })).agents
			.main?.model;
	place("home/.aeon/aeon.json");
	expect(await found({})).toBe("home/.aeon/aeon.json");
	place("cwd/aeon.json");
	expect(await found({})).toBe("cwd/aeon.json");
	const env = { AEON_CONFIG: place("env.json") };
	expect(await found(env)).toBe("env.json");
	expect(await found(env, place("flag.json"))).toBe("flag.json");
});

test("the JSON Schema knows every section and refuses unknown keys", () => {
	const schema = settingsJsonSchema() as {
		properties: object;
		additionalProperties: boolean;
	};
	expect(Object.keys(schema.properties)).toEqual([
		"$schema",
		"log_file_path",
		"server",
		"agents",
		"dialogs",
		"transcription",
		"storage",
		"memory",
		"compaction",
		"backups",
		"update",
		"tools",
	]);
	expect(schema.additionalProperties).toBe(false);
});

test("a workspace that would lay Aeon's own state open to the tools is refused", async () => {
	const within = (workspace: string, sections: object = {}) =>
		complaint({ agents: { main: demo }, tools: { workspace }, ...sections });
	expect(await within("~")).toEqual([
		"tools.workspace: has /home/pi/.aeon in it, which tools must not touch: write a folder of its own, for example ~/.aeon/workspace",
	]);
	expect(await within("/")).toHaveLength(1);
	expect(await within("~/.aeon")).toHaveLength(1);
	const storage = { sessions_db: "/srv/aeon/sessions.db" };
	expect(await within("/srv/aeon", { storage })).toHaveLength(1);
	expect(
		await within("/srv/aeon", { log_file_path: "/srv/aeon/log" }),
	).toHaveLength(1);
	expect(
		await load({ agents: { main: demo }, tools: { workspace: "~/.aeonic" } }),
	).toBeDefined();
});

test("a number must lie within its bounds, a URL must be one, and no agent is dropped in silence", async () => {
	const local = { provider: "openai", model: "m" };
	expect(
		await complaint(
			`{ "agents": { "main": ${JSON.stringify({ ...local, base_url: "nowhere", context_window: 0 })}, "__proto__": ${JSON.stringify(local)} } }`,
		),
	).toEqual([
		'agents.main.base_url: "nowhere" has not the right form: write a URL, http://… or https://… (where the API is, up to and with `/v1`)',
		"agents.main.context_window: is 0: write more than 0",
		"agents.__proto__: is no agent's name: write letters, digits, - and _",
	]);
});

test("a device, a folder and a huge file are no configuration; a byte order mark is no fault", async () => {
	using folder = temporaryFolder();
	const read = (configFlag: string) =>
		loadSettings({
			env: {},
			cwd: "/",
			home: "/nowhere",
			configFlag,
			needs: "agent",
		});
	expect(read("/dev/zero")).rejects.toThrow(
		"/dev/zero: cannot be read: it is not a plain file",
	);
	expect(read(folder.path)).rejects.toThrow(
		"cannot be read: it is not a plain file",
	);
	const file = join(folder.path, "aeon.json");
	writeFileSync(file, `\ufeff${JSON.stringify({ agents: { main: demo } })}`);
	expect((await read(file)).agents.main?.provider).toBe("demo");
	writeFileSync(file, " ".repeat(1_000_001));
	expect(read(file)).rejects.toThrow(
		"cannot be read: it is larger than 1000000 bytes",
	);
});

test("the shipped aeon.json and the smallest one fit the JSON Schema that editors get", async () => {
	const schema = settingsJsonSchema() as Shape;
	expect(misfits(schema, JSON.parse(await Bun.file(shipped).text()))).toEqual(
		[],
	);
	expect(misfits(schema, { agents: { main: demo } })).toEqual([]);
	expect(
		misfits(schema, {
			agents: { main: demo },
			storage: { sessions_db: "~/a.db" },
			tools: { exec: { approval: "off" } },
		}),
	).toEqual([]);
	expect(misfits(schema, {})).toEqual(["agents is missing"]);
	expect(
		misfits(schema, { agents: { main: { provider: "openai" } }, colour: 1 }),
	).toEqual(["agents.main fits none", "colour is unknown"]);
});

interface Shape {
	const?: unknown;
	required?: string[];
	properties?: Record<string, Shape>;
	additionalProperties?: Shape | false;
	oneOf?: Shape[];
	anyOf?: Shape[];
}

/** What of a value does not fit a JSON Schema, as far as keys go: required, unknown, and branches. */
function misfits(shape: Shape, value: unknown, path = ""): string[] {
	if (shape.const !== undefined && shape.const !== value)
		return [`${path} differs`];
	const branches = shape.oneOf ?? shape.anyOf;
	if (branches) {
		const fitting = branches.filter(
			(branch) => misfits(branch, value, path).length === 0,
		).length;
		return fitting === 0 || (shape.oneOf && fitting > 1)
			? [`${path} fits ${fitting || "none"}`]
			: [];
	}
	if (
		typeof value !== "object" ||
		value === null ||
		(!shape.properties && !shape.additionalProperties)
	)
		return [];
	const at = (key: string) => (path ? `${path}.${key}` : key);
	const missing = (shape.required ?? [])
		.filter((key) => !Object.hasOwn(value, key))
		.map((key) => `${at(key)} is missing`);
	return [
		...missing,
		...Object.entries(value).flatMap(([key, item]) => {
			const next = shape.properties?.[key] ?? shape.additionalProperties;
			return next ? misfits(next, item, at(key)) : [`${at(key)} is unknown`];
		}),
	];
}

test("a token is of characters that every client can send, and the complaint does not show it", async () => {
	const withToken = (token: string) => ({
		agents: { main: demo },
		server: { token },
	});
	for (const token of ["two words", "ключ-от-двери", "a,b", 'a"b', "a\tb"]) {
		const said = await complaint(withToken(token));
		expect(said).toEqual([
			"server.token: has a character in it that clients cannot send: write only A-Z a-z 0-9 - . _ ~ + / =, for example of `openssl rand -hex 32`",
		]);
	}
	const all = "AZaz09-._~+/=";
	const settings = await load(withToken(all));
	expect(settings.server.token?.reveal()).toBe(all);
	const trimmed = await load(withToken(" padded-4711\n"));
	expect(trimmed.server.token?.reveal()).toBe("padded-4711");
});

test("the time for draining leaves time for closing", async () => {
	expect(
		await complaint({ agents: { main: demo }, server: { drain_ms: 6_001 } }),
	).toEqual(["server.drain_ms: is 6001: write at most 6000"]);
});
