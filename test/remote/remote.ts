import { join } from "node:path";
import type { ApprovalRequest, Decision } from "../../src/core/approval.ts";
import type { TurnEvent, TurnResult } from "../../src/core/event.ts";
import { findServer } from "../../src/core/presence.ts";
import {
	Connection,
	type ConnectionOptions,
} from "../../src/remote/connection.ts";
import { RemoteHost } from "../../src/remote/host.ts";

/** The session that a test talks in where it names none. */
export const SESSION = "agent:main:cli:test";

/** A dialog that talks to a server, and what it was told. */
export interface RemoteDialog extends Disposable {
	connection: Connection;
	host: RemoteHost;
	events: TurnEvent[];
	/** What `message_send` sent. */
	sent: string[];
	say(text: string, sessionKey?: string): Promise<TurnResult>;
	/** Resolves when an event of this type has been shown. */
	event(type: TurnEvent["type"]): Promise<void>;
}

type Approve = (
	request: ApprovalRequest,
	signal: AbortSignal,
) => Promise<Decision>;

/** Connects a dialog to the server of a home, or to its wire. */
export async function connectDialog(
	home: string,
	options: Partial<ConnectionOptions> & { url?: string } = {},
	approve: Approve = async () => "allow",
): Promise<RemoteDialog> {
	const { url, ...rest } = options;
	const { connection } = await Connection.open({
		locate() {
			const server = findServer(join(home, ".aeon"));
			return server && { url: url ?? server.url, token: server.token };
		},
		firstMs: 5_000,
		...rest,
	});
	const events: TurnEvent[] = [];
	const sent: string[] = [];
	const waiting: { type: TurnEvent["type"]; told(): void }[] = [];
	const host = new RemoteHost(connection, {
		name: "cli",
		start: async () => {},
		stop: async () => {},
		send: async (_user, { text }) => void sent.push(text),
		show(_user, event) {
			events.push(event);
			for (const one of waiting) if (one.type === event.type) one.told();
		},
		approve: (_session, request, signal) => approve(request, signal),
	});
	return {
		connection,
		host,
		events,
		sent,
		say: (text, sessionKey = SESSION) => host.receive({ sessionKey, text }),
		async event(type) {
			if (events.some((event) => event.type === type)) return;
			await new Promise<void>((told) => waiting.push({ type, told }));
		},
		[Symbol.dispose]: () => connection.close(),
	};
}

/** Events without what is different in every run. */
export function comparable(events: TurnEvent[]): unknown[] {
	return events.map(({ runId: _, ...event }) =>
		"result" in event
			? { ...event, result: { ...event.result, runId: "" } }
			: event,
	);
}
