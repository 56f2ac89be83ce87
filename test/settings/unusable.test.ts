import { expect, test } from "bun:test";
import { openAeon } from "../../src/app.ts";
import { loadSettings } from "../../src/settings/settings.ts";
import { startFakeLlm } from "../support/fake_llm.ts";
import { temporaryHome } from "../support/home.ts";

const NOT_SET =
	'The agent "b" cannot be used: api_key: ${KEY_B} is not set in the environment';

/** An Aeon for a chat with main, beside which an agent b has an unset key and an agent c falls back on it. */
async function openChat(b: object = { api_key: "${KEY_B}" }) {
	const llm = await startFakeLlm({
		api: "openai",
		script: (request) => ({ text: `${request.body.model} answers` }),
	});
	const agent = (model: string) => ({
		provider: "openai",
		model,
		base_url: llm.url,
	});
	const folder = temporaryHome({
		agents: {
			main: agent("first"),
			b: { ...agent("second"), ...b },
			c: { ...agent("third"), fallbacks: ["b"] },
		},
	});
	const home = folder.path;
	const settings = await loadSettings({
		env: {},
		cwd: home,
		home,
		needs: "agent",
	});
	const aeon = await openAeon(settings, {
		home,
		logLevel: "error",
		warn: () => {},
	});
	const host = aeon.addDialog({
		name: "cli",
		start: async () => {},
		stop: async () => {},
		send: async () => {},
	});
	const say = (sessionKey: string, model?: string) =>
		host.receive({ sessionKey, text: "hi", model });
	return {
		host,
		llm,
		say,
		async [Symbol.asyncDispose]() {
			await aeon.close();
			llm.stop();
			folder[Symbol.dispose]();
		},
	};
}

const SESSION = "agent:main:cli:test";

test("/model with an agent whose variables are not set names them, and the model stays", async () => {
	await using chat = await openChat();
	const type = (line: string) =>
		chat.host.command(line, { sessionKey: SESSION });
	expect(await type("/model b")).toEqual({ text: NOT_SET });
	expect(await type("/model c")).toMatchObject({ model: "c" });
	expect(await type("/model toString")).toMatchObject({ model: "toString" });
});

test("an agent whose variables are not set says so to whoever asks it, and nothing is sent", async () => {
	await using chat = await openChat();
	const error = { code: "llm_rejected" as const, message: NOT_SET };
	expect((await chat.say("agent:b:cli:test")).error).toEqual(error);
	expect((await chat.say(SESSION, "b")).error).toEqual(error);
	expect(chat.llm.requests).toEqual([]);
	expect((await chat.say(SESSION)).text).toBe("first answers");
	expect((await chat.say(SESSION, "c")).text).toBe("third answers");
});

test.each([
	["provider", { provider: "${X}" }],
	["fallbacks.0", { fallbacks: ["${X}"] }],
])(
	"an agent of which even the %s is not known says all that it lacks",
	async (key, section) => {
		await using chat = await openChat({
			...section,
			system_prompt_file: "/no/such/prompt",
		});
		const { error } = await chat.say("agent:b:cli:test");
		expect(error?.message).toStartWith(
			`The agent "b" cannot be used: ${key}: \${X} is not set in the environment; system_prompt_file: /no/such/prompt cannot be read (`,
		);
	},
);
