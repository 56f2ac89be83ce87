// What set-up is told: by flags, and by a person.

import type { Choice } from "./choices.ts";

/** What the flags say; what is left out is asked for, or has a default. */
export interface Given {
	choice?: Choice;
	model?: string;
	baseUrl?: string;
	key?: string;
	token?: string;
	users?: number[];
	/** Telegram is not wanted. */
	noTelegram: boolean;
	/** Nothing is tried against a far side. */
	isOffline: boolean;
	/** Nothing is asked, and what is there is replaced. */
	isYes: boolean;
}

/** Everything that the configuration is made of. */
export interface Answers {
	choice: Choice;
	/** None for the demo. */
	model?: string;
	/** None where it is the provider's own. */
	baseUrl?: string;
	key?: string;
	/** `keep` leaves that section as it is. */
	telegram: "keep" | "off" | TelegramAnswers;
}

/** A bot, and who may talk to it. */
export interface TelegramAnswers {
	token: string;
	/** Left out, those stay who are there. */
	users?: number[];
	/** `@name`, where Telegram told it. */
	name?: string;
}

/** Whom set-up tells what it finds. Texts may come from outside. */
export interface Listener {
	say(text: string): void;
	warn(text: string): void;
}

/** Something to choose. */
export interface Option {
	value: string;
	label: string;
	hint?: string;
}

/** A person who can be asked. Every question throws `cancelled` where the person leaves instead. */
export interface Person extends Listener {
	choose(question: string, options: Option[], first?: string): Promise<string>;
	/** `check` gives what is wrong with an answer. */
	type(
		question: string,
		about: { initial?: string; hint?: string; check?: Check },
	): Promise<string>;
	/** What is typed is not shown. */
	typeHidden(question: string, check: Check): Promise<string>;
	/** `isLikely` is the answer that stands there at first; true where nothing is said. */
	agree(question: string, isLikely?: boolean): Promise<boolean>;
	show(title: string, text: string): void;
}

/** What is wrong with an answer; undefined where it is good. */
export type Check = (text: string) => string | undefined;

/** A key is sent in a header: nothing but visible ASCII can stand there. */
export function wrongKey(text: string): string | undefined {
	if (text === "") return "a key is needed";
	return /^[\x21-\x7e]+$/.test(text)
		? undefined
		: "a key has no blanks in it, and no letters beside A to Z";
}

/** The form of every bot token: the bot's id, and a secret (https://core.telegram.org/bots/api#authorizing-your-bot). */
export function wrongToken(text: string): string | undefined {
	return /^\d+:[\w-]+$/.test(text)
		? undefined
		: "a bot token looks like 123456789:AAE…, as @BotFather shows it";
}

/** An address that can be asked. */
export function wrongUrl(text: string): string | undefined {
	return /^https?:$/.test(URL.parse(text)?.protocol ?? "")
		? undefined
		: "is no address: write https://… or http://…";
}

/** Ids of users, as `1, 2` or `1 2`; undefined where one of them is none. */
export function readUsers(text: string): number[] | undefined {
	const words = text.split(/[\s,]+/).filter((word) => word !== "");
	const isId = (word: string) =>
		/^[1-9]\d*$/.test(word) && Number.isSafeInteger(Number(word));
	return words.every(isId) ? [...new Set(words.map(Number))] : undefined;
}
