// What a dialog is given to talk to Aeon with: where what is said through it is shown, asked and sent.

import type { Agent, ToolRun } from "./agent/agent.ts";
import type { Mailbox } from "./agent/mailbox.ts";
import type { Origin, Runtime } from "./agent/runtime.ts";
import { runSlash } from "./agent/slash.ts";
import type { ApprovalRequest, Decision } from "./core/approval.ts";
import { AeonError } from "./core/errors.ts";
import type { InboundMessage } from "./core/message.ts";
import { parseSessionKey } from "./core/session.ts";
import type { DialogHost, DialogProvider } from "./dialogs/provider.ts";
import type { Settings } from "./settings/schema.ts";
import type { SessionStore } from "./storage/store.ts";
import type { Approvals } from "./tools/approvals.ts";

/** What all dialogs talk to. */
export interface HostParts {
	runtime: Runtime;
	mailbox: Mailbox;
	store: SessionStore;
	approvals: Approvals;
	/** As they are now: a reload puts others in their place. */
	agents(): ReadonlyMap<string, Agent>;
	settings(): Settings;
}

/** What a dialog is started with. */
export function createHost(
	dialog: DialogProvider,
	parts: HostParts,
): DialogHost {
	const { runtime, mailbox, approvals, store } = parts;
	const originOf = ({ sessionKey }: InboundMessage): Origin => {
		const { userId } = parseSessionKey(sessionKey);
		return {
			tell: (event) => dialog.show?.(userId, event),
			approve: (request, signal) =>
				approve(dialog, approvals, sessionKey, request, signal),
			send: (outbound) => send(dialog, sessionKey, outbound),
		};
	};
	return {
		receive: async (message) =>
			runtime.submit(message, originOf(message)).result,
		accept: (message) =>
			mailbox.accept(dialog.name, message, originOf(message)),
		resume: () => mailbox.resume(dialog.name, originOf),
		cancel: async (sessionKey) => runtime.cancel(sessionKey),
		async command(line, context) {
			const agents = parts.agents();
			const reply = await runSlash(line, { runtime, store, agents }, context);
			const unusable = parts.settings().unusable.get(reply?.model ?? "");
			return unusable ? { text: unusable } : reply;
		},
	};
}

/** A person's word on a command: one given before to exactly this one, else the dialog's. */
async function approve(
	dialog: DialogProvider,
	approvals: Approvals,
	sessionKey: string,
	request: ApprovalRequest,
	signal: AbortSignal,
): Promise<Decision> {
	if (approvals.isAllowed(sessionKey, request)) return "always";
	const decision =
		(await dialog.approve?.(sessionKey, request, signal)) ?? "deny";
	if (decision === "always") await approvals.allow(sessionKey, request);
	return decision;
}

/** Sends what a tool wants sent. A session may write to its own chat only, which is where it was spoken in. */
async function send(
	provider: DialogProvider,
	sessionKey: string,
	message: Parameters<ToolRun["send"]>[0],
): Promise<string> {
	const own = parseSessionKey(sessionKey);
	const { dialog = own.dialog, to = own.userId, text } = message;
	if (dialog !== own.dialog || to !== own.userId)
		throw new AeonError(
			"not_found",
			`${dialog}:${to} may not be written to from here: leave out dialog and to, and it goes to this chat`,
		);
	await provider.send(to, { text, sessionKey });
	return `${dialog}:${to}`;
}
