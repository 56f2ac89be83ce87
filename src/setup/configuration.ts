// From answers to what is written: an aeon.json without a secret in it, and the secrets.

import { isRecord } from "../core/json.ts";
import { Secret } from "../core/secret.ts";
import type { LlmDriver } from "../llm/client.ts";
import * as registry from "../llm/registry.ts";
import type { Answers, TelegramAnswers } from "./answers.ts";
import { CHOICES } from "./choices.ts";
import type { Earlier } from "./earlier.ts";

/** What is to be written. */
export interface Composition {
	config: Record<string, unknown>;
	/** By the names of their variables. */
	secrets: Record<string, string>;
	/** Keys of the agent that belonged to another provider, and are left out. */
	dropped: string[];
}

const drivers: Record<string, LlmDriver> = registry;

const TOKEN_VARIABLE = "TELEGRAM_BOT_TOKEN";

/** The answers put into what is there: every key that they do not speak of stays. */
export function compose(earlier: Earlier, answers: Answers): Composition {
	const { config, agent } = earlier;
	const agents = isRecord(config.agents) ? config.agents : {};
	const dialogs = isRecord(config.dialogs) ? config.dialogs : {};
	const old = isRecord(agents[agent]) ? agents[agent] : {};
	const { section, dropped } = composeAgent(old, answers);
	const { telegram, key } = answers;
	const { variable } = CHOICES[answers.choice];
	const bot = composeTelegram(dialogs.telegram, telegram);
	return {
		config: {
			...config,
			agents: { ...agents, [agent]: section },
			...((config.dialogs !== undefined || bot) && {
				dialogs: { ...dialogs, ...(bot && { telegram: bot }) },
			}),
		},
		secrets: {
			...(variable && key !== undefined && { [variable]: key }),
			...(typeof telegram === "object" && { [TOKEN_VARIABLE]: telegram.token }),
		},
		dropped,
	};
}

function composeAgent(
	old: Record<string, unknown>,
	{ choice, model, baseUrl, key }: Answers,
): { section: object; dropped: string[] } {
	const { provider, variable } = CHOICES[choice];
	const { provider: _, model: _m, api_key: _k, base_url: _u, ...rest } = old;
	const before = String(old.provider);
	const foreign =
		before !== provider && Object.hasOwn(drivers, before)
			? Object.keys(drivers[before]?.options.shape ?? {})
			: [];
	const dropped = Object.keys(rest).filter((name) => foreign.includes(name));
	const kept = Object.entries(rest).filter(([name]) => !dropped.includes(name));
	const section = {
		provider,
		...(model !== undefined && { model }),
		...(variable && key !== undefined && { api_key: `\${${variable}}` }),
		...(baseUrl !== undefined && { base_url: baseUrl }),
		...Object.fromEntries(kept),
	};
	return { section, dropped };
}

/** The section of Telegram; undefined where it stays as it is. */
function composeTelegram(
	old: unknown,
	telegram: "keep" | "off" | TelegramAnswers,
): object | undefined {
	const section = isRecord(old) ? old : undefined;
	if (telegram === "keep") return undefined;
	if (telegram === "off") return section && { ...section, enabled: false };
	return {
		...section,
		enabled: true,
		bot_token: `\${${TOKEN_VARIABLE}}`,
		allowed_users: telegram.users ?? section?.allowed_users ?? [],
	};
}

/**
 * Takes the secrets that stand in a configuration themselves out of it, wherever its checked settings say that one
 * stands: in their place comes a variable, named by where it was; by none that has another value, as `known` has them.
 */
export function takeOutSecrets(
	config: Record<string, unknown>,
	settings: unknown,
	known: Record<string, string | undefined>,
): Pick<Composition, "config" | "secrets"> {
	const secrets: Record<string, string> = {};
	const walk = (
		written: unknown,
		checked: unknown,
		path: string[],
	): unknown => {
		if (checked instanceof Secret && typeof written === "string") {
			if (written.includes("${") || written.trim() === "") return written;
			const value = checked.reveal();
			const isTaken = (name: string) =>
				(secrets[name] ?? (known[name] || value)) !== value;
			let name = path.join("_").replace(/\W/g, "_").toUpperCase();
			while (isTaken(name)) name += "_";
			secrets[name] = value;
			return `\${${name}}`;
		}
		if (!isRecord(written) || !isRecord(checked)) return written;
		return Object.fromEntries(
			Object.entries(written).map(([key, value]) => [
				key,
				walk(value, checked[key], [...path, key]),
			]),
		);
	};
	const clean = walk(config, settings, []);
	return { config: isRecord(clean) ? clean : config, secrets };
}
