// Aeon in this process with a WhatsApp dialog, between a fake Cloud API and a fake model: what a person sees of it.

import { Database } from "bun:sqlite";
import { expect } from "bun:test";
import { join } from "node:path";
import {
	type FakeAnswer,
	type FakeRequest,
	said,
} from "../../support/fake_llm.ts";
import {
	type FakeWhatsApp,
	startFakeWhatsApp,
} from "../../support/fake_whatsapp.ts";
import {
	config,
	freePort,
	type InProcess,
	modelSaying,
	openServer,
} from "../../support/server.ts";
import { until } from "../../support/until.ts";

/** Whom the chats are with. */
export const ANNA = "+15550100001";
export const BERT = "+15550100002";
export const STRANGER = "+15550100003";

/** The word that Meta is told beside the address. */
export const VERIFY_TOKEN = "a-word-of-our-own";

/** A picture of one pixel. */
export const DOT = Buffer.from(
	"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
	"base64",
);

/** How long a handshake is tried: Aeon listens before its dialogs are open. */
const HANDSHAKE_MS = 10_000;

/** Between two looks at the store, which tells nobody of its changes. */
const LOOK_MS = 10;

type Script = (
	request: FakeRequest,
	n: number,
) => FakeAnswer | Promise<FakeAnswer>;

/** What a test has. At its end no rule of Meta's is broken. */
export interface Chat extends AsyncDisposable {
	whatsapp: FakeWhatsApp;
	/** The requests that reached the model. */
	requests: FakeRequest[];
	aeon: InProcess;
	/** What a person sees, as plain texts. */
	texts(to?: string): string[];
	/** Resolves when a person sees so many messages. */
	shows(count: number, to?: string): Promise<string[]>;
	/** Resolves once it is true; looked at whenever something reaches Meta or the model. */
	until(isTrue: () => boolean): Promise<void>;
	/** Resolves when every message is finished, everything is sent, and Meta has nothing more to tell. */
	settled(): Promise<void>;
	/** Ends Aeon and starts it again in the same home, with other options of the dialog and other sections where they are given. */
	restart(
		whatsappOptions?: object,
		sections?: Record<string, object>,
	): Promise<void>;
}

/** By default the model repeats what it was told. */
const echo: Script = (request) => ({ text: `You said: ${said(request)}` });

/** The options of the dialog that lead it to a fake. */
export function optionsFor(whatsapp: FakeWhatsApp): object {
	return {
		enabled: true,
		phone_number_id: whatsapp.phoneNumberId,
		access_token: whatsapp.token,
		app_secret: whatsapp.appSecret,
		verify_token: VERIFY_TOKEN,
		api_root: whatsapp.url,
		allowed_users: [ANNA, BERT],
	};
}

/** Tells the fake where Aeon is; throws where Aeon does not prove itself in time. */
export async function introduce(
	whatsapp: FakeWhatsApp,
	port: number,
): Promise<void> {
	const end = performance.now() + HANDSHAKE_MS;
	const url = `http://127.0.0.1:${port}/webhooks/whatsapp`;
	for (;;) {
		const refused = await whatsapp.subscribe(url, VERIFY_TOKEN).then(
			() => undefined,
			(error: unknown) => ({ error }),
		);
		if (!refused) return;
		if (performance.now() > end) throw refused.error;
		await Bun.sleep(LOOK_MS);
	}
}

/** Opens one; `sections` are those of aeon.json, `whatsappOptions` the options of its dialog. */
export async function openChat(
	script: Script = echo,
	whatsappOptions: object = {},
	sections: Record<string, object> = {},
): Promise<Chat> {
	const whatsapp = await startFakeWhatsApp();
	const model = await modelSaying((request, n) => {
		whatsapp.changes.tell();
		return script(request, n);
	});
	const port = await freePort();
	const all = (more: object, others: Record<string, object>) =>
		config(model.agent, {
			...others,
			server: { port },
			dialogs: {
				...others.dialogs,
				whatsapp: { ...optionsFor(whatsapp), ...whatsappOptions, ...more },
			},
		});
	const chat: Chat = {
		whatsapp,
		requests: model.llm.requests,
		aeon: await openServer(all({}, sections)),
		texts: (to = ANNA) => whatsapp.visible(to).map(({ text }) => text),
		async shows(count, to = ANNA) {
			await whatsapp.until(() => chat.texts(to).length >= count);
			return chat.texts(to);
		},
		until: (isTrue) => whatsapp.until(isTrue),
		async settled() {
			await until(
				() => whatsapp.pending() === 0 && openWork(chat.aeon.home) === 0,
			);
		},
		async restart(more = {}, others = sections) {
			await chat.aeon.stop();
			chat.aeon = await openServer(all(more, others), chat.aeon.home);
			await introduce(whatsapp, port);
		},
		async [Symbol.asyncDispose]() {
			await chat.aeon[Symbol.asyncDispose]();
			await whatsapp.stop();
			model[Symbol.dispose]();
			expect(whatsapp.violations).toEqual([]);
			expect(model.llm.breaches).toEqual([]);
		},
	};
	await introduce(whatsapp, port);
	return chat;
}

/** What the store of a home has in hand: messages whose turn has not ended, and parts that are to be sent. */
function openWork(home: string): number {
	const path = join(home, ".aeon", "sessions.db");
	using database = new Database(path, { readonly: true });
	const count = (sql: string) =>
		database.query<{ n: number }, []>(`SELECT count(*) n FROM ${sql}`).get()
			?.n ?? 0;
	return (
		count("inbox WHERE done_at IS NULL") +
		count("outbox WHERE state = 'pending'")
	);
}
