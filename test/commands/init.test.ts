import { expect, test } from "bun:test";
import {
	existsSync,
	readdirSync,
	readFileSync,
	rmSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { openPairing } from "../../src/core/pairing.ts";
import { run } from "../support/command.ts";
import { startFakeLlm } from "../support/fake_llm.ts";
import { startFakeTelegram } from "../support/fake_telegram.ts";
import { temporaryHome } from "../support/home.ts";
import { ANY_PORT, startServe } from "../support/serve.ts";

const KEY = "sk-ant-the-right-key-0001";
const SONNET = "claude-sonnet-5";
const MODELS = ["claude-opus-4-1", SONNET, "claude-3-5-haiku"];

/** A home with far sides that know one key and one bot token. */
async function openRig(
	config?: object,
	api: "anthropic" | "openai" = "anthropic",
	ids: string[] = MODELS,
) {
	const llm = await startFakeLlm({
		api,
		models: { ids, key: KEY },
		script: () => ({ text: "Hello from far away." }),
	});
	const bot = await startFakeTelegram();
	const home = temporaryHome(config);
	const state = join(home.path, ".aeon");
	const file = (name: string) => join(state, name);
	return {
		llm,
		bot,
		home: home.path,
		state,
		host: new URL(llm.url).host,
		file,
		read: (name: string) => readFileSync(file(name), "utf8"),
		config: () => JSON.parse(readFileSync(file("aeon.json"), "utf8")),
		mode: (name: string) => statSync(file(name)).mode & 0o777,
		/** Runs `aeon init`, of which nothing may be read that is a secret. */
		async init(
			flags: string[],
			more: { input?: string; env?: Record<string, string> } = {},
		) {
			const done = await run(["init", ...flags], { home: home.path, ...more });
			for (const secret of [KEY, bot.token])
				expect(`${done.out}${done.err}`).not.toContain(secret);
			return done;
		},
		async [Symbol.asyncDispose]() {
			llm.stop();
			await bot.stop();
			home[Symbol.dispose]();
		},
	};
}

const keyFlags = (url: string) => [
	...["--provider", "anthropic", "--base-url", url],
	...["--api-key-file", "-"],
];

test("init with a good key writes a configuration that is good and answers, its secret beside it", async () => {
	await using rig = await openRig();
	const { code, out, err } = await rig.init(keyFlags(rig.llm.url), {
		input: `${KEY}\n`,
	});
	expect({ code, err }).toEqual({ code: 0, err: "" });
	expect(out).toStartWith(
		`${rig.host} takes the key: it can use 3 models.\nWrote ${rig.file("aeon.json")}\nand ${rig.file("secrets.env")}\n`,
	);
	expect(rig.read("aeon.json")).toBe(
		`${JSON.stringify(
			{
				agents: {
					main: {
						provider: "anthropic",
						model: SONNET,
						api_key: "${ANTHROPIC_API_KEY}",
						base_url: rig.llm.url,
					},
				},
			},
			undefined,
			"\t",
		)}\n`,
	);
	expect(rig.read("secrets.env")).toBe(`ANTHROPIC_API_KEY=${KEY}\n`);
	expect([
		rig.mode("aeon.json"),
		rig.mode("secrets.env"),
		rig.mode(""),
	]).toEqual([0o600, 0o600, 0o700]);
	expect(readdirSync(rig.state).sort()).toEqual(["aeon.json", "secrets.env"]);
	const { home } = rig;
	expect((await run(["config", "check"], { home })).code).toBe(0);
	const chat = await run(["chat", "--message", "hi"], { home });
	expect(chat.out).toContain("Hello from far away.");
});

test("a key that is refused is told in the provider's words, and nothing is written", async () => {
	await using rig = await openRig();
	const flags = keyFlags(rig.llm.url);
	const { code, out, err } = await rig.init(flags, { input: "sk-ant-wrong" });
	expect({ code, out, err }).toEqual({
		code: 1,
		out: "",
		err: `aeon: ${rig.host} said 401: invalid x-api-key\nCheck api_key.\nNothing was written. --offline writes it unchecked.\n`,
	});
	expect(existsSync(rig.state)).toBe(false);
	const offline = await rig.init([...flags, "--offline"], {
		input: "sk-ant-wrong",
	});
	expect(offline.code).toBe(0);
	expect(rig.config().agents.main.model).toBe(SONNET);
});

test("where the provider cannot be reached, or has no list, the key is written unchecked, and that is said", async () => {
	await using rig = await openRig();
	rig.llm.stop();
	const { code, err } = await rig.init(keyFlags(rig.llm.url), { input: KEY });
	expect({ code, err }).toEqual({
		code: 0,
		err: `${rig.host} cannot be reached (ECONNREFUSED). So the key and the model are unchecked.\n`,
	});
	expect(rig.read("secrets.env")).toBe(`ANTHROPIC_API_KEY=${KEY}\n`);
	await using other = await openRig();
	const elsewhere = keyFlags(`${other.llm.url}/elsewhere`);
	const unlisted = await other.init(elsewhere, { input: KEY });
	expect({ code: unlisted.code, err: unlisted.err }).toEqual({
		code: 0,
		err: `${other.host} has no list of models. So the key and the model are unchecked.\n`,
	});
});

test("a local server needs no key, and its first model is taken", async () => {
	await using rig = await openRig(undefined, "openai", ["qwen3:4b", "tiny"]);
	const open = await startFakeLlm({
		api: "openai",
		models: { ids: ["qwen3:4b", "tiny"] },
		script: () => ({ text: "From the next room." }),
	});
	const flags = ["--provider", "local", "--base-url", `${open.url}/v1`];
	const { home } = rig;
	// What is OpenAI's is for OpenAI alone.
	const env = { OPENAI_API_KEY: KEY };
	expect((await rig.init(flags, { env })).code).toBe(0);
	expect(rig.config().agents.main).toEqual({
		provider: "openai",
		model: "qwen3:4b",
		base_url: `${open.url}/v1`,
	});
	expect(existsSync(rig.file("secrets.env"))).toBe(false);
	const chat = await run(["chat", "--message", "hi"], { home });
	expect(chat.out).toContain("From the next room.");
	expect(open.requests.at(-1)?.headers.authorization).toBeUndefined();
	open.stop();
});

test("a key in the environment is used and kept, and one of the same name that differs is told to win", async () => {
	await using rig = await openRig();
	const flags = ["--base-url", rig.llm.url];
	const env = { ANTHROPIC_API_KEY: KEY };
	expect((await rig.init(flags, { env })).code).toBe(0);
	expect(rig.read("secrets.env")).toBe(`ANTHROPIC_API_KEY=${KEY}\n`);
	const { err } = await rig.init([...keyFlags(rig.llm.url), "--yes"], {
		input: KEY,
		env: { ANTHROPIC_API_KEY: "sk-ant-another" },
	});
	expect(err).toBe(
		`ANTHROPIC_API_KEY is set in the environment to something else, and that wins over ${rig.file("secrets.env")}.\n`,
	);
});

test("a bot is told by its name, and a code lets the first person in where nobody is named", async () => {
	await using rig = await openRig();
	const dialogs = { telegram: { api_root: rig.bot.url } };
	await run(["init", "--provider", "demo"], { home: rig.home });
	const before = JSON.stringify({ ...rig.config(), dialogs });
	writeFileSync(rig.file("aeon.json"), before);
	const flags = ["--yes", "--telegram-token-file", "-"];
	const { code, out, err } = await rig.init(flags, { input: rig.bot.token });
	expect({ code, err }).toEqual({ code: 0, err: "" });
	expect(out).toStartWith("This is @fake_test_bot (Fake).\n");
	expect(rig.config().dialogs.telegram).toEqual({
		api_root: rig.bot.url,
		enabled: true,
		bot_token: "${TELEGRAM_BOT_TOKEN}",
		allowed_users: [],
	});
	const [, given = ""] = /Pairing code: (\w{8})\n/.exec(out) ?? [];
	const named = await rig.init(["--yes", "--telegram-users", "12, 34"]);
	expect(named.out).not.toContain("Pairing code");
	expect(rig.config().dialogs.telegram.allowed_users).toEqual([12, 34]);
	const { state } = rig;
	const pairing = openPairing({ state, dialog: "telegram", now: Date.now });
	expect(await pairing.redeem(given, { id: 777, name: "Anna" })).toBe(true);
	expect((await rig.init(["--yes", "--no-telegram"])).code).toBe(0);
	expect(rig.config().dialogs.telegram.enabled).toBe(false);
	expect(rig.bot.violations).toEqual([]);
});

test("a bot token that is wrong is said to be, and nothing is written", async () => {
	await using rig = await openRig();
	const config = JSON.stringify({
		dialogs: { telegram: { api_root: rig.bot.url } },
	});
	await run(["init", "--provider", "demo"], { home: rig.home });
	writeFileSync(rig.file("aeon.json"), config);
	const flags = ["--yes", "--provider", "demo", "--telegram-token", "12:ab"];
	const { code, err } = await rig.init(flags);
	expect({ code, err }).toEqual({
		code: 1,
		err: "aeon: the bot token is wrong: Telegram said 401: Unauthorized\nCopy it again from @BotFather, all of it. Nothing was written. --offline writes it unchecked.\n",
	});
	expect(rig.read("aeon.json")).toBe(config);
});

test("what is there stays but for the answers, a copy of it each time, and its secrets leave it", async () => {
	const earlier = {
		server: { port: 0, token: "0123456789abcdef0123456789abcdef" },
		agents: {
			main: {
				provider: "openai",
				model: "gpt-4.1",
				api_key: "sk-old-one-1",
				temperature: 1.5,
				history_limit: 9,
			},
			other: { provider: "openai", model: "m", api_key: "sk-other-secret-2" },
		},
		tools: { exec: { timeout_seconds: 7 } },
	};
	await using rig = await openRig(earlier);
	const flags = keyFlags(rig.llm.url);
	const refused = await rig.init(flags, { input: KEY });
	expect(refused.code).toBe(2);
	expect(refused.err).toContain("--yes");
	expect(rig.config()).toEqual(earlier);

	const { code, err } = await rig.init([...flags, "--yes"], { input: KEY });
	expect({ code, err }).toEqual({
		code: 0,
		err: `Secrets that stood in aeon.json lie in ${rig.file("secrets.env")} now, as SERVER_TOKEN, AGENTS_OTHER_API_KEY. The earlier file still has them: delete it when all is well.\n`,
	});
	expect(rig.config()).toEqual({
		server: { port: 0, token: "${SERVER_TOKEN}" },
		agents: {
			main: {
				provider: "anthropic",
				model: SONNET,
				api_key: "${ANTHROPIC_API_KEY}",
				base_url: rig.llm.url,
				history_limit: 9,
			},
			other: {
				provider: "openai",
				model: "m",
				api_key: "${AGENTS_OTHER_API_KEY}",
			},
		},
		tools: { exec: { timeout_seconds: 7 } },
	});
	expect(rig.read("secrets.env").split("\n").sort()).toEqual([
		"",
		"AGENTS_OTHER_API_KEY=sk-other-secret-2",
		`ANTHROPIC_API_KEY=${KEY}`,
		"SERVER_TOKEN=0123456789abcdef0123456789abcdef",
	]);
	expect(JSON.parse(rig.read("aeon.json.bak"))).toEqual(earlier);
	await rig.init(["--yes", "--provider", "demo"]);
	await rig.init(["--yes", "--provider", "demo"]);
	expect(readdirSync(rig.state).sort()).toEqual([
		"aeon.json",
		"aeon.json.bak",
		"aeon.json.bak.1",
		"secrets.env",
	]);
	expect(JSON.parse(rig.read("aeon.json.bak"))).toEqual(earlier);
	expect(rig.mode("aeon.json.bak.1")).toBe(0o600);
	expect((await run(["config", "check"], { home: rig.home })).code).toBe(0);
});

test("what is no JSON is set aside, and a configuration that serve would refuse is not written", async () => {
	await using rig = await openRig({});
	const near = join(rig.home, "aeon.json");
	writeFileSync(near, "{}");
	const warned = await rig.init(["--yes", "--provider", "demo"]);
	expect(warned.err).toBe(
		`Started in this folder, Aeon reads ${near} in place of what was written.\n`,
	);
	rmSync(near);
	rmSync(rig.file("aeon.json.bak"));
	writeFileSync(rig.file("aeon.json"), "{ agents: // mine");
	const { code, err } = await rig.init(["--yes", "--provider", "demo"]);
	expect({ code, err }).toEqual({
		code: 0,
		err: "What was there was no JSON object (JSON has no comments): nothing of it was kept.\n",
	});
	expect(rig.config()).toEqual({ agents: { main: { provider: "demo" } } });
	expect(rig.read("aeon.json.bak")).toBe("{ agents: // mine");

	const exposed = JSON.stringify({ server: { host: "0.0.0.0" } });
	const unknown = JSON.stringify({ servr: {} });
	const telegram = { enabled: true, bot_token: "${NO_SUCH_VARIABLE}" };
	const unset = JSON.stringify({ dialogs: { telegram } });
	for (const text of [exposed, unknown, unset]) {
		writeFileSync(rig.file("aeon.json"), text);
		const bad = await rig.init(["--yes", "--provider", "demo"]);
		expect(bad.code).toBe(2);
		expect(bad.err).toContain(
			`\nNothing was written. Correct that in ${rig.file("aeon.json")}, or move the file away (mv `,
		);
		if (text === unknown) expect(bad.err).toContain("servr: unknown key");
		expect(rig.read("aeon.json")).toBe(text);
	}
	expect(readdirSync(rig.state).sort()).toEqual(["aeon.json", "aeon.json.bak"]);
});

test("whatever nobody can be asked for is one error that names every flag", async () => {
	await using rig = await openRig({});
	const lacks = async (...flags: string[]) => {
		const { code, err } = await rig.init(flags);
		return `${code} ${err.split("\n")[0]?.replace(/\S+main\.ts/, "MAIN")}`;
	};
	const needed = "2 aeon: nobody can be asked here, so these flags are needed:";
	const yes =
		"--yes (there is an aeon.json already; it is kept beside the new one)";
	expect([
		await lacks(),
		await lacks("--provider", "openai", "--yes"),
		await lacks("--provider", "local", "--offline"),
		await lacks("--provider", "gemini"),
		await lacks("--provider", "demo", "--telegram-users", "me"),
		await lacks("--provider", "demo", "--yes", "--telegram-users", "1"),
		await lacks("--no-telegram", "--telegram-token", "1:a"),
		await lacks("--api-key", "a", "--api-key-file", "b"),
		await lacks("--api-key-file", "-", "--telegram-token-file", "-"),
		await lacks("--api-key", "two words"),
		await lacks("--api-key", ""),
		await lacks("--base-url", "localhost:1"),
		await lacks("--model", " "),
		await lacks("--provider", "demo", "--model", "m"),
	]).toEqual([
		`${needed} --provider anthropic|openai|local|demo, --api-key-file FILE, ${yes}`,
		`${needed} --api-key-file FILE (or OPENAI_API_KEY in the environment)`,
		`${needed} --model NAME, ${yes}`,
		"2 aeon: --provider gemini: write one of anthropic, openai, local, demo",
		"2 aeon: --telegram-users: write numeric ids, as 1,2; an @name is none, and bun MAIN pair telegram does without",
		"2 aeon: --telegram-users needs a bot: give --telegram-token-file FILE, too",
		"2 aeon: --no-telegram: does not go with the other flags of Telegram",
		"2 aeon: --api-key and --api-key-file do not go together",
		"2 aeon: standard input can be the key or the token, not both",
		"2 aeon: the key: a key has no blanks in it, and no letters beside A to Z",
		"2 aeon: the key: a key is needed",
		"2 aeon: --base-url: is no address: write https://… or http://…",
		"2 aeon: --model: is blank",
		"2 aeon: --provider demo: takes no key, no model and no address",
	]);
	expect(rig.read("aeon.json")).toBe("{}");
});

test("a server that runs is told how it takes the change up, and --config says where the file goes", async () => {
	await using rig = await openRig({
		...ANY_PORT,
		agents: { main: { provider: "demo" } },
	});
	using serve = await startServe(rig.home);
	const { out } = await rig.init(["--yes", "--provider", "demo"]);
	expect(out).toContain(
		`Aeon runs already: kill -HUP ${serve.presence.pid}, or a restart, makes it count.\n`,
	);
	const file = join(rig.home, "mine", "other.json");
	const other = await rig.init(["--provider", "demo", "--config", file]);
	expect(other.out).toContain(`\nAeon reads it with --config ${file}\n`);
	expect(JSON.parse(readFileSync(file, "utf8")).agents.main.provider).toBe(
		"demo",
	);
});
