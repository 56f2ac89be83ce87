// `aeon init` as a person sees it, in a real terminal of 80 by 24: tmux.

import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startFakeLlm } from "../support/fake_llm.ts";
import { startFakeTelegram } from "../support/fake_telegram.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/home.ts";
import { until } from "../support/until.ts";

const MAIN = join(import.meta.dir, "..", "..", "src", "main.ts");
const TMUX = Bun.which("tmux");
if (!TMUX)
	console.log("SKIPPED: no tmux here, so nobody is asked by aeon init");
const inTerminal = test.skipIf(!TMUX);

const KEY = "sk-ant-the-right-key-0001";
const MODELS = ["claude-opus-4-1", "claude-sonnet-5"];

/** A terminal in which `aeon init` runs. */
function openTerminal(home: TemporaryFolder, flags: string[]) {
	const socket = join(home.path, "tmux");
	const tmux = (...words: string[]) => {
		const command = [TMUX ?? "", "-S", socket, "-f", "/dev/null", ...words];
		const { stdout } = Bun.spawnSync(command, {
			env: { PATH: process.env.PATH ?? "", LANG: "C.UTF-8", TERM: "xterm" },
		});
		return stdout.toString();
	};
	const words = [process.execPath, MAIN, "init", ...flags];
	const quoted = words.map((word) => `'${word}'`).join(" ");
	// Where nothing reads keys raw, Ctrl-C is a signal for the shell as well.
	const script = `trap : INT; cd; HOME='${home.path}' ${quoted}; echo "ended with $?"; exec sleep 600`;
	tmux(
		...["new-session", "-d", "-x", "80", "-y", "24"],
		...["env", `HOME=${home.path}`, "NO_COLOR=1", "sh", "-c", script],
	);
	const everything = () => tmux("capture-pane", "-p", "-e", "-S", "-200");
	return {
		everything,
		screen: () => tmux("capture-pane", "-p"),
		/** Waits until this is asked or said below what was seen before. */
		async sees(text: string) {
			await until(() => everything().includes(text));
		},
		type: (text: string) => tmux("send-keys", "-l", text),
		press: (...keys: string[]) => tmux("send-keys", ...keys),
		[Symbol.dispose]: () => void tmux("kill-server"),
	};
}

inTerminal(
	"a person is asked, told what was found, and shown what is written; a secret is never on the screen",
	async () => {
		const llm = await startFakeLlm({
			api: "anthropic",
			models: { ids: MODELS, key: KEY },
			script: () => ({}),
		});
		const bot = await startFakeTelegram();
		using home = temporaryFolder();
		const state = join(home.path, ".aeon");
		mkdirSync(state, { mode: 0o700 });
		writeFileSync(
			join(state, "aeon.json"),
			JSON.stringify({ dialogs: { telegram: { api_root: bot.url } } }),
		);
		using terminal = openTerminal(home, ["--base-url", llm.url]);
		await terminal.sees("Who answers you?");
		terminal.press("Enter");
		await terminal.sees("The key, from console.anthropic.com");
		terminal.type("sk-ant-wrong-one");
		terminal.press("Enter");
		await terminal.sees("said 401: invalid x-api-key");
		await terminal.sees("Try another key?");
		terminal.press("Enter");
		await until(
			() => terminal.everything().split("The key, from").length === 3,
		);
		terminal.type(KEY);
		terminal.press("Enter");
		await terminal.sees("takes the key: it can use 2 models.");
		await terminal.sees("another one, typed");
		terminal.press("Enter");
		await terminal.sees("Telegram: the bot's token");
		terminal.type("nonsense");
		terminal.press("Enter");
		await terminal.sees("a bot token looks like");
		terminal.type(bot.token);
		terminal.press("Enter");
		await terminal.sees("This is @fake_test_bot (Fake).");
		await terminal.sees("Who may talk to it?");
		terminal.press("Enter");
		await terminal.sees("Write it?");
		expect(terminal.screen()).toContain(join(state, "secrets.env"));
		expect(existsSync(join(state, "secrets.env"))).toBe(false);
		terminal.press("Enter");
		await terminal.sees("ended with 0");
		const seen = terminal.everything();
		expect(seen).toMatch(/Pairing code: [2-9A-HJKMNP-Z]{8}\b/);
		for (const secret of [KEY, bot.token, "sk-ant-wrong-one"])
			expect(seen).not.toContain(secret);
		// NO_COLOR: nothing but the cursor is controlled.
		// biome-ignore lint/suspicious/noControlCharactersInRegex: an escape is looked for
		expect(seen).not.toMatch(/\x1b\[[\d;]*m/);
		expect(JSON.parse(readFileSync(join(state, "aeon.json"), "utf8"))).toEqual({
			dialogs: {
				telegram: {
					api_root: bot.url,
					enabled: true,
					bot_token: "${TELEGRAM_BOT_TOKEN}",
					allowed_users: [],
				},
			},
			agents: {
				main: {
					provider: "anthropic",
					model: "claude-sonnet-5",
					api_key: "${ANTHROPIC_API_KEY}",
					base_url: llm.url,
				},
			},
		});
		expect(readFileSync(join(state, "secrets.env"), "utf8")).toBe(
			`ANTHROPIC_API_KEY=${KEY}\nTELEGRAM_BOT_TOKEN=${bot.token}\n`,
		);
		llm.stop();
		await bot.stop();
	},
	60_000,
);

inTerminal.each(["C-c", "C-d", "Escape"])(
	"%s at a question leaves with nothing written, and says so",
	async (key) => {
		using home = temporaryFolder();
		using terminal = openTerminal(home, ["--provider", "anthropic"]);
		await terminal.sees("The key, from");
		terminal.press(key);
		await terminal.sees("ended with 130");
		expect(terminal.screen()).toContain("Nothing was written.");
		expect(existsSync(join(home.path, ".aeon"))).toBe(false);
	},
	60_000,
);

inTerminal(
	"Ctrl-C while a provider does not answer leaves as well, and so does a no to what would be written",
	async () => {
		const llm = await startFakeLlm({
			api: "openai",
			models: { ids: [], instead: { instead: "hang" } },
			script: () => ({}),
		});
		const flags = ["--provider", "local", "--base-url", `${llm.url}/v1`];
		using home = temporaryFolder();
		using waiting = openTerminal(home, [...flags, "--api-key", "k"]);
		await waiting.sees("Asking 127.0.0.1");
		waiting.press("C-c");
		await waiting.sees("ended with 130");
		expect(waiting.screen()).toContain("Nothing was written.");
		llm.stop();
		using other = temporaryFolder();
		const demo = ["--provider", "demo", "--no-telegram"];
		using terminal = openTerminal(other, demo);
		await terminal.sees("Write it?");
		terminal.type("n");
		await terminal.sees("ended with 130");
		for (const { path } of [home, other])
			expect(existsSync(join(path, ".aeon"))).toBe(false);
	},
	60_000,
);
