// What this dialog remembers through restarts, in one small file of the state directory.

import * as z from "zod/mini";
import {
	type DialogMemory,
	type MemoryParts,
	modelsSchema,
	openMemoryFile,
	putLast,
	rememberPeople,
	strangersSchema,
} from "../memory.ts";
import { type Address, parseAddress } from "./address.ts";

/** What is remembered. */
export interface Memory extends DialogMemory<number> {
	/** Where to send to what a session's key names: a group that has become a supergroup has another id than its key. */
	chatFor(to: string): Address;
	/** The id that a chat's keys have: the one from before it became a supergroup. */
	originOf(chatId: number): number;
	/** A group has become a supergroup. */
	migrate(from: number, to: number): Promise<void>;
	/** What Telegram proves itself with: 32 random bytes, made at the first time. */
	webhookSecret(): Promise<string>;
	/** The bot's own name, without `@`, as it was the last time that Telegram told it. */
	username(): string | undefined;
	rememberUsername(username: string): Promise<void>;
}

const SECRET_BYTES = 32;

const fileSchema = z.object({
	strangers: strangersSchema(z.number()),
	/** Old ids of groups, and their new ones. */
	migrations: z._default(z.array(z.tuple([z.number(), z.number()])), []),
	models: modelsSchema,
	webhook_secret: z.optional(z.string()),
	username: z.optional(z.string()),
});

/** The memory in `telegram.json` of the state directory. A broken file counts as empty. */
export function openMemory(parts: MemoryParts): Memory {
	const file = openMemoryFile("telegram", fileSchema, parts);
	const strangers = new Map(file.kept.strangers);
	const migrations = new Map(file.kept.migrations);
	const models = new Map(file.kept.models);
	let { webhook_secret, username } = file.kept;
	const save = () =>
		file.save(() => ({
			strangers: [...strangers],
			migrations: [...migrations],
			models: [...models],
			webhook_secret,
			username,
		}));

	const originOf = (chatId: number) => {
		const older = [...migrations].find(([, to]) => to === chatId)?.[0];
		return older ?? chatId;
	};

	return {
		...rememberPeople(strangers, models, parts.now, save),
		chatFor(to) {
			const address = parseAddress(to);
			const { chatId } = address;
			return { ...address, chatId: migrations.get(chatId) ?? chatId };
		},
		originOf,
		async migrate(from, to) {
			const origin = originOf(from);
			if (origin === to || migrations.get(origin) === to) return;
			putLast(migrations, origin, to);
			await save();
		},
		async webhookSecret() {
			if (webhook_secret === undefined) {
				const bytes = crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
				webhook_secret = Buffer.from(bytes).toString("base64url");
				await save();
			}
			parts.logger.hide([webhook_secret]);
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
