import { expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CTRL_C, CTRL_D, openTerminal } from "../dialogs/cli/terminal.ts";
import { run } from "../support/command.ts";
import { temporaryHome } from "../support/home.ts";
import { ANY_PORT, startServe } from "../support/serve.ts";
import { homeWithModel } from "./home_with_model.ts";

/** A server in one home, and another home from which it is talked to. */
async function twoHomes(...texts: string[]) {
	const far = await homeWithModel(
		texts.map((text) => ({ text })),
		ANY_PORT,
	);
	const serve = await startServe(far.home);
	const near = temporaryHome();
	const { url, token } = serve.presence;
	const tokenFile = join(near.path, "token");
	writeFileSync(tokenFile, `${token}\nanother line\n`, { mode: 0o600 });
	return {
		url,
		token,
		tokenFile,
		home: near.path,
		llm: far.llm,
		[Symbol.dispose]() {
			serve[Symbol.dispose]();
			near[Symbol.dispose]();
			far[Symbol.dispose]();
		},
	};
}

test("a chat with --url and --token-file talks to a server elsewhere, and reads no configuration", async () => {
	using it = await twoHomes("From afar.", "Once more.");
	const { home, url, tokenFile } = it;
	const flags = ["--url", url, "--token-file", tokenFile];
	expect(await run(["chat", "-m", "hi", ...flags], { home })).toEqual({
		code: 0,
		out: "From afar.\n",
		err: "",
	});
	writeFileSync(join(home, "aeon.json"), "no JSON");
	chmodSync(tokenFile, 0o644);
	expect(await run(["chat", "-m", "hi", ...flags], { home })).toEqual({
		code: 0,
		out: "Once more.\n",
		err: `Others on this machine can read ${tokenFile}: chmod 600 ${tokenFile} keeps the token yours.\n`,
	});
	const status = await run(["status", "--json", ...flags], { home });
	expect(JSON.parse(status.out)).toMatchObject({ sessions: 1 });
});

test("the token is asked for at a terminal and shown nowhere, whatever is typed", async () => {
	using it = await twoHomes("From afar.");
	const { home, url, token } = it;
	using chat = openTerminal(home, { args: ["chat", "--url", url] });
	await chat.sees(`Token for ${url}: `);
	const [first = "", ...rest] = token;
	chat.types(`wrong\x15${first}xy`);
	chat.types("\x7f\x7f");
	chat.types(`${rest.join("")}\rhello\r`);
	await chat.sees("/help lists the commands");
	await chat.sees("From afar.");
	chat.types(CTRL_D);
	expect(await chat.exited).toBe(0);
	expect(chat.bytes()).not.toContain(token.slice(1));
	expect(chat.bytes()).not.toContain("wrong");
	expect(it.llm.requests[0]?.lastText).toEndWith("hello");
});

test("Ctrl-C and Ctrl-D at the question for the token leave, with the terminal as it was", async () => {
	using it = await twoHomes();
	for (const key of [CTRL_C, CTRL_D]) {
		using chat = openTerminal(it.home, { args: ["chat", "--url", it.url] });
		await chat.sees("Token for ");
		chat.types(`half${key}`);
		expect(await chat.exited).toBe(130);
		expect(chat.bytes()).toBe(`Token for ${it.url}: \r\n`);
	}
});

test("a wrong token that was typed is said to be wrong", async () => {
	using it = await twoHomes();
	using chat = openTerminal(it.home, { args: ["chat", "--url", it.url] });
	await chat.sees("Token for ");
	chat.types("nonsense\r");
	await chat.sees(`aeon: ${it.url}: the token is wrong`);
	expect(await chat.exited).toBe(1);
});

test("what cannot be used of --url and --token-file is explained", async () => {
	using it = await twoHomes();
	const { home, url, tokenFile } = it;
	const explained = async (...args: string[]) => {
		const { code, out, err } = await run(["chat", "-m", "hi", ...args], {
			home,
		});
		expect(out).toBe("");
		return `${code} ${err.split("\n")[0]}`;
	};
	const address = (given: string) =>
		`2 aeon: --url ${given}: write ws://HOST:7777, or wss://HOST behind a proxy with a certificate`;
	for (const given of ["http://127.0.0.1:1", "host:7777", "host", "", "ws://"])
		expect(await explained("--url", given)).toBe(address(given));
	const bare =
		"2 aeon: --url takes an address only; the token goes into a file: --token-file FILE";
	expect(await explained("--url", "ws://me:word@host:7777")).toBe(bare);
	expect(await explained("--url", "ws://host:7777/?token=word")).toBe(bare);
	expect(await explained("--url", url)).toBe(
		"2 aeon: --url needs --token-file FILE where nobody can be asked for the token",
	);
	expect(await explained("--token-file", tokenFile)).toBe(
		"2 aeon: --token-file needs --url ws://HOST:7777",
	);
	expect(await explained("--url", url, "--demo")).toBe(
		"2 aeon: --url talks to a server, which has a configuration of its own: leave out --demo",
	);
	expect(await explained("--url", url, "--config", "x")).toBe(
		"2 aeon: --url talks to a server, which has a configuration of its own: leave out --config",
	);
	const file = ["--url", url, "--token-file"];
	expect(await explained(...file, "gone")).toBe(
		"2 aeon: --token-file gone cannot be read: ENOENT: no such file or directory, stat 'gone'",
	);
	expect(await explained(...file, home)).toBe(
		`2 aeon: --token-file ${home} cannot be read: it is not a plain file`,
	);
	const blank = join(home, "blank");
	writeFileSync(blank, "\n", { mode: 0o600 });
	expect(await explained(...file, blank)).toBe(
		`2 aeon: --token-file ${blank}: its first line is to be the token, and is blank`,
	);
	expect(
		await explained("--url", "ws://127.0.0.1:9", "--token-file", tokenFile),
	).toBe(
		"1 aeon: ws://127.0.0.1:9 cannot be reached (ECONNREFUSED): is aeon serve running there?",
	);
});
