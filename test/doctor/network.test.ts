import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { examine } from "../../src/doctor/doctor.ts";
import { startFakeLlm } from "../support/fake_llm.ts";
import { startFakeTelegram } from "../support/fake_telegram.ts";
import { temporaryHome } from "../support/home.ts";
import { examineAll, foundOf, patientOf } from "./rig.ts";

const ALL = { platforms: true, models: true };

const demo = { agents: { main: { provider: "demo" } } };

const telegramAt = (url: string, bot_token: string, more: object = {}) => ({
	...demo,
	dialogs: {
		telegram: { enabled: true, bot_token, api_root: url, ...more },
	},
});

test("every agent is asked one short question, and what that cost is said", async () => {
	const llm = await startFakeLlm({
		api: "openai",
		script: () => ({ text: "ok" }),
	});
	const agent = { provider: "openai", model: "fake-1", base_url: llm.url };
	using home = temporaryHome({ agents: { main: agent, other: agent } });
	const quiet = patientOf(home.path);
	expect(await foundOf("agent main", quiet)).toEqual([
		"ok: openai/fake-1; not asked, which --online does",
	]);
	expect(llm.requests).toEqual([]);
	const patient = patientOf(home.path, { asks: ALL });
	const [found = ""] = await foundOf("agent other", patient);
	expect(found).toMatch(
		/^ok: openai\/fake-1 answers; that cost \d+ \+ \d+ tokens$/,
	);
	expect(llm.requests.map(({ body }) => body.max_tokens ?? body)).toEqual([
		16, 16,
	]);
	expect(llm.breaches).toEqual([]);
	llm.stop();
});

test("a key that is refused is a problem with the provider's words, and no secret in them", async () => {
	const key = "sk-abcdefghijklmnopqrstuvwxyz";
	const llm = await startFakeLlm({
		api: "openai",
		script: () => ({
			status: 401,
			body: { error: { message: `Incorrect API key provided: ${key}` } },
		}),
	});
	using home = temporaryHome({
		agents: {
			main: {
				provider: "openai",
				model: "fake-1",
				base_url: llm.url,
				api_key: key,
			},
		},
	});
	const found = await examineAll(patientOf(home.path, { asks: ALL }));
	const [agent] = found.filter(({ name }) => name === "agent main");
	expect(agent).toMatchObject({ state: "problem" });
	expect(agent?.text).toContain("401");
	expect(JSON.stringify(found)).not.toContain(key);
	llm.stop();
});

test("a model that the provider does not list is a problem, with those that it lists", async () => {
	const llm = await startFakeLlm({
		api: "openai",
		models: { ids: ["big", "small"] },
		script: () => ({ status: 404, body: { error: { message: "no model" } } }),
	});
	const agent = { provider: "openai", base_url: llm.url };
	using home = temporaryHome({
		agents: {
			main: { ...agent, model: "middle" },
			other: { ...agent, model: "big" },
		},
	});
	const found = await examineAll(patientOf(home.path, { asks: ALL }));
	const hintOf = (id: string) =>
		found.find(({ name }) => name === `agent ${id}`)?.hint ?? "";
	expect(hintOf("main")).toBe(
		"The key is good, but the provider lists no middle; it has big, small …",
	);
	expect(hintOf("other")).not.toContain("lists no");
	llm.stop();
});

test("Telegram is asked who the bot is, unless nobody may be asked", async () => {
	const fake = await startFakeTelegram();
	const config = telegramAt(fake.url, fake.token, { allowed_users: [7] });
	using home = temporaryHome(config);
	expect(await foundOf("telegram", patientOf(home.path))).toEqual([
		"ok: switched on; the platform was not asked",
	]);
	expect(fake.calls).toEqual([]);
	const asks = { platforms: true, models: false };
	const patient = patientOf(home.path, { asks });
	const found = await foundOf("telegram", patient);
	expect(found.map((text) => text.split(": ")[1])).toEqual([
		"getMe",
		"getWebhookInfo",
	]);
	expect(found[0]).toStartWith("ok: ");
	const methods = fake.calls.map(({ method }) => method);
	expect(methods).toContain("getMe");
	expect(methods).not.toContain("getUpdates");
	await fake.stop();
});

test("a token that Telegram does not know is a problem, and is not shown", async () => {
	const fake = await startFakeTelegram();
	const wrong = "123456789:AAAnotherTokenThatNobodyKnows_45678901";
	using home = temporaryHome(telegramAt(fake.url, wrong));
	const found = await examineAll(patientOf(home.path, { asks: ALL }));
	const [telegram] = found.filter(({ name }) => name === "telegram");
	expect(telegram?.state).toBe("problem");
	expect(JSON.stringify(found)).not.toContain(wrong);
	await fake.stop();
});

test("a dialog that nobody may talk to is told with the way in", async () => {
	using home = temporaryHome(
		telegramAt(
			"http://127.0.0.1:1",
			"123456789:AAFake_Token_for_tests_0123456789012",
		),
	);
	const patient = patientOf(home.path);
	expect(await foundOf("telegram", patient)).toContain(
		"warning: nobody may talk to it yet",
	);
	using group = temporaryHome(
		telegramAt("http://127.0.0.1:1", "1:a", { allowed_groups: [-100] }),
	);
	expect(await foundOf("telegram", patientOf(group.path))).toEqual([
		"ok: switched on; the platform was not asked",
	]);
	const people = [{ id: 7, name: "Ann", pairedAt: 1 }];
	writeFileSync(
		join(home.path, ".aeon", "telegram-allowed.json"),
		JSON.stringify(people),
		{ mode: 0o600 },
	);
	expect(await foundOf("telegram", patient)).toEqual([
		"ok: switched on; the platform was not asked",
	]);
});

test("what can be known at once is told while a platform is silent", async () => {
	const { promise: told, resolve } = Promise.withResolvers<void>();
	const slow = Bun.serve({
		port: 0,
		fetch: async () => {
			await told;
			return Response.json({ ok: false, error_code: 401 }, { status: 401 });
		},
	});
	const token = "123456789:AAFake_Token_for_tests_0123456789012";
	using home = temporaryHome(
		telegramAt(`http://127.0.0.1:${slow.port}`, token, { allowed_users: [7] }),
	);
	const asks = { platforms: true, models: false };
	const found: string[] = [];
	for await (const { name, text } of examine(patientOf(home.path, { asks }))) {
		if (name === "agent main") resolve();
		if (name === "telegram") found.push(text);
	}
	// Told only after its ten seconds, it would not have been heard.
	expect(found).toEqual([
		expect.stringContaining("getMe: the bot token is wrong"),
	]);
	await slow.stop(true);
});
