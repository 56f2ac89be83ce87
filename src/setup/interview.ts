// From what the flags say to everything that is needed: a person is asked for the rest, or it has a default.

import { AeonError } from "../core/errors.ts";
import type { Answers, Given, Listener, Person } from "./answers.ts";
import { wrongKey, wrongUrl } from "./answers.ts";
import { tryKey } from "./checking.ts";
import {
	CHOICES,
	type Choice,
	type ChoiceMeaning,
	isChoice,
	preferredModel,
} from "./choices.ts";
import type { Earlier } from "./earlier.ts";
import { askTelegram } from "./telegram.ts";

/** What an interview is about. */
export interface Interview {
	given: Given;
	earlier: Earlier;
	/** Undefined where nobody can be asked. */
	person: Person | undefined;
	listener: Listener;
	signal: AbortSignal;
}

/** Stands for a model that is in no list; no model has such a name. */
const TYPED = "\0";

/**
 * Everything that is needed. Throws `usage` with every flag that is missing where nobody can be asked, `llm_rejected` and
 * `peer_rejected` where a far side refused what nobody can correct, and `cancelled` where the person left.
 */
export async function interview(about: Interview): Promise<Answers> {
	if (!about.person) checkComplete(about);
	const choice = await chooseProvider(about);
	const meaning = CHOICES[choice];
	if (choice === "demo") return { choice, telegram: await askTelegram(about) };
	const baseUrl = await askUrl(about, choice);
	const { key, models } = await askKey(about, choice, baseUrl);
	const model = await askModel(about, choice, models);
	const telegram = await askTelegram(about);
	const isUsual = !meaning.asksForUrl && baseUrl === meaning.baseUrl;
	return {
		choice,
		model,
		telegram,
		...(!isUsual && { baseUrl }),
		...(key !== undefined && { key }),
	};
}

/** The choice where nobody is asked: the flag, what was, the key that is there. */
function defaultChoice({ given, earlier }: Interview): Choice | undefined {
	if (given.choice ?? earlier.choice) return given.choice ?? earlier.choice;
	if (earlier.env.ANTHROPIC_API_KEY) return "anthropic";
	return earlier.env.OPENAI_API_KEY ? "openai" : undefined;
}

/** Throws `usage` with every flag that is missing. */
function checkComplete(about: Interview): void {
	const { given, earlier } = about;
	const choice = defaultChoice(about);
	const likely = choice ?? "anthropic";
	const { keySource, variable } = CHOICES[likely];
	const url = usualUrl(about, likely);
	const needsKey = keySource && !knownKey(about, likely, url);
	const needsModel =
		choice === "local" && given.isOffline && !given.model && !earlier.model;
	const missing = [
		!choice && "--provider anthropic|openai|local|demo",
		needsKey &&
			`--api-key-file FILE${choice ? ` (or ${variable} in the environment)` : ""}`,
		needsModel && "--model NAME",
		earlier.isThere &&
			!given.isYes &&
			"--yes (there is an aeon.json already; it is kept beside the new one)",
	].filter(Boolean);
	if (missing.length > 0)
		throw new AeonError(
			"usage",
			`nobody can be asked here, so these flags are needed: ${missing.join(", ")}`,
			{ hint: "--help lists them all." },
		);
}

async function chooseProvider(about: Interview): Promise<Choice> {
	const { given, person } = about;
	const usual = defaultChoice(about);
	if (given.choice || !person) return usual ?? "demo";
	const options = Object.entries(CHOICES).map(([value, { label, hint }]) => ({
		value,
		label,
		hint,
	}));
	const word = await person.choose("Who answers you?", options, usual);
	return isChoice(word) ? word : "demo";
}

/** Where the API is, as far as nobody needs to be asked. */
function usualUrl({ given, earlier }: Interview, choice: Choice): string {
	const before = earlier.choice === choice ? earlier.baseUrl : undefined;
	return given.baseUrl ?? before ?? CHOICES[choice].baseUrl ?? "";
}

async function askUrl(about: Interview, choice: Choice): Promise<string> {
	const { given, person } = about;
	const usual = usualUrl(about, choice);
	if (given.baseUrl || !person || !CHOICES[choice].asksForUrl) return usual;
	return person.type("Where is it? The address up to and with /v1", {
		initial: usual,
		check: wrongUrl,
	});
}

/** The key that is there already, and where; one for another address is none for this. */
function knownKey(
	{ given, earlier }: Interview,
	choice: Choice,
	baseUrl: string,
): { key: string; where: string } | undefined {
	const { variable = "", asksForUrl, baseUrl: usual } = CHOICES[choice];
	if (given.key) return { key: given.key, where: "" };
	const isSame =
		earlier.choice === choice && (earlier.baseUrl ?? usual) === baseUrl;
	if (isSame && earlier.key)
		return { key: earlier.key, where: "the key of before" };
	const found = asksForUrl ? undefined : earlier.env[variable];
	return found ? { key: found, where: `the key in ${variable}` } : undefined;
}

/** A key that was tried, with the models it can use; undefined where they cannot be told. */
async function askKey(
	about: Interview,
	choice: Choice,
	baseUrl: string,
): Promise<{ key?: string; models?: string[] }> {
	const { given, person, listener, signal } = about;
	const meaning = CHOICES[choice];
	const known = knownKey(about, choice, baseUrl);
	let key: string | undefined = known?.key;
	if (
		person &&
		!given.key &&
		!(known && (await person.agree(`Use ${known.where}?`)))
	)
		key = await typeKey(person, meaning);
	for (;;) {
		const held = key === undefined ? {} : { key };
		if (given.isOffline) return held;
		const { host } = new URL(baseUrl);
		if (person) person.say(`Asking ${host} …`);
		const trial = await tryKey(choice, { baseUrl, key }, signal);
		if (trial.state === "good") {
			const { models } = trial;
			const count = models.length === 1 ? "1 model" : `${models.length} models`;
			listener.say(
				key === undefined
					? `${host} answers: it has ${count}.`
					: `${host} takes the key: it can use ${count}.`,
			);
			return { ...held, models };
		}
		if (trial.state === "unchecked") {
			listener.warn(`${trial.text}. So the key and the model are unchecked.`);
			return held;
		}
		if (!person)
			throw new AeonError("llm_rejected", trial.text, {
				hint: "Nothing was written. --offline writes it unchecked.",
			});
		person.warn(trial.text);
		if (!trial.isOfKey) return held;
		const again =
			key === undefined
				? "Give it a key? (No goes on without one)"
				: "Try another key? (No keeps this one)";
		if (!(await person.agree(again))) return held;
		key = await typeKey(person, meaning);
	}
}

async function typeKey(
	person: Person,
	{ keySource }: ChoiceMeaning,
): Promise<string | undefined> {
	const question = keySource
		? `The key, from ${keySource}`
		: "The key (blank where it needs none)";
	const typed = await person.typeHidden(question, (text) =>
		text === "" && !keySource ? undefined : wrongKey(text),
	);
	return typed === "" ? undefined : typed;
}

async function askModel(
	{ given, earlier, person }: Interview,
	choice: Choice,
	models: string[] = [],
): Promise<string> {
	if (given.model) return given.model;
	const before = earlier.choice === choice ? earlier.model : undefined;
	const isListed = models.length === 0 || (before && models.includes(before));
	const first = (isListed && before) || preferredModel(CHOICES[choice], models);
	if (!person) {
		if (first) return first;
		throw new AeonError(
			"usage",
			"--model NAME is needed: no list says which there are",
		);
	}
	if (models.length > 0) {
		const rest = models.filter((id) => id !== first);
		const ids = first ? [first, ...rest] : rest;
		const options = ids.map((id) => ({ value: id, label: id }));
		options.push({ value: TYPED, label: "another one, typed" });
		const word = await person.choose("Which model?", options, first);
		if (word !== TYPED) return word;
	}
	return person.type("The model's name", {
		...(first && { initial: first }),
		check: (text) => (text === "" ? "a name is needed" : undefined),
	});
}
