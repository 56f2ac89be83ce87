// What answers can be chosen at set-up: the words of `--provider`, and what each of them means in aeon.json.

/** A word of `--provider`. */
export type Choice = "anthropic" | "openai" | "local" | "demo";

/** What a choice means. */
export interface ChoiceMeaning {
	label: string;
	hint: string;
	/** The word `provider` in aeon.json. */
	provider: "anthropic" | "openai" | "demo";
	/** The variable that its key goes by; none where it takes no key. */
	variable?: string;
	/** Where the key comes from; without it a key may be left out. */
	keySource?: string;
	/** Where the API is, unless something else is said. */
	baseUrl?: string;
	/** The address is asked for, and always written. */
	asksForUrl?: boolean;
	/** The model where nothing better is known. */
	model?: string;
	/** What the newest of a list has in its name where `model` is not listed. */
	family?: string;
}

/** The choices, in the order in which they are offered. */
export const CHOICES: Record<Choice, ChoiceMeaning> = {
	anthropic: {
		label: "Anthropic",
		hint: "Claude",
		provider: "anthropic",
		variable: "ANTHROPIC_API_KEY",
		keySource: "console.anthropic.com",
		baseUrl: "https://api.anthropic.com",
		model: "claude-sonnet-5",
		family: "sonnet",
	},
	openai: {
		label: "OpenAI",
		hint: "GPT",
		provider: "openai",
		variable: "OPENAI_API_KEY",
		keySource: "platform.openai.com",
		baseUrl: "https://api.openai.com/v1",
		model: "gpt-4.1",
		family: "gpt-",
	},
	local: {
		label: "Another service, or a model of your own",
		hint: "whatever speaks OpenAI's API: Ollama, llama.cpp, OpenRouter",
		provider: "openai",
		// Not OpenAI's: a key of that name in the environment must not go to somebody else.
		variable: "LLM_API_KEY",
		baseUrl: "http://127.0.0.1:11434/v1",
		asksForUrl: true,
	},
	demo: {
		label: "The demo",
		hint: "no model, no key: to try Aeon",
		provider: "demo",
	},
};

/** True of a word of `--provider`. */
export function isChoice(word: string): word is Choice {
	return Object.hasOwn(CHOICES, word);
}

/** Of the models that a key can use, the one to begin with; undefined where nothing is known. */
export function preferredModel(
	{ model, family }: ChoiceMeaning,
	models: readonly string[],
): string | undefined {
	if (models.length === 0 || (model && models.includes(model))) return model;
	return models.find((id) => family && id.includes(family)) ?? models[0];
}
