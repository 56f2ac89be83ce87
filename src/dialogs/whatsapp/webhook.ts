// The way in: Meta posts what happens to Aeon's own port, and signs it with the app's secret.

import type { Clock } from "../../core/clock.ts";
import { describeError } from "../../core/errors.ts";
import { isRecord, parseJson } from "../../core/json.ts";
import type { Logger } from "../../core/logger.ts";
import { platform } from "../../core/platform.ts";
import type { Secret } from "../../core/secret.ts";
import { answer, createBodies, createKeeper, isSame } from "../posted.ts";

const SIGNATURE_HEADER = "x-hub-signature-256";
const SIGNATURE = /^sha256=([0-9a-f]{64})$/;

/** Meta posts no more than this at once. */
const MAX_BODY_BYTES = 3 * 1024 * 1024;

/** Meta's have about ten figures. */
const MAX_CHALLENGE_LENGTH = 256;

const TEXT = {
	"content-type": "text/plain; charset=utf-8",
	"x-content-type-options": "nosniff",
};

/** What a webhook needs. */
export interface WebhookOptions {
	/** What Meta signs with. */
	appSecret: Secret;
	/** What Meta proves itself with where it asks whether the address is ours. */
	verifyToken(): Secret | undefined;
	/** Takes in what was posted and resolves once it is kept; rejects where it has to come again. */
	take(posted: Record<string, unknown>): Promise<void>;
	clock: Clock;
	logger: Logger;
}

/** A webhook: what arrives is answered as soon as it is kept. */
export interface Webhook {
	/** Begins to take in what is posted. */
	start(): void;
	/** Ends it within three seconds; what is posted afterwards is refused with 503, so that it comes again. */
	stop(): Promise<void>;
	/** Answers what was sent to the address. */
	handle(request: Request): Promise<Response>;
}

/** A webhook that is not started yet. */
export function createWebhook(options: WebhookOptions): Webhook {
	const { appSecret, verifyToken, take, clock, logger } = options;
	let isRunning = false;
	const bodies = createBodies(MAX_BODY_BYTES, clock);
	const keeper = createKeeper({
		clock,
		failed: (error) =>
			logger.warn("whatsapp.not_kept", {
				problem: `What WhatsApp sent cannot be kept: ${describeError(error)}`,
			}),
	});

	/** Answers Meta's question whether this address is meant to be told of messages. */
	const verify = (address: string): Response => {
		const query = new URL(address).searchParams;
		const token = verifyToken()?.reveal();
		const given = query.get("hub.verify_token") ?? "";
		const isRight = token !== undefined && isSame(given, token);
		if (!isRight || query.get("hub.mode") !== "subscribe") return answer(403);
		const challenge = query.get("hub.challenge") ?? "";
		if (challenge === "" || challenge.length > MAX_CHALLENGE_LENGTH)
			return answer(400);
		return new Response(challenge, { headers: TEXT });
	};

	const receive = async (request: Request): Promise<Response> => {
		const given = request.headers.get(SIGNATURE_HEADER) ?? "";
		const signature = SIGNATURE.exec(given)?.[1];
		if (signature === undefined) return answer(401);
		return bodies.receive(request, async (body) => {
			// At once, so that what comes first is taken in first.
			const right = platform.hmacSha256(appSecret.reveal(), body);
			if (!isSame(signature, right)) return answer(401);
			if (!isRunning) return answer(503);
			const posted = parseJson(new TextDecoder().decode(body));
			if (isRecord(posted)) return keeper.keep(take(posted));
			// Refused, it would come again for days.
			logger.warn("whatsapp.unreadable", { bytes: body.length });
			return answer(200);
		});
	};

	return {
		start() {
			isRunning = true;
		},
		async stop() {
			isRunning = false;
			await keeper.settle();
		},
		async handle(request) {
			if (request.method === "GET") return verify(request.url);
			if (request.method === "POST") return receive(request);
			return answer(405, { allow: "GET, POST" });
		},
	};
}
