// What a dialog is given to talk to Aeon with: where what is said through it is shown, asked and sent.

import type { Agent, ToolRun } from "./agent/agent.ts";
import type { Mailbox } from "./agent/mailbox.ts";
import type { Runtime } from "./agent/runtime.ts";
import type { Sender } from "./agent/sender.ts";
import { runSlash } from "./agent/slash.ts";
import { alarmLoss, alarmState } from "./app_alarms.ts";
import type { Media } from "./app_media.ts";
import type { ApprovalRequest, Decision } from "./core/approval.ts";
import { steadyClock } from "./core/clock.ts";
import { type DialogState, newDeliveryId } from "./core/delivery.ts";
import { AeonError, describeError } from "./core/errors.ts";
import type { DialogEvent } from "./core/event.ts";
import type { Logger } from "./core/logger.ts";
import type { Attachment, InboundMessage } from "./core/message.ts";
import { parseSessionKey } from "./core/session.ts";
import type { AnswerAddress } from "./delivery/answer.ts";
import { type MailedDialog, Outbox } from "./delivery/outbox.ts";
import type { Saying } from "./delivery/saying.ts";
import type { DialogHost, DialogProvider } from "./dialogs/provider.ts";
import { openOutboundFile } from "./media/outbound.ts";
import type { Settings } from "./settings/schema.ts";
import type { SessionStore } from "./storage/store.ts";
import type { Approvals } from "./tools/approvals.ts";
import type { Workspace } from "./tools/workspace.ts";

/** What all dialogs talk to. */
export interface HostParts {
	runtime: Runtime;
	mailbox: Mailbox;
	store: SessionStore;
	approvals: Approvals;
	logger: Logger;
	/** As they are now: a reload puts others in their place. */
	agents(): ReadonlyMap<string, Agent>;
	settings(): Settings;
	workspace(): Workspace;
	/** Every dialog that is there, by its name. */
	dialogs: ReadonlyMap<string, OpenDialog>;
	media: Media;
	/** Is told what happens to dialogs and their messages. */
	observe(event: DialogEvent): void;
}

/** A dialog with what Aeon has for it. */
export interface OpenDialog {
	provider: DialogProvider;
	host: DialogHost;
	/** Where what is said in it is kept until it is there; none where it is just shown. */
	outbox: Outbox | undefined;
	state: DialogState;
	/** What could not be delivered last, since the start; `at` in milliseconds since 1970. */
	lastFailure?: { at: number; reason: string };
}

/** Opens what a dialog is started with. */
export function openDialog(
	provider: DialogProvider,
	parts: HostParts,
): OpenDialog {
	const { runtime, mailbox, store, logger, observe, workspace } = parts;
	const { name } = provider;
	const alarms = { dialogs: parts.dialogs, logger, now: Date.now };
	const outbox = isMailed(provider)
		? new Outbox({
				dialog: provider,
				store,
				clock: steadyClock,
				logger,
				observe,
				openFile: (file) => openOutboundFile(workspace(), file),
				lost(loss) {
					open.lastFailure = { at: Date.now(), reason: loss.reason };
					alarmLoss(name, loss, alarms);
				},
			})
		: undefined;
	const senderOf = (message: InboundMessage) =>
		createSender(message, provider, outbox, parts);
	const host: DialogHost = {
		receive: async (message) =>
			runtime.submit(message, senderOf(message)).result,
		async accept(message) {
			const accepted = await mailbox.accept(name, message, senderOf(message));
			const { queued, isRepeat } = accepted;
			if (provider.mediaExpires && queued && !isRepeat)
				parts.media.prefetch(name, message);
			return accepted;
		},
		// What is left out is no part of it any more.
		amend: (sessionKey, reference, { text, files = [] }) =>
			mailbox.amend(sessionKey, reference, { text, files }),
		async resume() {
			const [count] = await Promise.all([
				mailbox.resume(name, senderOf),
				outbox?.resume(),
			]);
			return count;
		},
		cancel: async (sessionKey) => mailbox.stop(sessionKey),
		async command(line, context) {
			const agents = parts.agents();
			const reply = await runSlash(
				line,
				{ runtime, mailbox, store, agents },
				context,
			);
			const unusable = parts.settings().unusable.get(reply?.model ?? "");
			return unusable ? { text: unusable } : reply;
		},
		async say(to, saying) {
			await outbox?.say(to, saying);
		},
		hasSaid: async (deliveryId) => (await store.partsOf(deliveryId)).length > 0,
		confirm: async (report) => (await outbox?.confirm(report)) ?? false,
		async said(to, platformId) {
			const part = await store.findPart(name, platformId);
			return part?.to === to ? part.content.text : undefined;
		},
		report(state) {
			const { state: before } = open.state;
			open.state = state;
			observe({ type: "dialog.state", name, ...state });
			alarmState(name, state, alarms);
			if (state.state === "running" && before !== "running") outbox?.hurry();
		},
	};
	const open: OpenDialog = {
		provider,
		host,
		outbox,
		state: { state: "running" },
	};
	return open;
}

/** Sends to somebody by a dialog, and gives the id of what was sent. Throws `usage` where there is no such person, or it cannot send files. */
export async function sendTo(
	open: OpenDialog,
	whom: string,
	saying: Saying,
): Promise<string> {
	const { provider, outbox } = open;
	const to = addressOf(open, whom);
	const deliveryId = saying.deliveryId ?? newDeliveryId();
	if (outbox) await outbox.say(to, { ...saying, deliveryId });
	else {
		if (saying.attachments?.length)
			throw new AeonError(
				"usage",
				`The dialog ${JSON.stringify(provider.name)} cannot send files: leave out 'attachments'`,
			);
		const { text, sessionKey } = saying;
		await provider.send(to, {
			text,
			deliveryId,
			...(sessionKey !== undefined && { sessionKey }),
		});
	}
	return deliveryId;
}

/** Whom somebody means, as session keys name them: a chat is one, however it is written. */
function addressOf({ provider }: OpenDialog, whom: string): string {
	try {
		return provider.addressOf?.(whom) ?? whom;
	} catch (error) {
		throw new AeonError("usage", describeError(error), { cause: error });
	}
}

function isMailed(provider: DialogProvider): provider is MailedDialog {
	return provider.split !== undefined;
}

/** Where a message came from: what its turn tells, asks and sends goes there. */
function createSender(
	{ sessionKey, reference, sender }: InboundMessage,
	provider: DialogProvider,
	outbox: Outbox | undefined,
	parts: HostParts,
): Sender {
	const { userId: to } = parseSessionKey(sessionKey);
	const address: AnswerAddress = {
		dialog: provider.name,
		to,
		sessionKey,
		reference,
		// Where several people talk, it must be seen whom an answer is for.
		...(sender !== undefined && { replyTo: reference }),
	};
	return {
		tell(event) {
			if (outbox) outbox.show(address, event);
			else provider.show?.(to, event);
		},
		approve: (request, signal) =>
			approve(provider, parts.approvals, sessionKey, request, signal, sender),
		send: (outbound) => send(parts.dialogs, provider, sessionKey, outbound),
		...(outbox && {
			joins: true,
			complete: parts.media.complete,
			deliver: (result, runIds) => outbox.deliver(result, runIds, address),
		}),
	};
}

/** A person's word on a command: one given before to exactly this one, else the dialog's. */
async function approve(
	dialog: DialogProvider,
	approvals: Approvals,
	sessionKey: string,
	request: ApprovalRequest,
	signal: AbortSignal,
	sender: string | undefined,
): Promise<Decision> {
	// What one of several people allows, it allows for itself.
	const owner = sender === undefined ? sessionKey : `${sessionKey} ${sender}`;
	if (approvals.isAllowed(owner, request)) return "always";
	const decision =
		(await dialog.approve?.(sessionKey, request, signal, sender)) ?? "deny";
	if (decision === "always") await approvals.allow(owner, request);
	return decision;
}

/** Sends what a tool wants sent: to its own chat, which is where it was spoken in, or to one that is allowed. */
async function send(
	dialogs: ReadonlyMap<string, OpenDialog>,
	provider: DialogProvider,
	sessionKey: string,
	message: Parameters<ToolRun["send"]>[0],
): Promise<string> {
	const own = parseSessionKey(sessionKey);
	const { dialog = own.dialog, to: whom = own.userId, text } = message;
	const attachments: readonly Attachment[] = message.attachments ?? [];
	// A session of a chat that is not here, such as the terminal's through a server, has the dialog it is spoken in.
	const open =
		dialogs.get(dialog) ??
		(dialog === own.dialog ? dialogs.get(provider.name) : undefined);
	const to = open ? addressOf(open, whom) : whom;
	const isOwn = dialog === own.dialog && to === own.userId;
	if (!open || !(isOwn || open.provider.mayReach?.(to)))
		throw new AeonError(
			"not_found",
			`${dialog}:${to} may not be written to from here: leave out dialog and to, and it goes to this chat`,
		);
	await sendTo(open, to, { text, sessionKey, attachments });
	return `${dialog}:${to}`;
}
