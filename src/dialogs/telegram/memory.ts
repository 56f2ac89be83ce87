// What this dialog remembers through restarts, in one small file of the state directory.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod/mini";
import { describeError } from "../../core/errors.ts";
import { jsonFileWriter } from "../../core/json_file.ts";
import type { Logger } from "../../core/logger.ts";
import { type Address, parseAddress } from "./address.ts";

/** What is remembered. What resolves does so once it is on the disk, or has been logged not to be: nothing here is worth a failure. */
export interface Memory {
	/** True where this stranger may be answered now, which is then remembered: once a day each, and a hundred a day in all. */
	mayTell(id: number): Promise<boolean>;
	/** Where to send to what a session's key names: a group that has become a supergroup has another id than its key. */
	chatFor(to: string): Address;
	/** The id that a chat's keys have: the one from before it became a supergroup. */
	originOf(chatId: number): number;
	/** A group has become a supergroup. */
	migrate(from: number, to: number): Promise<void>;
	/** The model that was chosen with `/model` in this session. */
	modelOf(sessionKey: string): string | undefined;
	chooseModel(sessionKey: string, model: string): Promise<void>;
	/** What Telegram proves itself with: 32 random bytes, made at the first time. */
	webhookSecret(): Promise<string>;
	/** The bot's own name, without `@`, as it was the last time that Telegram told it. */
	username(): string | undefined;
	rememberUsername(username: string): Promise<void>;
}

/** Where it lies, and with what. */
export interface MemoryParts {
	/** The state directory. */
	state: string;
	/** Milliseconds since 1970. */
	now(): number;
	logger: Logger;
}

const DAY_MS = 24 * 60 * 60_000;

/** Strangers that are answered in one day, so that a crowd cannot make Aeon busy, nor this file long. */
const MAX_STRANGERS = 100;

/** Of groups that moved, and of sessions with a model of their own; the oldest are forgotten. */
const MAX_ENTRIES = 1_000;

const SECRET_BYTES = 32;

const fileSchema = z.object({
	/** Ids, and when they were answered. */
	strangers: z._default(z.array(z.tuple([z.number(), z.number()])), []),
	/** Old ids of groups, and their new ones. */
	migrations: z._default(z.array(z.tuple([z.number(), z.number()])), []),
	/** Session keys, and their models. */
	models: z._default(z.array(z.tuple([z.string(), z.string()])), []),
	webhook_secret: z.optional(z.string()),
	username: z.optional(z.string()),
});

/** The memory in `telegram.json` of the state directory. A broken file counts as empty. */
export function openMemory({ state, now, logger }: MemoryParts): Memory {
	const path = join(state, "telegram.json");
	const kept = readKept(path, logger);
	const strangers = new Map(kept.strangers);
	const migrations = new Map(kept.migrations);
	const models = new Map(kept.models);
	let { webhook_secret, username } = kept;
	const write = jsonFileWriter(path);

	const save = () =>
		write(() => ({
			strangers: [...strangers],
			migrations: [...migrations],
			models: [...models],
			webhook_secret,
			username,
		})).catch((error: unknown) => {
			logger.warn("telegram.memory_unwritten", {
				problem: describeError(error),
			});
		});

	const originOf = (chatId: number) => {
		const older = [...migrations].find(([, to]) => to === chatId)?.[0];
		return older ?? chatId;
	};

	return {
		async mayTell(id) {
			const time = now();
			// Also where the clock was set back.
			for (const [one, toldAt] of strangers)
				if (Math.abs(time - toldAt) >= DAY_MS) strangers.delete(one);
			if (strangers.has(id) || strangers.size >= MAX_STRANGERS) return false;
			strangers.set(id, time);
			await save();
			return true;
		},
		chatFor(to) {
			const address = parseAddress(to);
			const { chatId } = address;
			return { ...address, chatId: migrations.get(chatId) ?? chatId };
		},
		originOf,
		async migrate(from, to) {
			const origin = originOf(from);
			if (origin === to || migrations.get(origin) === to) return;
			put(migrations, origin, to);
			await save();
		},
		modelOf: (sessionKey) => models.get(sessionKey),
		async chooseModel(sessionKey, model) {
			if (models.get(sessionKey) === model) return;
			put(models, sessionKey, model);
			await save();
		},
		async webhookSecret() {
			if (webhook_secret === undefined) {
				const bytes = crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
				webhook_secret = Buffer.from(bytes).toString("base64url");
				await save();
			}
			logger.hide([webhook_secret]);
			return webhook_secret;
		},
		username: () => username,
		async rememberUsername(name) {
			if (username === name) return;
			username = name;
			await save();
		},
	};
}

function readKept(path: string, logger: Logger): z.infer<typeof fileSchema> {
	try {
		return z.parse(fileSchema, JSON.parse(readFileSync(path, "utf8")));
	} catch (error) {
		const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
		// A parser's message may quote the file, and a secret is in it.
		if (!isMissing) logger.warn("telegram.memory_unreadable", { file: path });
		return z.parse(fileSchema, {});
	}
}

/** Puts an entry last, and forgets the first where there are too many. */
function put<Key, Value>(map: Map<Key, Value>, key: Key, value: Value): void {
	map.delete(key);
	map.set(key, value);
	const [first] = map.keys();
	if (map.size > MAX_ENTRIES && first !== undefined) map.delete(first);
}
