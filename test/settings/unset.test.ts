import { expect, test } from "bun:test";
import { join } from "node:path";
import { complaint, load } from "./loading.ts";

const demo = { provider: "demo" };
const openai = { provider: "openai", model: "m" };
const anthropic = { provider: "anthropic", model: "m", api_key: "k" };
const main = { main: demo };

const UNUSED: [what: string, config: object][] = [
	[
		"the users of a dialog that is not enabled",
		{
			agents: main,
			dialogs: { telegram: { enabled: false, allowed_users: ["${ID}", 5] } },
		},
	],
	[
		"the empty token of a dialog that is not enabled",
		{
			agents: main,
			dialogs: { telegram: { enabled: false, bot_token: "${T:-}" } },
		},
	],
	[
		"another agent's URL",
		{ agents: { ...main, b: { ...openai, base_url: "${U}" } } },
	],
	[
		"another agent's number",
		{ agents: { ...main, b: { ...openai, max_tokens: "${M}" } } },
	],
	[
		"another agent's empty key",
		{ agents: { ...main, b: { ...anthropic, api_key: "${K:-}" } } },
	],
	[
		"another agent's provider and model",
		{ agents: { ...main, b: { provider: "${P}", model: "${M:-}" } } },
	],
	[
		"another agent's fallbacks and tools",
		{
			agents: {
				...main,
				b: { ...demo, fallbacks: ["${F}", "${G:-}"], tools: ["${T}"] },
			},
		},
	],
	["another agent as a whole", { agents: { ...main, b: "${B}" } }],
	["the server's port", { agents: main, server: { port: "${P}" } }],
];

test.each(UNUSED)("a chat does not ask for %s", async (_what, config) => {
	const { agents } = await load(config);
	expect(Object.keys(agents)).toEqual(
		Object.keys((config as { agents: object }).agents),
	);
	expect(agents.main?.provider).toBe("demo");
});

test("what only another command uses may be unset, and its default stands there", async () => {
	const config = {
		agents: main,
		server: { port: "${P}" },
		log_file_path: "${L}/aeon.log",
		tools: { workspace: "${W}", exec: { timeout_seconds: "${S}" } },
	};
	const settings = await load(config, { needs: "storage" });
	expect(settings.server.port).toBe(7777);
	expect(settings.log_file_path).toBe("/home/pi/.aeon/logs/aeon.log");
	expect(settings.tools).toMatchObject({
		workspace: "/home/pi/.aeon/workspace",
		exec: { timeout_seconds: 60 },
	});
	const storage = { driver: "${D}", sessions_db: "${DB}" };
	expect(
		(await load({ agents: main, storage }, { needs: "nothing" })).storage,
	).toMatchObject({
		driver: "sqlite",
		sessions_db: "/home/pi/.aeon/sessions.db",
	});
});

test("what is set beside an unset variable of an unused part stays", async () => {
	const { agents } = await load({
		agents: {
			...main,
			b: { ...anthropic, api_key: "${K:-}", temperature: 0.5 },
			c: { ...openai, max_tokens: "${M}", context_window: 8192 },
		},
	});
	expect(agents.b).toMatchObject({ model: "m", temperature: 0.5 });
	expect(agents.c).toMatchObject({ max_tokens: 4096, context_window: 8192 });
});

test("where the part is used, an unset variable is said once and nothing else of its place", async () => {
	const config = {
		agents: {
			main: {
				...openai,
				base_url: "${U}/${U}",
				max_tokens: "${M}",
				fallbacks: ["${F}"],
			},
			b: { ...anthropic, api_key: "${K:-}" },
			c: { provider: "${P}", model: "m" },
		},
		server: { port: "${PORT}" },
		dialogs: {
			telegram: { enabled: true, bot_token: "1:A", allowed_users: ["${ID}"] },
		},
		tools: { workspace: "${W}" },
	};
	const unset = (path: string, name: string, instead?: string) =>
		`${path}: \${${name}} is not set in the environment: set ${name} there or in ~/.aeon/secrets.env, or ${instead ?? `write \${${name}:-default}`}`;
	const ofMain = [
		unset("agents.main.base_url", "U"),
		unset("agents.main.max_tokens", "M"),
		unset("agents.main.fallbacks.0", "F"),
	];
	const workspace = unset("tools.workspace", "W");
	expect((await complaint(config)).sort()).toEqual(
		[...ofMain, workspace].sort(),
	);
	expect((await complaint(config, { needs: "everything" })).sort()).toEqual(
		[
			...ofMain,
			unset("agents.b.api_key", "K", "try --demo"),
			unset("agents.c.provider", "P"),
			unset("server.port", "PORT"),
			unset("dialogs.telegram.allowed_users.0", "ID"),
			workspace,
		].sort(),
	);
});

test("a dialog of which nobody can say whether it is enabled is asked after by who would start it", async () => {
	const config = {
		agents: main,
		dialogs: { telegram: { enabled: "${ENABLED}", bot_token: "1:A" } },
	};
	expect((await load(config)).dialogs.telegram?.enabled).toBe(false);
	expect(await complaint(config, { needs: "everything" })).toHaveLength(1);
});

test("mistakes in unused parts are mistakes, also beside unset variables", async () => {
	const config = {
		agents: {
			...main,
			b: { ...openai, max_tokens: "many", base_url: "${U}", api_kee: "${K}" },
			c: { ...demo, fallbacks: ["${F}", "nobody"] },
		},
		server: { port: "${P}", hots: "x" },
		dialogs: { telegram: { allowed_users: ["${ID}", "me"] } },
	};
	const wrong = await complaint(config, { needs: "storage" });
	expect(wrong.map((line) => line.split(": ", 2).join(": ")).sort()).toEqual([
		"agents.b.api_kee: unknown key",
		'agents.b.max_tokens: is "many", not a whole number',
		'agents.c.fallbacks.1: there is no agent "nobody"',
		'dialogs.telegram.allowed_users.1: is "me", not a whole number',
		"server.hots: unknown key",
	]);
});

test("an empty text that fits where it stands is no fault, and an agent with one can be used", async () => {
	const { agents, unusable } = await load({
		agents: { ...main, b: { ...demo, system_prompt: "${WHO:-}" } },
	});
	expect(agents.b?.system_prompt).toBe("");
	expect(unusable.size).toBe(0);
});

test("a configuration without any agent is refused, and told what one looks like", async () => {
	expect(await complaint({ agents: {} })).toEqual([
		'agents: has no agent in it: write one, such as "main": { "provider": "demo" }',
	]);
	for (const needs of ["agent", "storage"] as const)
		expect(await complaint({ agents: "${A}" }, { needs })).not.toEqual([]);
});

test("a prompt's file that cannot be read is one of the problems of the agents that are used", async () => {
	const missing = join(import.meta.dir, "no_such_prompt.txt");
	const config = {
		agents: {
			main: { ...demo, system_prompt_file: missing, history_limit: 0 },
			b: { ...demo, system_prompt_file: import.meta.dir },
			c: { ...demo, system_prompt_file: import.meta.path },
		},
	};
	const ofMain = [
		"agents.main.history_limit: is 0: write at least 2",
		`agents.main.system_prompt_file: ${missing} cannot be read (ENOENT: no such file or directory, stat '${missing}'): write the path of a text file that is there`,
	];
	const ofB = `agents.b.system_prompt_file: ${import.meta.dir} cannot be read (it is not a plain file): write the path of a text file that is there`;
	expect(await complaint(config)).toEqual(ofMain);
	expect(await complaint(config, { needs: "everything" })).toEqual([
		...ofMain,
		ofB,
	]);
	const { agents, unusable } = await load({
		agents: { ...config.agents, main: demo },
	});
	expect(Object.keys(agents)).toEqual(["main", "b", "c"]);
	expect([...unusable.keys()]).toEqual(["b"]);
});
