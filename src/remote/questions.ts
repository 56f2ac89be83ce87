import { AeonError } from "../core/errors.ts";
import type { DialogProvider } from "../dialogs/provider.ts";
import type { EventData } from "../server/events.ts";
import type { Connection } from "./connection.ts";

type Question = EventData<"approval.requested">;

/** The questions of a server that a dialog's person is asked. Any client may answer one; then nobody else need. */
export class Questions {
	readonly #connection: Connection;
	readonly #dialog: DialogProvider;
	readonly #open = new Map<
		string,
		{ sessionKey: string; controller: AbortController }
	>();

	constructor(connection: Connection, dialog: DialogProvider) {
		this.#connection = connection;
		this.#dialog = dialog;
	}

	/** Asks the person, once, and tells the server the answer. */
	async ask({ approvalId, sessionKey, ...question }: Question): Promise<void> {
		if (this.#open.has(approvalId)) return;
		const controller = new AbortController();
		const { signal } = controller;
		this.#open.set(approvalId, { sessionKey, controller });
		const { tool, command, cwd } = question;
		const request = { tool, command, cwd };
		const decision =
			(await this.#dialog.approve?.(sessionKey, request, signal)) ?? "deny";
		try {
			if (!signal.aborted)
				await this.#connection.request("approval.resolve", {
					approvalId,
					decision,
				});
		} catch {
			return; // answered elsewhere, or the server is gone: the turn, which is waited for, tells what came of it
		} finally {
			this.#open.delete(approvalId);
		}
	}

	/** The question is closed: whoever is being asked need not answer. */
	close(approvalId: string): void {
		this.#open
			.get(approvalId)
			?.controller.abort(
				new AeonError("cancelled", "Somebody else has answered."),
			);
	}

	/** The same for all questions of a session. */
	closeAll(sessionKey: string): void {
		for (const [approvalId, open] of this.#open)
			if (open.sessionKey === sessionKey) this.close(approvalId);
	}

	/** Asks what came while the connection was lost, and closes what was answered meanwhile. */
	async refresh(isOwn: (sessionKey: string) => boolean): Promise<void> {
		const { approvals } = await this.#connection.request("approval.list", {});
		const waiting = new Set(approvals.map(({ approvalId }) => approvalId));
		for (const approvalId of this.#open.keys())
			if (!waiting.has(approvalId)) this.close(approvalId);
		for (const question of approvals)
			if (isOwn(question.sessionKey)) void this.ask(question);
	}
}
