// From what Meta has posted to what Aeon does about it: each message in the order of its chat, and what became of sent ones.

import { describeError } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import { oneLine } from "../one_line.ts";
import type { DialogHost } from "../provider.ts";
import { reportFailure } from "./failure.ts";
import { createInOrder } from "./in_order.ts";
import { readCallback } from "./messenger.ts";
import {
	type Change,
	type ReceivedMessage,
	type ReceivedStatus,
	readPayload,
} from "./payload.ts";
import {
	createReception,
	mustComeAgain,
	type ReceptionParts,
} from "./reception.ts";

/** What it takes messages in for. */
export interface IntakeParts extends ReceptionParts {
	host: ReceptionParts["host"] & Pick<DialogHost, "confirm">;
	/** The number of the business that Aeon answers for. */
	phoneNumberId: string;
	logger: Logger;
}

/** Takes in what is posted. */
export interface Intake {
	/**
	 * Resolves once all that was posted is safely dealt with. Rejects, with `storage_failed` or `shutting_down`, only where it
	 * has to come again; then nothing of it is done twice.
	 */
	take(posted: Record<string, unknown>): Promise<void>;
}

/** What Aeon does with a message's state, by WhatsApp's word. What was played was read. */
const STATES = {
	sent: "sent",
	delivered: "delivered",
	read: "read",
	played: "read",
	failed: "failed",
} as const;

/** Numbers that are not ours of which it was said already. */
const MAX_FOREIGN = 100;

/** The intake of a number. */
export function createIntake(parts: IntakeParts): Intake {
	const { host, logger, phoneNumberId } = parts;
	const reception = createReception(parts);
	const inOrder = createInOrder();
	const foreign = new Set<string>();

	/** True of a change of messages of the number; of anything else the log says a line at most. */
	const isOurs = (change: Change): boolean => {
		const { field, errors, unreadable } = change;
		if (field !== "messages") {
			logger.info("whatsapp.passed_over", { field: oneLine(field, 80) });
			return false;
		}
		if (change.phoneNumberId !== phoneNumberId) {
			noteForeign(change.phoneNumberId);
			return false;
		}
		if (errors.length > 0)
			logger.warn("whatsapp.reported", {
				problem: describeError(reportFailure(errors)),
			});
		if (unreadable > 0)
			logger.warn("whatsapp.unreadable", { messages: unreadable });
		return true;
	};

	const noteForeign = (id: string) => {
		if (foreign.has(id) || foreign.size >= MAX_FOREIGN) return;
		foreign.add(id);
		logger.warn("whatsapp.another_number", {
			phone_number_id: id,
			reason:
				"Meta posts what is sent to another number of the business, too: Aeon answers for the one in dialogs.whatsapp.phone_number_id only",
		});
	};

	/** The messages of one chat, one after the other: the first that has to come again keeps back those after it. */
	const receiveAll = async (from: string, messages: ReceivedMessage[]) => {
		for (const message of messages) {
			try {
				await reception.receive(message, from);
			} catch (error) {
				if (mustComeAgain(error)) throw error;
				logger.error("whatsapp.message_failed", { message: message.id, error });
				await reception.apologise(message, from).catch((failure) => {
					if (mustComeAgain(failure)) throw failure;
					const problem = describeError(failure);
					logger.error("whatsapp.fault_untold", { problem });
				});
			}
		}
	};

	const confirmAll = async (statuses: ReceivedStatus[]) => {
		for (const status of statuses) {
			try {
				await confirm(status);
			} catch (error) {
				if (mustComeAgain(error)) throw error;
				logger.error("whatsapp.status_failed", { message: status.id, error });
			}
		}
	};

	const confirm = async ({
		id,
		status,
		callbackData,
		errors,
	}: ReceivedStatus) => {
		// Calls have statuses, too.
		if (id.startsWith("wacid.") || !Object.hasOwn(STATES, status)) return;
		const state = STATES[status as keyof typeof STATES];
		const name = readCallback(callbackData);
		await host.confirm({
			platformId: id,
			...(name && { name }),
			state,
			...(state === "failed" && { error: reportFailure(errors) }),
		});
	};

	const chatsOf = (messages: ReceivedMessage[]) => {
		const chats = new Map<string, ReceivedMessage[]>();
		for (const message of messages) {
			const { id, from, groupId } = message;
			if (groupId !== "")
				logger.info("whatsapp.group_passed_over", { message: id });
			else if (from === undefined)
				logger.warn("whatsapp.no_number", {
					message: id,
					reason:
						"it is from somebody whose phone number is hidden, so it cannot be answered",
				});
			else chats.set(from, [...(chats.get(from) ?? []), message]);
		}
		return [...chats];
	};

	return {
		async take(posted) {
			const ours = readPayload(posted).filter(isOurs);
			const messages = ours.flatMap((change) => change.messages);
			const statuses = ours.flatMap((change) => change.statuses);
			// All of it gets its place in the order of its chat before anything is waited for.
			const work = chatsOf(messages).map(([from, own]) =>
				inOrder(from, () => receiveAll(from, own)),
			);
			const done = await Promise.allSettled([...work, confirmAll(statuses)]);
			const failed = done.find(({ status }) => status === "rejected");
			if (failed?.status === "rejected") throw failed.reason;
		},
	};
}
