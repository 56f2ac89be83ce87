import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Installation } from "../../src/service/installation.ts";
import { temporaryHome } from "../support/home.ts";
import { examineAll, foundOf, machineOf, patientOf, serviceOf } from "./rig.ts";

const KEY = "sk-ant-abcdefghijklmnopqrstuv";

const anthropic = (api_key: string) => ({
	agents: {
		main: { provider: "anthropic", model: "claude-x", api_key },
	},
});

function write(home: string, name: string, text: string): void {
	mkdirSync(join(home, ".aeon"), { recursive: true, mode: 0o700 });
	writeFileSync(join(home, ".aeon", name), text, { mode: 0o600 });
}

test("a configuration whose key is in the secrets file is good", async () => {
	using home = temporaryHome(anthropic("${ANTHROPIC_API_KEY}"));
	write(home.path, "secrets.env", `ANTHROPIC_API_KEY=${KEY}\n`);
	const patient = patientOf(home.path);
	expect(await foundOf("configuration", patient)).toEqual([
		"ok: ~/.aeon/aeon.json is good: main (anthropic/claude-x)",
	]);
	expect(await foundOf("secrets", patient)).toEqual([
		"ok: ~/.aeon/secrets.env has ANTHROPIC_API_KEY",
	]);
});

test("without aeon.json the next step is aeon init", async () => {
	using home = temporaryHome();
	const found = await examineAll(patientOf(home.path));
	expect(found.find(({ name }) => name === "configuration")).toEqual({
		name: "configuration",
		state: "warning",
		text: "there is no aeon.json: the built-in demo answers",
		hint: "Run aeon init.",
	});
	expect(found.filter(({ state }) => state === "problem")).toEqual([]);
});

test("a secret that is written out is told by its place, and is nowhere in what is said", async () => {
	using home = temporaryHome(anthropic(KEY));
	const found = await examineAll(patientOf(home.path));
	expect(found.find(({ name }) => name === "configuration")).toMatchObject({
		state: "warning",
		text: "~/.aeon/aeon.json can be used, but has secrets in it: agents.main.api_key",
	});
	expect(JSON.stringify(found)).not.toContain(KEY);
});

test("a secret that got into a wrong place is not shown either", async () => {
	const word = "correct-horse-battery-staple";
	using home = temporaryHome({
		agents: {
			main: { provider: "openai", model: word, api_key: "${SECRET_WORD}" },
		},
	});
	write(home.path, "secrets.env", `SECRET_WORD=${word}\n`);
	const found = await examineAll(patientOf(home.path));
	expect(found.map(({ text }) => text)).toContain(
		"openai/***; not asked, which --online does",
	);
	expect(JSON.stringify(found)).not.toContain(word);
});

test("every problem of a configuration is a line, and everything else is looked at still", async () => {
	using home = temporaryHome({
		...anthropic("${ANTHROPIC_API_KEY}"),
		nonsense: 1,
		server: { host: "localhost", port: "x" },
	});
	const found = await examineAll(patientOf(home.path));
	const lines = found.filter(({ name }) => name === "configuration");
	expect(lines.map(({ state, text }) => `${state}: ${text}`).sort()).toEqual([
		"problem: agents.main.api_key: ${ANTHROPIC_API_KEY} is not set in the environment",
		"problem: nonsense: unknown key",
		'problem: server.port: is "x", not a whole number',
	]);
	expect(found.map(({ name }) => name)).toContain("update");
});

test("where only a variable is missing, the rest of the file counts", async () => {
	using home = temporaryHome({
		...anthropic("${ANTHROPIC_API_KEY}"),
		server: { port: 0 },
	});
	const patient = patientOf(home.path);
	expect(await foundOf("port", patient)).toEqual(["ok: any that is free"]);
	expect(await foundOf("agent main", patient)).toEqual([
		expect.stringMatching(/^problem: .*ANTHROPIC_API_KEY} is not set/),
	]);
});

test("what is no JSON is told with its place", async () => {
	using home = temporaryHome();
	write(home.path, "aeon.json", '{"agents": {\n  oops\n}}');
	const [found = ""] = await foundOf("configuration", patientOf(home.path));
	expect(found).toStartWith("problem: ~/.aeon/aeon.json:2:3: is not JSON");
});

test("whoever listens to others without a token is told so", async () => {
	using home = temporaryHome({
		agents: { main: { provider: "demo" } },
		server: { host: "0.0.0.0" },
	});
	const [found = ""] = await foundOf("configuration", patientOf(home.path));
	expect(found).toStartWith("problem: server.token: is missing");
});

for (const [text, found] of [
	["KEY=\n", "warning: ~/.aeon/secrets.env has no value for KEY"],
	["what\n", "problem: ~/.aeon/secrets.env:1: is no line NAME=value"],
] as const)
	test(`a secrets file is looked through: ${found}`, async () => {
		using home = temporaryHome();
		write(home.path, "secrets.env", text);
		expect(await foundOf("secrets", patientOf(home.path))).toEqual([found]);
	});

test("secrets that only the service has are not taken for missing ones", async () => {
	using home = temporaryHome({
		...anthropic("${ANTHROPIC_API_KEY}"),
		dialogs: { telegram: { enabled: true, bot_token: "${BOT_TOKEN}" } },
	});
	const secrets = "/etc/aeon/secrets.env";
	const installation = serviceOf(home.path, { secrets });
	const asks = { platforms: true, models: true };
	const patient = patientOf(home.path, { installation, asks });
	const found = await examineAll(patient);
	expect(found.filter(({ state }) => state === "problem")).toEqual([]);
	const texts = found.map(({ name, text }) => `${name}: ${text}`);
	expect(texts).toContain("telegram: not asked without BOT_TOKEN");
	expect(texts).toContain(
		"configuration: ~/.aeon/aeon.json is good: main (anthropic/claude-x)",
	);
	expect(texts).toContain(
		"agent main: anthropic/claude-x: its key is in /etc/aeon/secrets.env",
	);
});

test("what the unit opens to the service alone is no problem of its", async () => {
	// Root, who may run this, is refused nothing: the words of a refusal stand in the name.
	const persona = "/home/anna/permission denied/soul.md";
	const main = { provider: "demo", system_prompt_file: persona };
	using home = temporaryHome({ agents: { main } });
	const unit = "/etc/systemd/system/aeon.service";
	using machine = machineOf({
		[unit]: `[Service]\nBindPaths=-/srv/a\nBindReadOnlyPaths="-${persona}"\n`,
	});
	const root = machine.path;
	const found = async (installation: Installation) => {
		const patient = patientOf(home.path, { root, installation });
		const all = await examineAll(patient);
		return all.flatMap(({ name, state, text }) =>
			text.includes(persona) ? [`${name} ${state} ${text}`] : [],
		);
	};
	const text = `only the service itself sees ${persona}, so this is not looked at`;
	expect(await found(serviceOf(home.path, { unit }))).toEqual([
		`configuration warning ${text}`,
		`agent main warning ${text}`,
	]);
	const elsewhere = await found(serviceOf("/var/lib/aeon", { unit }));
	expect(elsewhere.map((one) => one.split(" ").slice(0, 3))).toEqual([
		["configuration", "problem", "agents.main.system_prompt_file:"],
		["agent", "main", "problem"],
	]);
});

test("root in the place of the service has the service's secrets in its environment", async () => {
	using home = temporaryHome(anthropic("${ANTHROPIC_API_KEY}"));
	const secrets = "/etc/aeon/secrets.env";
	const patient = patientOf(home.path, {
		installation: serviceOf(home.path, { secrets }),
		env: { AEON_ACTING: "aeon", ANTHROPIC_API_KEY: KEY },
	});
	expect(await foundOf("configuration", patient)).toEqual([
		"ok: ~/.aeon/aeon.json is good: main (anthropic/claude-x)",
	]);
	expect(await foundOf("secrets", patient)).toEqual([
		"ok: /etc/aeon/secrets.env is what the service has",
	]);
});
