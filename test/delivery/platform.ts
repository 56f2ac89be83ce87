// A platform of a test's own behind the port: it keeps what is sent to it, and fails as it is told.

import { AeonError, type ErrorCode } from "../../src/core/errors.ts";
import type { MailedDialog } from "../../src/delivery/outbox.ts";
import type { OutboundMessage } from "../../src/dialogs/provider.ts";

/** What was asked of it, and when. */
export interface Call {
	kind: "send" | "edit" | "remove" | "typing";
	to: string;
	text?: string;
	at: number;
	triedAt?: string;
}

/** How the next calls of a kind end. */
export interface Failure {
	kind: Call["kind"];
	code: ErrorCode;
	status?: number;
	retryAfterMs?: number;
	/** It is done all the same. */
	isDone?: boolean;
	times?: number;
}

/** The platform, and the dialog that leads to it. */
export interface Platform {
	dialog: MailedDialog;
	calls: Call[];
	/** What a person sees, by chat. */
	chat(to: string): string[];
	fail(failure: Failure): void;
	/** Nothing fails any more. */
	calm(): void;
	/** The calls of these kinds, as `kind text`. */
	told(...kinds: Call["kind"][]): string[];
}

/** Where a text is cut: into parts of one platform message each. */
const CUT = "|";

export function createPlatform(
	now: () => number,
	pauseMs = 1_000,
	name = "post",
): Platform {
	const calls: Call[] = [];
	const failures: Required<Failure>[] = [];
	const messages = new Map<string, { to: string; text: string }>();
	let count = 100;

	const note = (call: Omit<Call, "at">, work: () => void) => {
		calls.push({ ...call, at: now() });
		const failure = failures.find(
			({ kind, times }) => kind === call.kind && times > 0,
		);
		if (!failure) return work();
		failure.times--;
		if (failure.isDone) work();
		const { code, status, retryAfterMs } = failure;
		throw new AeonError(code, `the platform said ${code}`, {
			...(status && { status }),
			...(retryAfterMs && { retryAfterMs }),
		});
	};

	const dialog: MailedDialog = {
		name,
		async start() {},
		async stop() {},
		split: (text) => (text.trim() === "" ? [] : text.split(CUT)),
		async send(to, { text, triedAt }: OutboundMessage) {
			let id = "";
			const tried = triedAt === undefined ? {} : { triedAt };
			note({ kind: "send", to, text, ...tried }, () => {
				id = String(++count);
				messages.set(id, { to, text });
			});
			return id;
		},
		async edit(to, id, { text }) {
			note({ kind: "edit", to, text }, () => {
				if (!messages.has(id))
					throw new AeonError("peer_rejected", "message to edit not found", {
						status: 400,
					});
				messages.set(id, { to, text });
			});
		},
		async remove(to, id) {
			note({ kind: "remove", to }, () => void messages.delete(id));
		},
		async typing(to, _signal, reference) {
			const text = reference === undefined ? {} : { text: reference };
			note({ kind: "typing", to, ...text }, () => {});
		},
		editPauseMs: () => pauseMs,
		bookmark: () => String(count),
	};
	return {
		dialog,
		calls,
		chat: (to) =>
			[...messages.values()].flatMap((one) =>
				one.to === to ? [one.text] : [],
			),
		fail: (failure) =>
			failures.push({
				times: 1,
				status: 0,
				retryAfterMs: 0,
				isDone: false,
				...failure,
			}),
		calm() {
			failures.length = 0;
		},
		told: (...kinds) =>
			calls
				.filter(({ kind }) => kinds.includes(kind))
				.map(({ kind, text }) => [kind, text].filter(Boolean).join(" ")),
	};
}
