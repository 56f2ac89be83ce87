// The WhatsApp dialog: its parts put together.

import { openPairing } from "../../core/pairing.ts";
import { parsePhoneNumber, readPhoneNumber } from "../../core/phone_number.ts";
import type { Secret } from "../../core/secret.ts";
import { parseSessionKey } from "../../core/session.ts";
import type { DialogContext, DialogHost, DialogProvider } from "../provider.ts";
import { createAccess } from "./access.ts";
import { openClient } from "./client.ts";
import { createIntake } from "./intake.ts";
import { renderParts } from "./markdown.ts";
import { openMemory } from "./memory.ts";
import { Messenger } from "./messenger.ts";
import { Questions } from "./questions.ts";
import { leavingAlone } from "./quiet.ts";
import { Watch } from "./watch.ts";
import { createWebhook, type Webhook } from "./webhook.ts";
import type { WhatsAppOptions } from "./whatsapp.ts";

/** How long WhatsApp shows that somebody is typing (Cloud API, typing indicators). */
const TYPING_MS = 25_000;

/** Meta tells within seconds that it has taken a message, also where its answer to the sending got lost. */
const CONFIRMATION_MS = 15_000;

const NOBODY =
	"dialogs.whatsapp lists no number, so nobody may talk to Aeon there: add one to allowed_users, or run aeon pair whatsapp";
const NO_SECRET =
	"dialogs.whatsapp has no app_secret, so nobody could tell Meta's messages from anybody's: /webhooks/whatsapp is closed and no message comes in. Put the app's secret there and start again";

/** Opens the dialog. Nothing is asked of Meta before it is started. */
export async function openWhatsApp(
	context: DialogContext<WhatsAppOptions>,
): Promise<DialogProvider> {
	const { options, agent, state, logger, clock } = context;
	const {
		phone_number_id: phoneNumberId = "",
		app_secret: appSecret,
		api_root: apiRoot,
	} = options();
	const client = openClient({ token, phoneNumberId, apiRoot });
	// Codes are made by another process, and a day is one of the calendar.
	const now = Date.now;
	const memory = openMemory({ state, now, logger });
	const pairing = openPairing({ state, dialog: "whatsapp", now, logger });
	const access = createAccess({ options, pairing });
	let host: DialogHost | undefined;
	const watch = new Watch({
		client,
		clock,
		logger,
		report: (how) => host?.report(how),
	});
	const speaking = watch.watched(leavingAlone(client, clock));
	const messenger = new Messenger({ client: speaking });
	const questions = new Questions({
		messenger,
		split: renderParts,
		clock,
		logger,
	});
	let webhook: Webhook | undefined;

	const openWebhook = (to: DialogHost, secret: Secret) => {
		const intake = createIntake({
			host: {
				...to,
				async confirm(report) {
					const isNews = await to.confirm(report);
					// What stands in the way of one message may stand in the way of all.
					if (isNews && report.error) watch.noticed(report.error);
					if (!isNews && report.error) questions.failed(report);
					return isNews;
				},
			},
			agent,
			phoneNumberId,
			access,
			memory,
			pairing,
			logger,
			now,
			press: (pressed) => questions.press(pressed),
			note: (from, wamid) => messenger.note(from, wamid),
			// What fails in it is nobody's concern, and was noticed.
			read: (wamid) => void speaking.markRead(wamid, false).catch(() => {}),
		});
		return createWebhook({
			appSecret: secret,
			verifyToken: () => options().verify_token,
			take: (posted) => intake.take(posted),
			clock,
			logger,
		});
	};

	return {
		name: "whatsapp",
		async start(given) {
			host = given;
			const people = [...options().allowed_users, ...pairing.list()];
			if (people.length === 0)
				logger.warn("whatsapp.nobody", { reason: NOBODY });
			if (!appSecret) {
				logger.warn("whatsapp.closed", { reason: NO_SECRET });
				return given.report({ state: "stopped", problem: NO_SECRET });
			}
			webhook ??= openWebhook(given, appSecret);
			webhook.start();
			watch.start();
		},
		async stop() {
			await Promise.all([webhook?.stop(), watch.stop()]);
		},
		split: renderParts,
		send: (to, message, signal) => messenger.send(to, message, signal),
		captions: (mimeType) => messenger.captions(mimeType),
		confirmationMs: CONFIRMATION_MS,
		typing: (to, signal, reference) => messenger.typing(to, signal, reference),
		typingMs: TYPING_MS,
		approve(sessionKey, request, signal) {
			const { userId } = parseSessionKey(sessionKey);
			return questions.ask(parsePhoneNumber(userId), request, signal);
		},
		media: ({ id }, signal) => speaking.download(id, signal),
		mediaExpires: true,
		...(appSecret && {
			async webhook(request: Request) {
				const answer = webhook?.handle(request);
				return (await answer) ?? new Response(null, { status: 503 });
			},
		}),
		addressOf: parsePhoneNumber,
		mayReach(to) {
			const number = readPhoneNumber(to);
			return number !== undefined && access.isAllowed(number);
		},
		owner: () => access.owner(),
	};

	function token() {
		const { access_token } = options();
		if (!access_token) throw new Error("access_token is a required key");
		return access_token;
	}
}
