// The driver of the WhatsApp dialog: its options; what it needs beside is loaded when it is opened.

import * as z from "zod/mini";
import { readPhoneNumber } from "../../core/phone_number.ts";
import { optionalSecret, secret } from "../../core/secret.ts";
import type { DialogDriver } from "../provider.ts";

const number = z.pipe(
	z.string().check(
		z.refine((text) => readPhoneNumber(text) !== undefined, {
			error: "is no phone number with its country code: write +15551234567",
		}),
	),
	z.transform((text: string) => readPhoneNumber(text) ?? text),
);

const options = z.object({
	phone_number_id: z.optional(
		z.string().check(
			z.refine((text) => /^\d{1,32}$/.test(text), {
				error: "is no id: write the figures that Meta shows as Phone number ID",
			}),
			z.describe(
				"The id of your business's number, which is not the number itself",
			),
		),
	),
	access_token: z.optional(secret("The token of your app's system user.")),
	app_secret: z.optional(
		optionalSecret(
			"The secret of your app, by which Meta signs what it posts; without it no message comes in.",
		),
	),
	verify_token: z.optional(
		secret("A word of your own, which you tell Meta beside the address."),
	),
	allowed_users: z._default(
		z
			.array(number)
			.check(z.describe("Phone numbers of the people who may talk to it")),
		[],
	),
	api_root: z._default(
		z.string().check(
			z.refine((text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ""), {
				error: "is no address: write https://…",
			}),
			z.describe("Where the Graph API is, with another version if need be"),
		),
		"https://graph.facebook.com",
	),
});

/** The section `dialogs.whatsapp`, beside what every dialog has. */
export type WhatsAppOptions = z.infer<typeof options>;

/** WhatsApp, by the official Cloud API. */
export const whatsapp = {
	options,
	requiredKeys: ["phone_number_id", "access_token", "verify_token"],
	restartKeys: ["phone_number_id", "app_secret", "api_root"],
	pairing: {
		where: "to your number in WhatsApp",
		idForm: "a phone number with its country code, such as +15551234567",
		readId: readPhoneNumber,
		section:
			'"phone_number_id": "…", "access_token": "${WHATSAPP_ACCESS_TOKEN}", "app_secret": "${WHATSAPP_APP_SECRET}", "verify_token": "${WHATSAPP_VERIFY_TOKEN}"',
		source: "with what Meta shows for your app and a verify_token of your own",
	},
	async open(context) {
		const { openWhatsApp } = await import("./dialog.ts");
		return openWhatsApp(context);
	},
} satisfies DialogDriver<WhatsAppOptions>;
