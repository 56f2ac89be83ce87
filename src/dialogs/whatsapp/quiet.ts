// Numbers that WhatsApp wants to be left alone for a while, and while it wants that of everything.

import type { Clock } from "../../core/clock.ts";
import { AeonError } from "../../core/errors.ts";
import type { GraphClient } from "./client.ts";
import { limitsCalls, postponed, scopeOf } from "./failure.ts";

/** What Graph said, and until when that counts. */
interface Hold {
	error: AeonError;
	until: number;
}

/**
 * A client that asks nothing for as long as Graph said, about one number or at all: what it said is thrown at once, with the
 * time that is left. A limit on messages holds up neither downloads nor the probe.
 */
export function leavingAlone(client: GraphClient, clock: Clock): GraphClient {
	let all: Hold | undefined;
	const numbers = new Map<string, Hold>();

	const check = (hold: Hold | undefined) => {
		const leftMs = (hold?.until ?? 0) - clock.now();
		if (hold && leftMs > 0) throw postponed(hold.error, leftMs);
	};

	const checkAll = (isSending: boolean) => {
		if (isSending || limitsCalls(all?.error)) check(all);
	};

	const note = (error: unknown, number?: string) => {
		if (!(error instanceof AeonError) || !error.retryAfterMs) return;
		const hold = { error, until: clock.now() + error.retryAfterMs };
		const scope = scopeOf(error);
		if (scope === "account" && hold.until > (all?.until ?? 0)) all = hold;
		if (scope === "chat" && number !== undefined) numbers.set(number, hold);
	};

	const asking = async <T>(
		isSending: boolean,
		ask: () => Promise<T>,
		number?: string,
	): Promise<T> => {
		checkAll(isSending);
		if (number !== undefined) {
			check(numbers.get(number));
			numbers.delete(number);
		}
		try {
			return await ask();
		} catch (error) {
			note(error, number);
			throw error;
		}
	};

	return {
		send: (message, options) =>
			asking(
				true,
				() => client.send(message, options),
				String(message.to).replace(/^\+/, ""),
			),
		markRead: (...read) => asking(true, () => client.markRead(...read)),
		upload: (...file) => asking(true, () => client.upload(...file)),
		probe: (...probe) => asking(false, () => client.probe(...probe)),
		async *download(...file) {
			checkAll(false);
			try {
				yield* client.download(...file);
			} catch (error) {
				note(error);
				throw error;
			}
		},
	};
}
