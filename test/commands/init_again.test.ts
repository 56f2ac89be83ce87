// `aeon init` where something is there already: it changes what was answered, and nothing else.

import { expect, test } from "bun:test";
import {
	chmodSync,
	chownSync,
	lstatSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	realpathSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { openPairing } from "../../src/core/pairing.ts";
import { run } from "../support/command.ts";
import { startFakeTelegram } from "../support/fake_telegram.ts";
import { temporaryFolder, temporaryHome } from "../support/home.ts";
import { ANY_PORT, startServe } from "../support/serve.ts";
import { until } from "../support/until.ts";

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log("SKIPPED: only root can write into another's home");

/** Somebody of no group and no rights. */
const SOMEBODY = 54_321;

const DEMO = ["--yes", "--provider", "demo"];
const LOCAL = [
	...["--yes", "--provider", "local", "--offline", "--model", "m"],
	...["--base-url", "http://127.0.0.1:9/v1"],
];

/** A home with these files in its state directory, and aeon init in it. */
function openHome(config: object, secrets = "") {
	const home = temporaryHome(config);
	const file = (name: string) => join(home.path, ".aeon", name);
	writeFileSync(file("secrets.env"), secrets, { mode: 0o600 });
	return {
		home: home.path,
		file,
		read: (name: string) => readFileSync(file(name), "utf8"),
		config: () => JSON.parse(readFileSync(file("aeon.json"), "utf8")),
		init: (flags: string[], input?: string) =>
			run(["init", ...flags], {
				home: home.path,
				...(input !== undefined && { input }),
			}),
		[Symbol.dispose]: () => home[Symbol.dispose](),
	};
}

test("a bot that was switched off stays off, though its token is still there", async () => {
	const telegram = { enabled: false, bot_token: "${TELEGRAM_BOT_TOKEN}" };
	using rig = openHome({ dialogs: { telegram } }, "TELEGRAM_BOT_TOKEN=1:a\n");
	expect((await rig.init(DEMO)).code).toBe(0);
	expect(rig.config().dialogs.telegram).toEqual(telegram);
});

test("a person's own lines in the secrets file stay where they are, and a blank value is filled in", async () => {
	using rig = openHome(
		{},
		"# of mine\nexport OTHER='a b'\n\nLLM_API_KEY=\n# the end\n",
	);
	const { code, err } = await rig.init(
		[...LOCAL, "--api-key-file", "-"],
		"\nsk-1\n",
	);
	expect({ code, err }).toEqual({ code: 0, err: "" });
	expect(rig.read("secrets.env")).toBe(
		"# of mine\nexport OTHER='a b'\n\nLLM_API_KEY=sk-1\n# the end\n",
	);
	const { api_key: key } = rig.config().agents.main;
	expect(key).toBe("${LLM_API_KEY}");
	const check = await run(["config", "check"], { home: rig.home });
	expect(check.code).toBe(0);
});

test("the agent that answers is the one that is set up, whatever its id", async () => {
	using rig = openHome({ agents: { home: { provider: "openai" } } });
	expect((await rig.init(DEMO)).code).toBe(0);
	expect(rig.config().agents).toEqual({ home: { provider: "demo" } });
});

test("two secrets whose places have one name for a variable keep their values", async () => {
	const agent = (key: string) => ({
		...{ provider: "openai", model: "m", api_key: key },
	});
	using rig = openHome(
		{ agents: { main: {}, "a-b": agent("sk-one"), a_b: agent("sk-two") } },
		"AGENTS_A_B_API_KEY=sk-none\n",
	);
	expect((await rig.init(DEMO)).code).toBe(0);
	const { agents } = rig.config();
	const secrets = Object.fromEntries(
		rig
			.read("secrets.env")
			.trim()
			.split("\n")
			.map((line) => line.split("=")),
	);
	const keyOf = (id: string) => secrets[agents[id].api_key.slice(2, -1)];
	expect([keyOf("a-b"), keyOf("a_b")]).toEqual(["sk-one", "sk-two"]);
	expect(secrets.AGENTS_A_B_API_KEY).toBe("sk-none");
});

test("the code of aeon init lets in whoever sends it to the bot once Aeon runs", async () => {
	const bot = await startFakeTelegram();
	using rig = openHome({
		...ANY_PORT,
		dialogs: { telegram: { api_root: bot.url } },
	});
	const flags = [...DEMO, "--telegram-token-file", "-"];
	const { out } = await rig.init(flags, bot.token);
	const [, code = ""] = /Pairing code: (\w{8})\n/.exec(out) ?? [];
	using serve = await startServe(rig.home);
	bot.say(777, code.toLowerCase());
	await until(() => bot.visible(777).length > 0);
	bot.say(777, "Hello");
	await until(() => bot.visible(777).length > 1);
	const state = rig.file("");
	const pairing = openPairing({ state, dialog: "telegram", now: Date.now });
	expect(pairing.list().map(({ id }) => id)).toEqual([777]);
	await serve.end("SIGTERM");
	await bot.stop();
});

test("whoever sets root's own Aeon up by sudo is told", async () => {
	using rig = openHome({});
	const env = { HOME: "/root", SUDO_USER: "anna" };
	const flags = ["--config", join(rig.home, "none", "aeon.json")];
	const done = await run(["init", ...flags], { home: rig.home, env });
	expect({ code: done.code, err: done.err.split("\n")[0] }).toEqual({
		code: 2,
		err: "This sets Aeon up for root, in /root/.aeon. For anna, leave sudo out.",
	});
});

test("a HOME that is no whole path is a wrong command line", async () => {
	using rig = openHome({});
	for (const words of [["init", ...DEMO], ["doctor"]]) {
		const env = { HOME: "somewhere" };
		const done = await run(words, { home: rig.home, env });
		expect({ code: done.code, err: done.err }).toEqual({
			code: 2,
			err: "aeon: HOME is somewhere, and no whole path\n",
		});
	}
});

test("a configuration and secrets that are links stay links", async () => {
	using rig = openHome({}, "");
	using elsewhere = temporaryFolder();
	const there = join(elsewhere.path, "there.json");
	writeFileSync(there, "{}");
	using linked = temporaryFolder();
	const state = join(linked.path, ".aeon");
	mkdirSync(state, { mode: 0o700 });
	symlinkSync(there, join(state, "aeon.json"));
	symlinkSync(rig.file("secrets.env"), join(state, "secrets.env"));
	const flags = [...LOCAL, "--api-key", "sk-1"];
	const { code } = await run(["init", ...flags], { home: linked.path });
	expect(code).toBe(0);
	expect(realpathSync(join(state, "aeon.json"))).toBe(realpathSync(there));
	expect(JSON.parse(readFileSync(there, "utf8")).agents.main.model).toBe("m");
	expect(rig.read("secrets.env")).toBe("LLM_API_KEY=sk-1\n");
	expect(readdirSync(elsewhere.path)).toEqual(["there.json"]);
});

test.skipIf(!isRoot)(
	"root writes into somebody's home as they could themselves: it is theirs, and no link leads to what is not",
	async () => {
		using home = temporaryFolder();
		using secret = temporaryFolder();
		const hidden = join(secret.path, "shadow");
		writeFileSync(hidden, "of root alone", { mode: 0o600 });
		const state = join(home.path, ".aeon");
		mkdirSync(state);
		chmodSync(home.path, 0o700);
		for (const path of [home.path, state]) chownSync(path, SOMEBODY, SOMEBODY);
		const init = () =>
			run(["init", ...LOCAL, "--api-key", "sk-1"], {
				home: home.path,
				cwd: "/",
			});
		symlinkSync(hidden, join(state, "aeon.json"));
		const { code, err } = await init();
		expect({ code, err }).toEqual({
			code: 2,
			err: expect.stringContaining("cannot be read: EACCES"),
		});
		expect(readdirSync(state)).toEqual(["aeon.json"]);
		expect(readFileSync(hidden, "utf8")).toBe("of root alone");
		expect(lstatSync(hidden).uid).toBe(0);

		using other = temporaryFolder();
		chownSync(other.path, SOMEBODY, SOMEBODY);
		const flags = [...LOCAL, "--api-key", "sk-1"];
		const done = await run(["init", ...flags], { home: other.path, cwd: "/" });
		expect(done.code).toBe(0);
		for (const name of ["", "aeon.json", "secrets.env"])
			expect(statSync(join(other.path, ".aeon", name)).uid).toBe(SOMEBODY);
	},
);
