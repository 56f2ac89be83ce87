// Telegram and WhatsApp in a process of their own: `bun scripts/bench/rig/far_sides.ts` prints one line of JSON: what stands in
// aeon.json to get there, and the URL by which they are told what people do, and asked what came:
//   POST /telegram {"chatId": 777, "text": "hello"}, POST /whatsapp {"from": "+15550100001", "text": "hello"}: somebody writes;
//   POST /whatsapp/subscribe {"url": …}: Meta is told where Aeon is, whose proof has to be right;
//   GET /telegram/calls, GET /whatsapp/calls: [{method, text, at}], `at` in milliseconds since 1970; DELETE forgets them;
//   GET /violations: rules that were broken.

import { startFakeTelegram } from "../../../test/support/fake_telegram.ts";
import { startFakeWhatsApp } from "../../../test/support/fake_whatsapp.ts";

/** Who may talk to Aeon. */
const TELEGRAM_USER = 777;
const WHATSAPP_USER = "+15550100001";

const VERIFY_TOKEN = "a-word-of-our-own";

/** Between two posts of what is not answered: rarely, so that they take no processor from what is measured. */
const REPEAT_MS = 1000;

const telegram = await startFakeTelegram();
const whatsapp = await startFakeWhatsApp({ repeatMs: REPEAT_MS });

const control = Bun.serve({
	hostname: "127.0.0.1",
	port: 0,
	routes: {
		"/telegram": {
			POST: async (request) => {
				const { chatId, text } = JSON.parse(await request.text());
				return Response.json({ id: telegram.say(chatId, text) });
			},
		},
		"/telegram/calls": {
			GET: () =>
				Response.json(
					telegram.calls.map(({ method, params, at }) => ({
						method,
						text: params.text,
						at,
					})),
				),
			DELETE: () => forget(telegram.calls),
		},
		"/whatsapp": {
			POST: async (request) => {
				const { from, text } = JSON.parse(await request.text());
				return Response.json({ id: whatsapp.say(from, text) });
			},
		},
		"/whatsapp/subscribe": {
			POST: async (request) => {
				const { url } = JSON.parse(await request.text());
				await whatsapp.subscribe(url, VERIFY_TOKEN);
				return Response.json({});
			},
		},
		"/whatsapp/calls": {
			GET: () =>
				Response.json(
					whatsapp.calls.map(({ method, body, at }) => ({
						method,
						text: body.text?.body,
						at,
					})),
				),
			DELETE: () => forget(whatsapp.calls),
		},
		"/violations": () =>
			Response.json([...telegram.violations, ...whatsapp.violations]),
	},
	error: (error) => new Response(String(error), { status: 500 }),
});

console.log(
	JSON.stringify({
		telegram: {
			enabled: true,
			bot_token: telegram.token,
			api_root: telegram.url,
			allowed_users: [TELEGRAM_USER],
		},
		whatsapp: {
			enabled: true,
			phone_number_id: whatsapp.phoneNumberId,
			access_token: whatsapp.token,
			app_secret: whatsapp.appSecret,
			verify_token: VERIFY_TOKEN,
			api_root: whatsapp.url,
			allowed_users: [WHATSAPP_USER],
		},
		control: `http://127.0.0.1:${control.port}`,
	}),
);

function forget(calls: unknown[]): Response {
	calls.length = 0;
	return Response.json({});
}
