// The other way in: Telegram posts its updates to Aeon's own port, and proves itself with a secret.

import type { Update } from "grammy/types";
import { AeonError } from "../../core/errors.ts";
import { platform } from "../../core/platform.ts";
import type { Secret } from "../../core/secret.ts";
import {
	ALLOWED_UPDATES,
	notKept,
	type PollerOptions,
	settle,
} from "./poller.ts";
import { Recovery } from "./recovery.ts";

const PATH = "/webhooks/telegram";
const SECRET_HEADER = "x-telegram-bot-api-secret-token";
const MAX_BODY_BYTES = 1024 * 1024;
const STOP_MS = 2_500;

/** Telegram is told to send it again where keeping an update takes longer. */
const TAKE_LIMIT_MS = 10_000;

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
	const { client, clock, secret, take } = options;
	const recovery = new Recovery(options);
	const taking = new Set<Promise<unknown>>();
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

	const keep = async (update: Update): Promise<Response> => {
		const kept = take(update).then(
			() => undefined,
			(error: unknown) => notKept(error),
		);
		taking.add(kept);
		void kept.then(() => taking.delete(kept));
		const over = new AbortController();
		const late = clock
			.sleep(TAKE_LIMIT_MS, over.signal)
			.then(() => notKept("it takes too long"))
			.catch(() => undefined);
		const failure = await Promise.race([kept, late]);
		over.abort();
		if (!failure) return answer(200);
		options.logger.warn("telegram.not_kept", { error: failure });
		return answer(503);
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
			await settle(Promise.all(taking), clock, STOP_MS);
			if (!running) recovery.end();
		},

		async handle(request) {
			if (request.method !== "POST") return answer(405, { allow: "POST" });
			const given = request.headers.get(SECRET_HEADER) ?? "";
			if (!isSame(given, secret.reveal())) return answer(401);
			const text = await readBody(request).catch(() => "");
			if (text === undefined) return answer(413, { connection: "close" });
			const update = readUpdate(text);
			if (!update) return answer(400);
			return running ? keep(update) : answer(503);
		},
	};
}

function answer(status: number, headers: Record<string, string> = {}) {
	return new Response(null, { status, headers });
}

/** In a time that does not tell how much of it is right. */
function isSame(given: string, right: string): boolean {
	const ours = platform.sha256(right);
	const theirs = platform.sha256(given);
	let difference = 0;
	for (let at = 0; at < ours.length; at++)
		difference |= ours.charCodeAt(at) ^ theirs.charCodeAt(at);
	return difference === 0;
}

/** Undefined where it is too large: no more than that is ever read. */
async function readBody(request: Request): Promise<string | undefined> {
	const length = Number(request.headers.get("content-length") ?? 0);
	if (length > MAX_BODY_BYTES) return undefined;
	const decoder = new TextDecoder();
	let text = "";
	let size = 0;
	for await (const piece of request.body ?? []) {
		size += piece.length;
		if (size > MAX_BODY_BYTES) return undefined;
		text += decoder.decode(piece, { stream: true });
	}
	return text + decoder.decode();
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
