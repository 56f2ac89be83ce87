import type { Update } from "grammy/types";
import type { CommandReply } from "../../../src/core/command.ts";
import { AeonError } from "../../../src/core/errors.ts";
import {
	type LogFields,
	type Logger,
	silent,
} from "../../../src/core/logger.ts";
import { openPairing } from "../../../src/core/pairing.ts";
import type { DialogHost } from "../../../src/dialogs/provider.ts";
import { createAccess } from "../../../src/dialogs/telegram/access.ts";
import { createIntake } from "../../../src/dialogs/telegram/intake.ts";
import { openMemory } from "../../../src/dialogs/telegram/memory.ts";
import { fakeClock } from "../../support/fake_clock.ts";
import { temporaryFolder } from "../../support/home.ts";
import { BOT } from "./updates.ts";

/** What became of updates: of each call the name and what matters of it. */
export type Call = [name: string, ...what: unknown[]];

/** What a rig begins with. */
export interface RigOptions {
	users?: number[];
	groups?: number[];
	/** What a command is answered with; undefined where the host knows none. */
	command?: (line: string) => CommandReply | undefined;
	/** What is in the outbox already, by its ids. */
	hasSaid?: (deliveryId: string) => boolean;
	/** The messages that wait still, by their references. */
	waiting?: string[];
	/** The state directory, where it is an earlier rig's. */
	state?: string;
	username?: string | undefined;
}

/** An intake with real files, and a host that records what it is asked, each message and each sentence once. */
export function openRig(options: RigOptions = {}) {
	const folder = temporaryFolder();
	const state = options.state ?? folder.path;
	const clock = fakeClock();
	const lists = {
		allowed_users: options.users ?? [],
		allowed_groups: options.groups ?? [],
	};
	const calls: Call[] = [];
	const log: [string, LogFields?][] = [];
	/** What the host was asked, repeats and all. */
	const asked: string[] = [];
	const seen = new Set<string | undefined>();
	/** What the host throws next, by the name of what is asked. */
	const failures = new Map<string, unknown>();
	const fail = (name: string) => {
		asked.push(name);
		const failure = failures.get(name);
		failures.delete(name);
		if (failure) throw failure;
	};
	const write = (event: string, fields?: LogFields) => {
		log.push([event, fields]);
	};
	const logger: Logger = { ...silent, info: write, warn: write, error: write };
	const host: Pick<
		DialogHost,
		"accept" | "amend" | "say" | "hasSaid" | "command"
	> = {
		async accept(message) {
			fail("accept");
			if (!seen.has(message.messageId)) calls.push(["accept", message]);
			seen.add(message.messageId);
			return {} as Awaited<ReturnType<DialogHost["accept"]>>;
		},
		async amend(sessionKey, reference, change) {
			fail("amend");
			calls.push(["amend", sessionKey, reference, change]);
			return options.waiting?.includes(reference) ?? false;
		},
		hasSaid: async (id) => options.hasSaid?.(id) ?? false,
		async say(to, message) {
			fail("say");
			if (!seen.has(message.deliveryId)) calls.push(["say", to, message]);
			seen.add(message.deliveryId);
		},
		async command(line, context) {
			fail("command");
			calls.push(["command", line, context]);
			return options.command?.(line);
		},
	};
	const memory = openMemory({ state, now: clock.now, logger });
	const pairing = openPairing({ state, dialog: "telegram", now: clock.now });
	const access = createAccess({
		options: () => lists,
		isPaired: pairing.isPaired,
		originOf: memory.originOf,
		botId: BOT.id,
	});
	const intake = createIntake({
		host,
		agent: () => "main",
		botId: BOT.id,
		username: () => ("username" in options ? options.username : BOT.username),
		access,
		memory,
		pairing,
		logger,
		async press(query) {
			calls.push(["press", query.id]);
			fail("press");
		},
	});
	return {
		calls,
		asked,
		log,
		failures,
		memory,
		pairing,
		access,
		clock,
		lists,
		state,
		/** Takes updates in, one after the other, and gives the calls that they led to. */
		async take(...updates: Update[]): Promise<Call[]> {
			const before = calls.length;
			for (const one of updates) await intake.take(one);
			return calls.slice(before);
		},
		[Symbol.dispose]: () => folder[Symbol.dispose](),
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
