import { expect, test } from "bun:test";
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
