// Sees what a way in does: what it takes, how it says it is, what it writes into the log.

import type { Update } from "grammy/types";
import type { DialogState } from "../../../src/core/delivery.ts";
import type { Logger } from "../../../src/core/logger.ts";
import { Secret } from "../../../src/core/secret.ts";
import {
	type BotClient,
	openClient,
} from "../../../src/dialogs/telegram/client.ts";
import { type FakeClock, fakeClock } from "../../support/fake_clock.ts";
import {
	type FakeTelegram,
	startFakeTelegram,
} from "../../support/fake_telegram.ts";

/** A fake Telegram, a client of it, and everything that is told. */
export interface Witness {
	telegram: FakeTelegram;
	client: BotClient;
	clock: FakeClock;
	logger: Logger;
	/** Texts of the messages that were taken, in order. */
	texts: string[];
	states: DialogState[];
	/** Every line, as it would be without anything that hides secrets. */
	lines: string[];
	/** May be replaced: keeps an update. */
	keep(update: Update): Promise<void>;
	take(update: Update): Promise<void>;
	report(state: DialogState): void;
	/** The last state and its problem, in one line. */
	state(): string;
}

/** Everything that polling or a webhook is made with. */
export async function witness(): Promise<Witness> {
	let asked = 0;
	// A call is under way where it was made and neither waits at the other end nor came back.
	const clock = fakeClock(undefined, () => asked <= telegram.open());
	const telegram = await startFakeTelegram({ clock });
	const lines: string[] = [];
	const at =
		(level: string): Logger["info"] =>
		(event, fields = {}) =>
			void lines.push(`${level} ${event} ${Bun.inspect(fields)}`);
	const seen: Witness = {
		telegram,
		client: openClient({
			token: new Secret(telegram.token),
			apiRoot: telegram.url,
			fetch(url, init) {
				asked++;
				return fetch(url, init).finally(() => {
					asked--;
				});
			},
		}),
		clock,
		logger: {
			debug: at("debug"),
			info: at("info"),
			warn: at("warn"),
			error: at("error"),
			hide: () => {},
			close: () => {},
		},
		texts: [],
		states: [],
		lines,
		keep: async () => {},
		async take(update) {
			await seen.keep(update);
			seen.texts.push(update.message?.text ?? "?");
		},
		report: (state) => void seen.states.push(state),
		state() {
			const { state, problem } = seen.states.at(-1) ?? { state: "untold" };
			return problem === undefined ? state : `${state}: ${problem}`;
		},
	};
	return seen;
}
