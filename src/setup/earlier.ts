// What is there already: an aeon.json and secrets of an earlier set-up, or of the person's own hand.

import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { readJsonFile, type Surroundings, substitute } from "../core/config.ts";
import { hasCode } from "../core/errors.ts";
import { asRecord, asText, isRecord } from "../core/json.ts";
import { readSecrets, withSecrets } from "../core/secrets_file.ts";
import { defaultAgent } from "../settings/settings.ts";
import { CHOICES, type Choice, isChoice } from "./choices.ts";
import { asRoot, type Owner } from "./rights.ts";

/** Where set-up writes, and what counts there. */
export interface Destination extends Surroundings {
	/** The configuration. */
	file: string;
	/** The secrets. */
	secretsFile: string;
	/** The state directory. */
	state: string;
	/** Whose rights root works with there. */
	owner?: Owner;
	/** The secrets are root's, and handed on by systemd. */
	hasRootSecrets: boolean;
}

/** What is there. */
export interface Earlier {
	/** As it is written; empty where there is no file, or one that cannot be read. */
	config: Record<string, unknown>;
	isThere: boolean;
	/** It is no JSON object. */
	isBroken: boolean;
	/** The names that the secrets file has. */
	secrets: string[];
	/** The id of the agent that answers where nobody names one. */
	agent: string;
	choice?: Choice;
	model?: string;
	baseUrl?: string;
	key?: string;
	/** The bot token; none where no bot is set up. */
	token?: string;
	/** `dialogs.telegram`, filled in. */
	telegram: Record<string, unknown>;
	/** Telegram is enabled. */
	hasTelegram: boolean;
	/** Variables and secrets together. */
	env: Surroundings["env"];
}

/** Reads what is there. Throws `config_invalid` where the files cannot be opened, or the secrets not understood. */
export async function readEarlier(place: Destination): Promise<Earlier> {
	const { file, secretsFile, home } = place;
	const isThere = existsSync(file);
	const read = isThere ? await readConfig(file) : {};
	const config = read ?? {};
	const secrets = await withRights(place, async () =>
		existsSync(secretsFile) ? readSecrets(secretsFile) : {},
	);
	const set = Object.entries(place.env).filter(([, value]) => value);
	const env = {
		...withSecrets({}, home),
		...secrets,
		...Object.fromEntries(set),
	};
	const fill = (part: unknown) => {
		const directory = dirname(file);
		const { value, templates } = substitute(part, { ...place, env, directory });
		const open = templates.filter(({ isOpen }) => isOpen);
		const closed = { ...asRecord(value) };
		for (const { path } of open) delete closed[path[0] ?? ""];
		return closed;
	};
	const agents = asRecord(config.agents) ?? {};
	const agent = defaultAgent(agents);
	const main = fill(agents[agent]);
	const telegram = fill(asRecord(config.dialogs)?.telegram);
	const baseUrl = asText(main.base_url);
	const choice = choiceOf(asText(main.provider), baseUrl);
	return {
		config,
		isThere,
		isBroken: read === undefined,
		secrets: Object.keys(secrets),
		agent,
		...(choice && { choice }),
		...textOf("model", main.model),
		...textOf("baseUrl", main.base_url),
		...textOf("key", main.api_key),
		...textOf("token", telegram.bot_token),
		telegram,
		hasTelegram: telegram.enabled === true,
		env,
	};
}

/** Works on the secrets with the rights that they need. */
export function withRights<T>(
	{ hasRootSecrets, owner }: Destination,
	work: () => Promise<T>,
): Promise<T> {
	return hasRootSecrets && owner ? asRoot(owner, work) : work();
}

/** The object in a file; undefined where it is none. */
async function readConfig(
	file: string,
): Promise<Record<string, unknown> | undefined> {
	try {
		const value = await readJsonFile(file);
		return isRecord(value) ? value : undefined;
	} catch (error) {
		if (hasCode(error, "config_invalid") && error.cause instanceof SyntaxError)
			return undefined;
		throw error;
	}
}

function choiceOf(provider: string, baseUrl: string): Choice | undefined {
	if (provider === "openai" && baseUrl && baseUrl !== CHOICES.openai.baseUrl)
		return "local";
	return isChoice(provider) ? provider : undefined;
}

function textOf<Name extends string>(
	name: Name,
	value: unknown,
): { [Key in Name]?: string } {
	const text = asText(value);
	const result: { [Key in Name]?: string } = {};
	if (text !== "") result[name] = text;
	return result;
}
