import type { LlmClient } from "../../src/llm/client.ts";
import {
	type FakeAnswer,
	type FakeLlm,
	startFakeLlm,
} from "../support/fake_llm.ts";

/** A far side that speaks this API, one at a time, and the clients that a driver makes for it. */
export function farSide(
	api: "anthropic" | "openai",
	create: (url: string) => LlmClient,
) {
	let fake: FakeLlm | undefined;
	return {
		/** A client whose far side answers so, until the end of the test. */
		async answering(answer: FakeAnswer | (() => FakeAnswer)) {
			fake?.stop();
			const script = typeof answer === "function" ? answer : () => answer;
			fake = await startFakeLlm({ api, script });
			return create(fake.url);
		},
		/** For `afterEach`. */
		stopFake: () => fake?.stop(),
		/** The host of the far side. */
		host: () => new URL(fake?.url ?? "").host,
	};
}
