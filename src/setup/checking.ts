// What the far sides say of a key and of a bot token, at once and without costing anything.

import { describeError, hasCode } from "../core/errors.ts";
import type { PlatformFinding } from "../dialogs/provider.ts";
import { telegram } from "../dialogs/registry.ts";
import type { LlmDriver } from "../llm/client.ts";
import { anthropic, openai } from "../llm/registry.ts";
import type { Choice } from "./choices.ts";

/** What became of a key that was tried. */
export type Trial =
	| { state: "good"; models: string[] }
	/** It was asked and said no: to the key, or to what is asked for at all. */
	| { state: "refused"; text: string; isOfKey: boolean }
	/** It cannot be asked, now or at all. */
	| { state: "unchecked"; text: string };

/** A person waits for it. */
const PATIENCE_MS = 15_000;

/** What servers say that have no list of models. */
const NO_LIST = [404, 405, 501];

/** Asks for the models of a key. Throws what the signal aborts with. */
export async function tryKey(
	choice: Choice,
	{ baseUrl, key }: { baseUrl: string; key?: string | undefined },
	signal: AbortSignal,
): Promise<Trial> {
	const limit = AbortSignal.timeout(PATIENCE_MS);
	const both = AbortSignal.any([signal, limit]);
	const { host } = new URL(baseUrl);
	const driver: LlmDriver = choice === "anthropic" ? anthropic : openai;
	const section = {
		model: "-",
		base_url: baseUrl,
		...(key !== undefined && { api_key: key }),
	};
	try {
		const options = driver.options.parse(section) as never;
		const models = await driver.models?.(options, both);
		return { state: "good", models: models ?? [] };
	} catch (error) {
		signal.throwIfAborted();
		if (limit.aborted)
			return {
				state: "unchecked",
				text: `${host} did not answer within ${PATIENCE_MS / 1000} s`,
			};
		if (hasCode(error, "llm_rejected")) {
			if (NO_LIST.includes(error.status ?? 0))
				return { state: "unchecked", text: `${host} has no list of models` };
			const { message, hint } = error;
			const text = [message, hint].join("\n").trim();
			// Below are redirects, and what is no answer of such an API.
			return { state: "refused", text, isOfKey: (error.status ?? 0) >= 400 };
		}
		return { state: "unchecked", text: describeError(error) };
	}
}

/** Asks Telegram about a token; the findings, the first of them `getMe`. Throws what the signal aborts with. */
export async function tryBot(
	section: Record<string, unknown>,
	token: string,
	signal: AbortSignal,
): Promise<PlatformFinding[]> {
	const limit = AbortSignal.timeout(PATIENCE_MS);
	try {
		const options = telegram.options.parse({ ...section, bot_token: token });
		return await telegram.check(options, AbortSignal.any([signal, limit]));
	} catch {
		signal.throwIfAborted();
		const text = limit.aborted
			? `Telegram did not answer within ${PATIENCE_MS / 1000} s`
			: "dialogs.telegram has mistakes in it, so the token was not tried";
		return [{ name: "getMe", state: "warning", text }];
	}
}
