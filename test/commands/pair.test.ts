import { expect, test } from "bun:test";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { openPairing } from "../../src/core/pairing.ts";
import { run } from "../support/command.ts";
import { temporaryHome } from "../support/home.ts";

const MAIN = join(import.meta.dir, "..", "..", "src", "main.ts");

const CONFIG = {
	agents: { main: { provider: "demo" } },
	dialogs: { telegram: { enabled: true, bot_token: "${TELEGRAM_BOT_TOKEN}" } },
};

const stateOf = (home: string) => join(home, ".aeon");
const serving = (home: string) =>
	openPairing({ state: stateOf(home), dialog: "telegram", now: Date.now });

test("pair prints a code that lets somebody in while the server runs, and lists and removes them", async () => {
	using home = temporaryHome(CONFIG);
	const { path } = home;
	const server = serving(path);
	expect(server.isPaired(888)).toBe(false);
	const { code, out, err } = await run(["pair", "telegram"], { home: path });
	expect({ code, err }).toEqual({ code: 0, err: "" });
	const [, given = ""] = /^([2-9A-HJKMNP-Z]{8})\n/.exec(out) ?? [];
	expect(out).toBe(
		`${given}\nWhoever sends this code to your bot within an hour may talk to Aeon from then on. It is good once, and void after three wrong ones.\n`,
	);
	for (const name of ["pairing.json", "pairing.lock"])
		expect(statSync(join(stateOf(path), name)).mode & 0o777).toBe(0o600);
	const person = { id: 888, name: "Eve \x1b[31m" };
	expect(await server.redeem(given, person)).toBe(true);

	const list = await run(["pair", "telegram", "--list"], { home: path });
	const time = new Date().toISOString().slice(0, 10);
	expect(list.out).toMatch(
		new RegExp(`^888  ${time} \\d\\d:\\d\\d  Eve \\[31m\n$`),
	);
	const remove = ["pair", "telegram", "--remove", "888"];
	expect(await run(remove, { home: path })).toEqual({
		code: 0,
		out: "888 (Eve [31m) may no longer talk to Aeon.\n",
		err: "",
	});
	expect(server.isPaired(888)).toBe(false);
	expect(await run(remove, { home: path })).toEqual({
		code: 1,
		out: "",
		err: "aeon: nobody with the id 888 was let in\n--list shows who was. Those in aeon.json are removed there.\n",
	});
	expect((await run(["pair", "telegram", "--list"], { home: path })).out).toBe(
		"Nobody was let in by a code.\n",
	);
});

test("in WhatsApp people are let in by their numbers", async () => {
	const whatsapp = {
		enabled: true,
		phone_number_id: "1",
		access_token: "a",
		app_secret: "s",
		verify_token: "v",
	};
	using home = temporaryHome({ ...CONFIG, dialogs: { whatsapp } });
	const { path } = home;
	const server = openPairing({
		state: stateOf(path),
		dialog: "whatsapp",
		now: Date.now,
	});
	const { code, out, err } = await run(["pair", "whatsapp"], { home: path });
	expect({ code, err }).toEqual({ code: 0, err: "" });
	const given = out.slice(0, 8);
	expect(out).toBe(
		`${given}\nWhoever sends this code to your number in WhatsApp within an hour may talk to Aeon from then on. It is good once, and void after three wrong ones.\n`,
	);
	const eve = { id: "+15551234567", name: "Eve" };
	expect(await server.redeem(given, eve)).toBe(true);
	const list = await run(["pair", "whatsapp", "--list"], { home: path });
	expect(list.out).toMatch(/^\+15551234567 {2}\S+ \S+ {2}Eve\n$/);
	const other = await run(["pair", "telegram", "--list"], { home: path });
	expect(other.out).toBe("Nobody was let in by a code.\n");
	const remove = ["pair", "whatsapp", "--remove", "+1 (555) 123-4567"];
	expect((await run(remove, { home: path })).out).toBe(
		"+15551234567 (Eve) may no longer talk to Aeon.\n",
	);
	expect(server.isPaired("+15551234567")).toBe(false);
	expect((await run(remove, { home: path })).err).toStartWith(
		"aeon: nobody with the id +15551234567 was let in\n",
	);
});

test("where WhatsApp is not enabled, pair says what to write", async () => {
	using home = temporaryHome(CONFIG);
	const { code, err } = await run(["pair", "whatsapp"], { home: home.path });
	expect(code).toBe(2);
	expect(err).toBe(
		`aeon: whatsapp is not enabled in ${home.path}/.aeon/aeon.json\nWrite there "dialogs": {"whatsapp": {"enabled": true, "phone_number_id": "…", "access_token": "\${WHATSAPP_ACCESS_TOKEN}", "app_secret": "\${WHATSAPP_APP_SECRET}", "verify_token": "\${WHATSAPP_VERIFY_TOKEN}"}} with what Meta shows for your app and a verify_token of your own, and start aeon serve.\n`,
	);
});

test("three wrong codes void the one that was printed", async () => {
	using home = temporaryHome(CONFIG);
	const { out } = await run(["pair", "telegram"], { home: home.path });
	const server = serving(home.path);
	const eve = { id: 888, name: "Eve" };
	for (const wrong of ["2AAAAAAA", "3AAAAAAA", "4AAAAAAA"])
		await server.redeem(wrong, eve);
	expect(await server.redeem(out.slice(0, 8), eve)).toBe(false);
});

test("where Telegram is not enabled, pair says what to write, and makes no code", async () => {
	for (const [config, file] of [
		[{ agents: CONFIG.agents }, "/.aeon/aeon.json"],
		[
			{ ...CONFIG, dialogs: { telegram: { bot_token: "t" } } },
			"/.aeon/aeon.json",
		],
		[undefined, undefined],
	] as const) {
		using home = temporaryHome(config);
		const asked = await run(["pair", "telegram"], { home: home.path });
		expect(asked).toEqual({
			code: 2,
			out: "",
			err: `aeon: telegram is not enabled in ${file ? home.path + file : "aeon.json, which there is none of"}\nbun ${MAIN} init sets it up. By hand: write there "dialogs": {"telegram": {"enabled": true, "bot_token": "\${TELEGRAM_BOT_TOKEN}"}} with the token of @BotFather, and start aeon serve.\n`,
		});
		expect(existsSync(join(stateOf(home.path), "pairing.json"))).toBe(false);
	}
});

test.each([
	["pair", "Missing required positional argument: DIALOG"],
	[
		"pair cli",
		"there is no pairing for cli; write aeon pair telegram or aeon pair whatsapp",
	],
	[
		"pair toString",
		"there is no pairing for toString; write aeon pair telegram or",
	],
	["pair telegram --remove eve", "--remove eve: write a numeric id"],
	[
		"pair whatsapp --remove 5551234",
		"--remove 5551234: write a phone number with its country code, such as +15551234567",
	],
	["pair telegram --list --remove 5", "--list and --remove do not go together"],
])("aeon %s is refused, and says why", async (line, why) => {
	using home = temporaryHome(CONFIG);
	const { code, err } = await run(line.split(" "), { home: home.path });
	expect(code).toBe(2);
	expect(err).toContain(why);
});
