import { expect, test } from "bun:test";
import { AeonError } from "../../src/core/errors.ts";
import { anthropic } from "../../src/llm/anthropic.ts";
import type { LlmDriver } from "../../src/llm/client.ts";
import { openai } from "../../src/llm/openai.ts";
import { type FakeAnswer, startFakeLlm } from "../support/fake_llm.ts";
import type { FakeModels } from "../support/fake_models.ts";

const KEY = "sk-the-right-key-000000";
const drivers: Record<"anthropic" | "openai", LlmDriver> = {
	anthropic,
	openai,
};
const APIS = ["anthropic", "openai"] as const;

/** What a driver says of a list, or how it fails. */
async function ask(
	api: "anthropic" | "openai",
	baseUrl: string,
	{ key = KEY, signal = new AbortController().signal } = {},
) {
	const driver = drivers[api];
	const section = { model: "-", api_key: key, base_url: baseUrl };
	try {
		return await driver.models?.(
			driver.options.parse(section) as never,
			signal,
		);
	} catch (error) {
		if (!(error instanceof AeonError)) throw error;
		const { code, message, status, hint } = error;
		return { code, message, status, hint };
	}
}

async function fake(api: "anthropic" | "openai", models?: FakeModels) {
	const llm = await startFakeLlm({
		api,
		script: () => ({}),
		...(models && { models }),
	});
	return { ...llm, host: new URL(llm.url).host, [Symbol.dispose]: llm.stop };
}

test.each(APIS)("%s tells which models a key can use", async (api) => {
	using llm = await fake(api, { ids: ["b", "a"], key: KEY });
	for (const path of ["", "/v1", "/v1/"])
		expect(await ask(api, `${llm.url}${path}`)).toEqual(["b", "a"]);
});

test("a list in several pages is followed, but not for ever", async () => {
	const seen: string[] = [];
	const ids = Array.from({ length: 9 }, (_, n) => `m${n}`);
	using llm = await fake("anthropic", { ids, pageSize: 2, seen });
	expect(await ask("anthropic", llm.url)).toEqual(ids);
	expect(seen.slice(0, 2)).toEqual([
		"GET /v1/models?limit=1000 HTTP/1.1",
		"GET /v1/models?limit=1000&after_id=m1 HTTP/1.1",
	]);
	const raw = JSON.stringify({
		data: [{ id: "m" }],
		has_more: true,
		last_id: "m",
	});
	const again: string[] = [];
	using endless = await fake("anthropic", {
		ids: [],
		seen: again,
		instead: { raw },
	});
	expect(await ask("anthropic", endless.url)).toEqual(["m"]);
	expect(again).toHaveLength(5);
});

test.each(APIS)(
	"%s: a key that is refused is told in the provider's own words, without the key",
	async (api) => {
		using llm = await fake(api, { ids: ["a"], key: KEY });
		const key = "a-wrong-key-that-nobody-may-see";
		const said = {
			anthropic: "invalid x-api-key",
			openai: "Incorrect API key provided: ***.",
		};
		expect(await ask(api, llm.url, { key })).toEqual({
			code: "llm_rejected",
			message: `${llm.host} said 401: ${said[api]}`,
			status: 401,
			hint: "Check api_key.",
		});
	},
);

test.each<[string, FakeAnswer, object]>([
	[
		"a server with troubles may answer later",
		{ status: 503, body: "no" },
		{ code: "llm_unavailable", status: 503 },
	],
	[
		"a connection that breaks may hold later",
		{ instead: "reset" },
		{ code: "llm_unavailable" },
	],
	[
		"a web page is no list",
		{ raw: "<html>Log in" },
		{ code: "llm_rejected", hint: "Check base_url." },
	],
	[
		"a redirect is not followed, since the key would go along",
		{ status: 302, headers: { location: "http://127.0.0.1:1/" } },
		{ code: "llm_rejected", status: 302 },
	],
	[
		"an answer without end is not read to its end",
		{ raw: "x".repeat(5_000_000) },
		{
			code: "llm_rejected",
			message: expect.stringContaining("more than a list of models can be"),
		},
	],
])("%s", async (_, instead, failure) => {
	for (const api of APIS) {
		using llm = await fake(api, { ids: [], instead });
		expect(await ask(api, llm.url)).toMatchObject(failure);
	}
});

test("a server without such a list says so by its status", async () => {
	for (const api of APIS) {
		using llm = await fake(api);
		expect(await ask(api, llm.url)).toMatchObject({
			code: "llm_rejected",
			status: 404,
		});
	}
});

test("a local server that has no model yet has an empty list", async () => {
	using llm = await fake("openai", {
		ids: [],
		instead: { raw: '{"object":"list","data":null}' },
	});
	expect(await ask("openai", llm.url)).toEqual([]);
});

test("a name that is not seen whole is left out of a list", async () => {
	using llm = await fake("openai", {
		ids: ["\u001b[31mred", "tiny", "tiny\u200b"],
	});
	expect(await ask("openai", llm.url)).toEqual(["tiny"]);
});

test("where nobody listens, that is said and may change", async () => {
	const llm = await fake("openai");
	llm.stop();
	expect(await ask("openai", llm.url)).toMatchObject({
		code: "llm_unavailable",
		message: `${llm.host} cannot be reached (ECONNREFUSED)`,
		hint: "Is the local model server running?",
	});
});

test("an abort ends the question with its own reason", async () => {
	for (const api of APIS) {
		using llm = await fake(api, { ids: [], instead: { instead: "hang" } });
		const ending = new AbortController();
		const reason = new Error("enough");
		const asked = ask(api, llm.url, { signal: ending.signal });
		ending.abort(reason);
		expect(await asked.catch((error: unknown) => error)).toBe(reason);
	}
});
