import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../support/command.ts";
import { temporaryHome } from "../support/home.ts";

const good = {
	agents: { main: { provider: "anthropic", model: "m", api_key: "${KEY}" } },
};

test("config check says what is good, or all that is wrong with exit code 2", async () => {
	using home = temporaryHome(good);
	const check = (env: Record<string, string>) =>
		run(["config", "check"], { home: home.path, env });
	const { code, out } = await check({ KEY: "secret-value" });
	expect(code).toBe(0);
	expect(out).toBe(
		`${home.path}/.aeon/aeon.json: good. Agents: main (anthropic/m).\n`,
	);
	const bad = await check({});
	expect(bad.code).toBe(2);
	expect(bad.err).toContain(
		"agents.main.api_key: ${KEY} is not set in the environment: set KEY",
	);
});

test("config show prints every default and no secret", async () => {
	using home = temporaryHome(good);
	const { out } = await run(["config", "show"], {
		home: home.path,
		env: { KEY: "secret-value" },
	});
	expect(JSON.parse(out)).toMatchObject({
		agents: { main: { api_key: "***", max_tokens: 4096 } },
		server: { port: 7777 },
	});
	expect(out).not.toContain("secret-value");
});

test("config schema prints JSON Schema, which aeon.json may name", async () => {
	using home = temporaryHome({ $schema: "./aeon.schema.json", ...good });
	const schema = JSON.parse(
		(await run(["config", "schema"], { home: home.path })).out,
	);
	expect(schema.$schema).toContain("json-schema.org");
	expect(schema.properties.agents.additionalProperties.oneOf).toHaveLength(3);
	expect((await run(["config", "show"], { home: home.path })).code).toBe(0);
});

test("config show hides what no schema knows for a secret: passwords in URLs, and what commands get from the environment", async () => {
	using home = temporaryHome({
		agents: {
			main: {
				provider: "openai",
				model: "m",
				base_url: "https://me:${PASSWORD}@host.example/v1",
			},
		},
		tools: { exec: { env: { TOKEN: "${TOKEN}", LEVEL: "debug" } } },
	});
	const { code, out } = await run(["config", "show"], {
		home: home.path,
		env: { PASSWORD: "hunter-2", TOKEN: "token-value" },
	});
	expect(code).toBe(0);
	expect(out).not.toContain("hunter-2");
	const { agents, tools } = JSON.parse(out);
	expect(agents.main.base_url).toBe("https://***@host.example/v1");
	expect(tools.exec.env).toEqual({ TOKEN: "${TOKEN}", LEVEL: "debug" });
});

test("config show shows what is not set as it is written, and still no secret", async () => {
	using home = temporaryHome({
		agents: {
			main: { provider: "anthropic", model: "m", api_key: "${KEY}" },
			b: {
				provider: "openai",
				model: "m",
				api_key: "prefix-${KEY}",
				base_url: "https://me:hunter-2@${HOST}/v1",
				max_tokens: "${M}",
				temperature: 0.5,
			},
			c: { provider: "${P}", api_key: "literal-key" },
		},
		dialogs: { telegram: { allowed_users: ["${ID}", 5] } },
		server: { port: "${PORT}" },
		tools: { workspace: "${W}" },
	});
	writeFileSync(join(home.path, ".aeon", "secrets.env"), "OTHER=hunter-2\n");
	const { code, out } = await run(["config", "show"], { home: home.path });
	expect(code).toBe(0);
	const shown = JSON.parse(out);
	expect(shown).toMatchObject({
		agents: {
			main: { api_key: "${KEY}", max_tokens: 4096 },
			b: {
				api_key: "***",
				base_url: "https://***@${HOST}/v1",
				max_tokens: "${M}",
				temperature: 0.5,
			},
			c: { provider: "${P}" },
		},
		dialogs: { telegram: { allowed_users: ["${ID}", 5] } },
		server: { host: "127.0.0.1", port: "${PORT}" },
		tools: { workspace: "${W}" },
	});
	expect(out).not.toMatch(/hunter-2|prefix|literal-key/);
	for (const own of ["unusable", "file", "secretsFile"])
		expect(Object.keys(shown)).not.toContain(own);
});

test("config check names a prompt's file that cannot be read", async () => {
	using home = temporaryHome({
		agents: { main: { provider: "demo", system_prompt_file: "~/gone.txt" } },
	});
	const { code, err } = await run(["config", "check"], { home: home.path });
	expect(code).toBe(2);
	expect(err).toContain(
		`agents.main.system_prompt_file: ${home.path}/gone.txt cannot be read (`,
	);
});

test("a chat in a session of another agent needs nothing of the first one", async () => {
	using home = temporaryHome({
		agents: {
			main: { provider: "openai", model: "m", api_key: "${K}" },
			b: { provider: "demo" },
		},
	});
	const chat = ["chat", "-m", "hi", "--session", "agent:b:cli:x"];
	expect((await run(chat, { home: home.path })).code).toBe(0);
});

test("sessions list and a chat do with a configuration of which other parts are not set", async () => {
	using home = temporaryHome({
		agents: {
			main: { provider: "demo" },
			b: { provider: "openai", model: "m", base_url: "${U}" },
		},
		dialogs: { telegram: { enabled: false, bot_token: "${T:-}" } },
		server: { port: "${P}" },
	});
	const { path } = home;
	const chat = ["chat", "-m", "hi"];
	expect((await run(chat, { home: path })).code).toBe(0);
	expect((await run(["sessions", "list"], { home: path })).code).toBe(0);
	for (const flags of [
		["--agent", "b"],
		["--session", "agent:b:cli:x"],
	]) {
		const asked = await run([...chat, ...flags], { home: path });
		expect(asked.code).toBe(2);
		expect(asked.err).toContain("agents.b.base_url: ${U} is not set");
	}
});
