import * as z from "zod/mini";
import type { LlmClient } from "../../src/llm/client.ts";
import { demo } from "../../src/llm/demo.ts";
import { withFallbacks, withRetry } from "../../src/llm/retry.ts";
import { startFakeLlm } from "../support/fake_llm.ts";
import { createAnthropic, createOpenai } from "./asking.ts";
import { describeClient, type Subject } from "./client_contract.ts";

async function start(
	api: "anthropic" | "openai",
	create: (url: string) => LlmClient,
): Promise<Subject> {
	const fake = await startFakeLlm({
		api,
		script: ({ lastText }) => {
			const [, name, json] = /^call (\w+) (.*)$/.exec(lastText) ?? [];
			if (!name || !json) return { text: ["Hello ", "you."] };
			return {
				thinking: "Hm.",
				toolCalls: [{ name, input: JSON.parse(json) }],
			};
		},
	});
	const client = create(fake.url);
	return {
		client: withoutThinking(client),
		requestCount: () => fake.requests.length + fake.breaches.length,
		stop: fake.stop,
	};
}

/** The demo does not think; what the others think is tested where they are. */
function withoutThinking(client: LlmClient): LlmClient {
	return {
		...client,
		async *streamCompletion(request, signal) {
			for await (const event of client.streamCompletion(request, signal)) {
				if (event.type !== "thinking_delta") yield event;
			}
		},
	};
}

describeClient("anthropic", () => start("anthropic", createAnthropic));
describeClient("openai", () => start("openai", createOpenai));
describeClient("the two layers around a driver", () =>
	start("openai", (url) =>
		withFallbacks([withRetry(createOpenai(url)), createOpenai(url)]),
	),
);
describeClient("demo", async () => ({
	client: demo.create(z.parse(demo.options, {}) as never),
	requestCount: () => 0,
	stop: () => {},
}));
