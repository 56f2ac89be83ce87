import { type FakeAnswer, startFakeLlm } from "../support/fake_llm.ts";
import { temporaryHome } from "../support/home.ts";

/** A home whose main agent asks a fake model that gives these answers in order. */
export async function homeWithModel(
	answers: FakeAnswer[],
	sections: object = {},
) {
	const llm = await startFakeLlm({
		api: "openai",
		script: (_request, n) => answers[n] ?? { text: "nothing more" },
	});
	const home = temporaryHome({
		agents: {
			main: { provider: "openai", model: "fake-1", base_url: llm.url },
		},
		...sections,
	});
	return {
		home: home.path,
		llm,
		[Symbol.dispose]() {
			llm.stop();
			home[Symbol.dispose]();
		},
	};
}
