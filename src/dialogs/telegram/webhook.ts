// The other way in: Telegram posts its updates to Aeon's own port, and proves itself with a secret.

import type { Update } from "grammy/types";
import { AeonError } from "../../core/errors.ts";
import type { Secret } from "../../core/secret.ts";
import { answer, createBodies, createKeeper, isSame } from "../posted.ts";
import { ALLOWED_UPDATES, notKept, type PollerOptions } from "./poller.ts";
import { openRecovery } from "./recovery.ts";

const PATH = "/webhooks/telegram";
const SECRET_HEADER = "x-telegram-bot-api-secret-token";
const MAX_BODY_BYTES = 1024 * 1024;

/** What a webhook needs. */
export interface WebhookOptions extends PollerOptions {
	/** The public address; without a path, `/webhooks/telegram` of it. */
	url: string;
	/** 1 to 256 characters A-Z a-z 0-9 _ - (https://core.telegram.org/bots/api#setwebhook). */
	secret: Secret;
}

/** A webhook: what arrives is answered as soon as it is kept. */
export interface Webhook {
	/** Tells Telegram the address, again and again until it knows it. The server has to listen already. */
	start(): void;
	/** Ends it within three seconds; what is posted afterwards is refused with 503, so that it comes again. */
	stop(): Promise<void>;
	/** Answers what was posted to the address. */
	handle(request: Request): Promise<Response>;
}

/** The address that Telegram is told. */
export function webhookAddress(url: string): string {
	const address = new URL(url);
	if (address.pathname === "/") address.pathname = PATH;
	return address.href;
}

/** A webhook that is not known to Telegram yet. */
export function createWebhook(options: WebhookOptions): Webhook {
	const { client, clock, logger, secret, take } = options;
	const recovery = openRecovery(options);
	const bodies = createBodies(MAX_BODY_BYTES, clock);
	const keeper = createKeeper({
		clock,
		failed: (error) =>
			logger.warn("telegram.not_kept", { error: notKept(error) }),
	});
	let running: AbortController | undefined;

	const run = async (signal: AbortSignal) => {
		while (!signal.aborted) {
			try {
				await client.ask(
					"setWebhook",
					{
						url: webhookAddress(options.url),
						secret_token: secret.reveal(),
						allowed_updates: ALLOWED_UPDATES,
						drop_pending_updates: false,
					},
					{ signal },
				);
				if (!signal.aborted) recovery.succeed();
				return;
			} catch (error) {
				if (signal.aborted) return;
				await recovery.failed(error, signal).catch(() => {});
			}
		}
	};

	return {
		start() {
			if (running) return;
			running = new AbortController();
			recovery.start();
			void run(running.signal);
		},

		async stop() {
			if (!running) return;
			running.abort(new AeonError("cancelled", "the webhook was stopped"));
			running = undefined;
			await keeper.settle();
			if (!running) recovery.end();
		},

		async handle(request) {
			if (request.method !== "POST") return answer(405, { allow: "POST" });
			const given = request.headers.get(SECRET_HEADER) ?? "";
			if (!isSame(given, secret.reveal())) return answer(401);
			return bodies.receive(request, async (body) => {
				const update = readUpdate(new TextDecoder().decode(body));
				if (!update) return answer(400);
				return running ? keeper.keep(take(update)) : answer(503);
			});
		},
	};
}

function readUpdate(text: string): Update | undefined {
	try {
		const update: unknown = JSON.parse(text);
		const isUpdate =
			typeof update === "object" &&
			update !== null &&
			"update_id" in update &&
			Number.isSafeInteger(update.update_id);
		return isUpdate ? (update as Update) : undefined;
	} catch {
		return undefined;
	}
}
