import { expect, test } from "bun:test";
import { telegram } from "../../../src/dialogs/telegram/telegram.ts";
import {
	type FakeFailure,
	startFakeTelegram,
} from "../../support/fake_telegram.ts";

/** What Telegram says of a section, and which methods it was asked. */
async function check(
	section: object,
	prepare: (
		fake: Awaited<ReturnType<typeof startFakeTelegram>>,
	) => void = () => {},
	signal = new AbortController().signal,
) {
	const fake = await startFakeTelegram();
	try {
		prepare(fake);
		const options = telegram.options.parse({
			bot_token: fake.token,
			api_root: fake.url,
			...section,
		});
		const findings = await telegram.check(options, signal);
		expect(JSON.stringify(findings)).not.toContain(fake.token);
		expect(fake.violations).toEqual([]);
		return { findings, asked: fake.calls.map(({ method }) => method) };
	} finally {
		await fake.stop();
	}
}

const ME = {
	name: "getMe",
	state: "ok",
	text: "This is @fake_test_bot (Fake)",
} as const;

test("a good token is told by the bot's name, and no update is taken in", async () => {
	expect(await check({})).toEqual({
		findings: [
			ME,
			{
				name: "getWebhookInfo",
				state: "ok",
				text: "updates are polled; 0 updates wait",
			},
		],
		asked: ["getMe", "getWebhookInfo"],
	});
	const { findings } = await check({}, (fake) => {
		fake.say(777, "hello");
	});
	expect(findings[1]?.text).toBe("updates are polled; 1 update waits");
});

test.each([401, 404])(
	"a token that Telegram answers with %p is wrong, and to be copied again",
	async (status) => {
		const description = "Unauthorized";
		const { findings, asked } = await check({}, (fake) =>
			fake.fail({ method: "getMe", status, description }),
		);
		expect({ findings, asked }).toEqual({
			findings: [
				{
					name: "getMe",
					state: "problem",
					text: `the bot token is wrong: Telegram said ${status}: Unauthorized`,
					hint: "Copy it again from @BotFather, all of it.",
				},
			],
			asked: ["getMe"],
		});
	},
);

test.each<[string, FakeFailure, string]>([
	["breaks", { method: "getMe", mode: "reset" }, "Telegram did not answer"],
	[
		"is a gateway's page",
		{ method: "getMe", mode: "html502" },
		"Telegram did not answer: a gateway said 502",
	],
])(
	"where the connection %s the token is neither good nor wrong",
	async (_, failure, words) => {
		const { findings } = await check({}, (fake) => fake.fail(failure));
		expect(findings).toHaveLength(1);
		expect(findings[0]).toMatchObject({ name: "getMe", state: "warning" });
		expect(findings[0]?.text).toStartWith(words);
	},
);

test("a webhook of another program is named by its host alone, and what becomes of it", async () => {
	const { findings } = await check({}, (fake) =>
		fake.useWebhook("https://other.example/secret-path"),
	);
	expect(findings[1]).toEqual({
		name: "getWebhookInfo",
		state: "warning",
		text: "a webhook is set, at https://other.example; 0 updates wait",
		hint: "This configuration polls: aeon serve removes the webhook when it starts. Another program that uses this bot gets nothing more then.",
	});
});

test("where a webhook is wanted, none, another one and the right one are told apart", async () => {
	const section = { webhook_url: "https://mine.example" };
	const textOf = async (url?: string) => {
		const { findings } = await check(section, (fake) => {
			if (url) fake.useWebhook(url);
		});
		return `${findings[1]?.state}: ${findings[1]?.text}`;
	};
	expect([
		await textOf(),
		await textOf("https://other.example/x"),
		await textOf("https://mine.example/webhooks/telegram"),
	]).toEqual([
		"warning: no webhook is set yet; 0 updates wait",
		"warning: the webhook leads elsewhere, to https://other.example; 0 updates wait",
		"ok: the webhook is set; 0 updates wait",
	]);
});

test("without a token nobody is asked", async () => {
	const { findings, asked } = await check({ bot_token: undefined });
	expect(findings.map(({ name, state }) => `${name} ${state}`)).toEqual([
		"getMe problem",
	]);
	expect(asked).toEqual([]);
});

test("an abort ends it with its own reason", async () => {
	const ending = new AbortController();
	const reason = new Error("enough");
	const asked = check(
		{},
		(fake) => {
			fake.fail({ method: "getMe", mode: "hang" });
			setTimeout(() => ending.abort(reason));
		},
		ending.signal,
	);
	expect(await asked.catch((error: unknown) => error)).toBe(reason);
});
