// The models of the agents: what is set up, and with --online whether they answer.

import { AeonError, describeError } from "../core/errors.ts";
import type { Usage } from "../core/message.ts";
import type { LlmClient, LlmDriver } from "../llm/client.ts";
import * as providers from "../llm/registry.ts";
import type { AgentSettings } from "../settings/schema.ts";
import { type Check, type Found, ok, problem, warning } from "./check.ts";

const LIMIT_MS = 20_000;

/** The least that every provider takes. */
const ANSWER_TOKENS = 16;

/** Every agent; asked one tiny question where models may be asked. */
export const agents: Check = {
	name: "agents",
	readsState: true,
	isRemote: true,
	limitMs: LIMIT_MS + 2_000,
	async look(patient) {
		const { settings } = await patient.configured();
		const hidden = patient.secretsOutOfReach();
		const all = Object.entries(settings.agents);
		const isAsked = patient.parts.asks.models;
		if (isAsked && !hidden)
			return Promise.all(
				all.map(async ([id, section]) => ({
					...(await tryAgent(section, settings.unusable.get(id))),
					name: `agent ${id}`,
				})),
			);
		return all.map(([id, section]) => {
			const why = settings.unusable.get(id);
			const label = `${section.provider}/${section.model}`;
			const name = `agent ${id}`;
			if (why && hidden)
				return { ...warning(`${label}: its key is in ${hidden}`), name };
			if (why) return { ...problem(why), name };
			if (section.provider === "demo")
				return { ...ok("the built-in demo, which is no model"), name };
			return { ...ok(`${label}; not asked, which --online does`), name };
		});
	},
};

async function tryAgent(
	section: AgentSettings,
	unusable: string | undefined,
): Promise<Found> {
	if (unusable) return problem(unusable);
	const drivers: Record<string, LlmDriver> = providers;
	const driver = drivers[section.provider] as LlmDriver;
	const signal = AbortSignal.timeout(LIMIT_MS);
	// The section was checked against the options of this very driver.
	const options = section as never;
	const short = {
		...section,
		max_tokens: ANSWER_TOKENS,
		thinking: undefined,
	} as never;
	const [listed, asked] = await Promise.allSettled([
		driver.models?.(options, signal),
		ask(driver.create(short), signal),
	]);
	const models = listed.status === "fulfilled" ? listed.value : undefined;
	const label = `${section.provider}/${section.model}`;
	if (asked.status === "fulfilled") {
		const { inputTokens = 0, outputTokens = 0 } = asked.value ?? {};
		return ok(
			`${label} answers; that cost ${inputTokens} + ${outputTokens} tokens`,
		);
	}
	const error: unknown = asked.reason;
	const why = signal.aborted
		? `nothing came within ${LIMIT_MS / 1000} s`
		: describeError(error);
	const hint = error instanceof AeonError ? error.hint : undefined;
	if (models && models.length > 0 && !models.includes(section.model))
		return problem(
			`${label}: ${why}`,
			`The key is good, but the provider lists no ${section.model}; it has ${models.slice(0, 4).join(", ")} …`,
		);
	return error instanceof AeonError && error.retryAfterMs !== undefined
		? warning(`${label}: ${why}`, hint)
		: problem(`${label}: ${why}`, hint);
}

/** Asks for two letters; gives what that cost. */
async function ask(
	client: LlmClient,
	signal: AbortSignal,
): Promise<Usage | undefined> {
	let usage: Usage | undefined;
	const request = {
		system: "Answer with the one word ok.",
		messages: [{ role: "user" as const, content: "Say ok" }],
		tools: [],
	};
	for await (const event of client.streamCompletion(request, signal))
		if (event.type === "usage") usage = event.usage;
	return usage;
}
