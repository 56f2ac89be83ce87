import { expect, test } from "bun:test";
import type { Given, Person } from "../../src/setup/answers.ts";
import { CHOICES, preferredModel } from "../../src/setup/choices.ts";
import type { Earlier } from "../../src/setup/earlier.ts";
import { interview } from "../../src/setup/interview.ts";

const NOTHING: Earlier = {
	config: {},
	isThere: false,
	isBroken: false,
	secrets: [],
	agent: "main",
	telegram: {},
	hasTelegram: false,
	env: {},
};

/** What comes of answers that a person gives in order, and what they were asked. */
async function ask(
	replies: (string | boolean)[],
	{
		given = {},
		earlier = {},
	}: { given?: Partial<Given>; earlier?: Partial<Earlier> } = {},
) {
	const asked: string[] = [];
	const reply = (question: string) => {
		asked.push(question);
		return replies.shift() ?? "";
	};
	const text = async (question: string) => `${reply(question)}`;
	const person: Person = {
		choose: text,
		type: text,
		typeHidden: text,
		agree: async (question) => reply(question) === true,
		say: () => {},
		warn: () => {},
		show: () => {},
	};
	const answers = await interview({
		given: { noTelegram: false, isOffline: true, isYes: false, ...given },
		earlier: { ...NOTHING, ...earlier },
		person,
		listener: person,
		signal: new AbortController().signal,
	});
	expect(replies).toEqual([]);
	return { answers, asked };
}

test("a person is asked for what no flag says", async () => {
	const { answers, asked } = await ask(["openai", "sk-1", "gpt-4.1", ""]);
	expect(answers).toEqual({
		choice: "openai",
		model: "gpt-4.1",
		key: "sk-1",
		telegram: "off",
	});
	expect(asked).toEqual([
		"Who answers you?",
		"The key, from platform.openai.com",
		"The model's name",
		"Telegram: the bot's token, from @BotFather (blank for no Telegram)",
	]);
	const given = {
		choice: "openai",
		key: "k",
		model: "m",
		noTelegram: true,
	} as const;
	expect((await ask([], { given })).asked).toEqual([]);
});

test("a local model may do without a key, and is asked for where it is", async () => {
	const url = "http://pi.local:8080/v1";
	const { answers } = await ask(["local", url, "", "tiny", ""]);
	expect(answers).toEqual({
		choice: "local",
		baseUrl: url,
		model: "tiny",
		telegram: "off",
	});
});

test("the key of before is offered for the address it was for, and for no other one", async () => {
	const earlier = {
		choice: "local",
		baseUrl: "http://here.local/v1",
		key: "sk-old",
	} as const;
	const same = await ask(["local", earlier.baseUrl, true, "m", ""], {
		earlier,
	});
	expect(same.answers.key).toBe("sk-old");
	const other = await ask(["local", "http://there.local/v1", "", "m", ""], {
		earlier: { ...earlier, env: { OPENAI_API_KEY: "sk-of-openai" } },
	});
	expect(other.answers.key).toBeUndefined();
});

test("the bot of before goes on where the person says so; who may talk to it is asked", async () => {
	const earlier = { token: "1:a", hasTelegram: true };
	const { answers } = await ask(["demo", true, "12 34"], { earlier });
	expect(answers.telegram).toEqual({ token: "1:a", users: [12, 34] });
	const none = await ask(["demo", false, ""], { earlier });
	expect(none.answers.telegram).toBe("off");
});

test("the model to begin with is the usual one, else the newest of its family, else the first", () => {
	const { anthropic, openai, local } = CHOICES;
	const usual = "claude-sonnet-5";
	expect([
		preferredModel(anthropic, ["a", usual]),
		preferredModel(anthropic, ["opus-9", "sonnet-9", "sonnet-8"]),
		preferredModel(anthropic, ["opus-9"]),
		preferredModel(anthropic, []),
		preferredModel(openai, ["whisper", "gpt-4.1"]),
		preferredModel(local, ["qwen", "tiny"]),
		preferredModel(local, []),
	]).toEqual([
		usual,
		"sonnet-9",
		"opus-9",
		usual,
		"gpt-4.1",
		"qwen",
		undefined,
	]);
});
