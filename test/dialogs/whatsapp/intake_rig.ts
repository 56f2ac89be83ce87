// The way in without a network: what is posted goes into an intake with real files and a host that records.

import type { CommandReply } from "../../../src/core/command.ts";
import { AeonError } from "../../../src/core/errors.ts";
import {
	type LogFields,
	type Logger,
	silent,
} from "../../../src/core/logger.ts";
import { openPairing } from "../../../src/core/pairing.ts";
import { createAccess } from "../../../src/dialogs/whatsapp/access.ts";
import {
	createIntake,
	type IntakeParts,
} from "../../../src/dialogs/whatsapp/intake.ts";
import { openMemory } from "../../../src/dialogs/whatsapp/memory.ts";
import type { Pressed } from "../../../src/dialogs/whatsapp/questions.ts";
import { fakeClock } from "../../support/fake_clock.ts";
import { temporaryFolder } from "../../support/home.ts";

export const ANNA = "+15551230001";
export const BERT = "+15551230002";
export const MALLORY = "+15551230009";
export const NUMBER_ID = "106540352242922";

/** What became of messages: of each call the name and what matters of it. */
export type Call = [name: string, ...what: unknown[]];

/** What a rig begins with. */
export interface RigOptions {
	users?: string[];
	/** What a command is answered with; undefined where the host knows none. */
	command?: (line: string) => CommandReply | undefined;
	/** What is in the outbox already, by its ids. */
	hasSaid?: (deliveryId: string) => boolean;
	/** What Aeon has said to Anna, by the platform's ids. */
	said?: Record<string, string>;
	/** The messages that wait still, by their references. */
	waiting?: string[];
	/** True where the question of this button is open. */
	isOpen?: (id: string) => boolean;
	/** The state directory, where it is an earlier rig's. */
	state?: string;
}

/** An intake, and a host that records what it is asked, each message and each sentence once. */
export function openRig(options: RigOptions = {}) {
	const folder = temporaryFolder();
	const state = options.state ?? folder.path;
	const clock = fakeClock();
	const lists = { allowed_users: options.users ?? [ANNA, BERT] };
	const calls: Call[] = [];
	const log: [string, LogFields?][] = [];
	const noted: string[] = [];
	const read: string[] = [];
	const seen = new Set<string | undefined>();
	/** What the host throws next, by the name of what is asked. */
	const failures = new Map<string, unknown>();
	/** What has to be over before the host goes on, by the name of what is asked. */
	const gates = new Map<string, Promise<unknown>>();
	const ask = async (name: string) => {
		await gates.get(name);
		const failure = failures.get(name);
		failures.delete(name);
		if (failure) throw failure;
	};
	const write = (event: string, fields?: LogFields) => {
		log.push([event, fields]);
	};
	const logger: Logger = { ...silent, info: write, warn: write, error: write };
	const host: IntakeParts["host"] = {
		async accept(message) {
			await ask("accept");
			const isRepeat = seen.has(message.messageId);
			if (!isRepeat) calls.push(["accept", message]);
			seen.add(message.messageId);
			const { sessionKey } = message;
			const result = undefined;
			return { runId: "run", sessionKey, queued: false, isRepeat, result };
		},
		async amend(sessionKey, reference, change) {
			await ask("amend");
			calls.push(["amend", sessionKey, reference, change]);
			return options.waiting?.includes(reference) ?? false;
		},
		hasSaid: async (id) => seen.has(id) || options.hasSaid?.(id) === true,
		said: async (to, id) => (to === ANNA ? options.said?.[id] : undefined),
		async say(to, message) {
			await ask("say");
			if (!seen.has(message.deliveryId)) calls.push(["say", to, message]);
			seen.add(message.deliveryId);
		},
		async command(line, context) {
			await ask("command");
			calls.push(["command", line, context]);
			return options.command?.(line);
		},
		async confirm(report) {
			await ask("confirm");
			calls.push(["confirm", report]);
			return true;
		},
	};
	const { now } = clock;
	const memory = openMemory({ state, now, logger });
	const pairing = openPairing({ state, dialog: "whatsapp", now });
	const access = createAccess({ options: () => lists, pairing });
	const intake = createIntake({
		host,
		agent: () => "main",
		phoneNumberId: NUMBER_ID,
		access,
		memory,
		pairing,
		logger,
		now,
		async press(pressed: Pressed) {
			await ask("press");
			calls.push(["press", pressed]);
			return options.isOpen?.(pressed.id) ?? true;
		},
		note: (to, wamid) => void noted.push(`${to} ${wamid}`),
		read: (wamid) => void read.push(wamid),
	});
	return {
		calls,
		log,
		noted,
		read,
		failures,
		gates,
		memory,
		pairing,
		access,
		clock,
		lists,
		state,
		intake,
		/** Takes these in, one post after the other, and gives the calls that they led to. */
		async take(...posts: object[]): Promise<Call[]> {
			const before = calls.length;
			for (const one of posts)
				await intake.take(one as Record<string, unknown>);
			return calls.slice(before);
		},
		[Symbol.dispose]: () => folder[Symbol.dispose](),
	};
}

let ids = 0;

/** A message as Meta posts it; without `from`, Anna's. */
export function written(
	type: string,
	content: unknown,
	more: Record<string, unknown> = {},
) {
	return {
		from: ANNA.slice(1),
		id: `wamid.${++ids}==`,
		timestamp: `${Date.UTC(2026, 0, 1) / 1_000}`,
		type,
		[type]: content,
		...more,
	};
}

/** A text. */
export const text = (body: string, more: Record<string, unknown> = {}) =>
	written("text", { body }, more);

/** A button that was pressed. */
export const pressed = (id: string, title = "Yes", more = {}) =>
	written(
		"interactive",
		{ type: "button_reply", button_reply: { id, title } },
		more,
	);

/** What Meta posts of one number, with these in it. */
export function post(...messages: unknown[]) {
	return change({ messages });
}

/** A change of one number. */
export function change(
	value: object,
	field = "messages",
	phone_number_id = NUMBER_ID,
) {
	const contacts = [{ profile: { name: "Anna (x)" }, wa_id: ANNA.slice(1) }];
	const metadata = { display_phone_number: "15550000000", phone_number_id };
	const whole = {
		messaging_product: "whatsapp",
		metadata,
		contacts,
		...value,
	};
	return {
		object: "whatsapp_business_account",
		entry: [{ id: "1", changes: [{ field, value: whole }] }],
	};
}

/** The texts of what was said. */
export function said(calls: Call[]): string[] {
	return calls.flatMap(([name, , message]) =>
		name === "say" ? [(message as { text: string }).text] : [],
	);
}

/** The texts of what was accepted. */
export function accepted(calls: Call[]): string[] {
	return calls.flatMap(([name, message]) =>
		name === "accept" ? [(message as { text: string }).text] : [],
	);
}

/** The names of the calls. */
export function names(calls: Call[]): string[] {
	return calls.map(([name]) => name);
}

/** The store cannot be written. */
export const DISK_FULL = new AeonError("storage_failed", "the disk is full");
