// Chats that Telegram wants to be left alone for a while.

import type { RawApi } from "grammy/web";
import type { Clock } from "../../core/clock.ts";
import { AeonError, hasCode } from "../../core/errors.ts";
import type { BotClient, Parameters, Result } from "./client.ts";

/**
 * A client that asks nothing at all about a chat for as long as Telegram said with a 429 (`retry_after`): each call before
 * that, in the chat's name, makes it longer. Throws then what Telegram would say.
 */
export function leavingAlone(client: BotClient, clock: Clock): BotClient {
	const quietUntil = new Map<unknown, number>();

	const check = (chatId: unknown) => {
		const leftMs = (quietUntil.get(chatId) ?? 0) - clock.now();
		if (leftMs > 0)
			throw new AeonError(
				"peer_unavailable",
				"Telegram wants this chat to be left alone for a while",
				{ status: 429, retryAfterMs: leftMs },
			);
		quietUntil.delete(chatId);
	};

	return {
		...client,
		async ask<Method extends keyof RawApi>(
			method: Method,
			parameters: Parameters<Method>,
			options?: { signal?: AbortSignal; timeoutMs?: number },
		): Promise<Result<Method>> {
			const { chat_id: chatId } = parameters as { chat_id?: unknown };
			check(chatId);
			try {
				return await client.ask(method, parameters, options);
			} catch (error) {
				if (hasCode(error, "peer_unavailable") && error.retryAfterMs)
					if (chatId !== undefined)
						quietUntil.set(chatId, clock.now() + error.retryAfterMs);
				throw error;
			}
		},
	};
}
