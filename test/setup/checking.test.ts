import { expect, test } from "bun:test";
import { tryKey } from "../../src/setup/checking.ts";
import { type FakeAnswer, startFakeLlm } from "../support/fake_llm.ts";

for (const [answer, trial] of [
	[{ raw: '{"data":[{"id":"tiny"}]}' }, { state: "good", models: ["tiny"] }],
	[
		{ status: 401, body: {} },
		{ state: "refused", isOfKey: true },
	],
	[
		{ status: 302, body: {} },
		{ state: "refused", isOfKey: false },
	],
	[{ raw: "<h1>Hotel</h1>" }, { state: "refused", isOfKey: false }],
	[{ raw: " ".repeat(5_000_000) }, { state: "refused", isOfKey: false }],
	[{ status: 404, body: {} }, { state: "unchecked" }],
	[{ status: 429, body: {} }, { state: "unchecked" }],
	[{ status: 500, body: {} }, { state: "unchecked" }],
] as [FakeAnswer, object][])
	test(`a key is ${Object.values(trial).join(", ")} where ${JSON.stringify(answer).slice(0, 40)} is answered`, async () => {
		const llm = await startFakeLlm({
			api: "openai",
			models: { ids: [], instead: answer },
			script: () => ({}),
		});
		const asked = { baseUrl: `${llm.url}/v1`, key: "sk-1" };
		const { signal } = new AbortController();
		expect(await tryKey("local", asked, signal)).toMatchObject(trial);
		llm.stop();
	});
