// What the methods of the protocol do: those about the server, its agents and its clients.

import { AeonError, hasCode } from "../core/errors.ts";
import { NO_USAGE } from "../core/message.ts";
import { formatSessionKey, parseSessionKey } from "../core/session.ts";
import { VERSION } from "../core/version.ts";
import type { StoreStatistics } from "../storage/store.ts";
import type { PendingApprovals } from "./approvals.ts";
import type { Backend } from "./backend.ts";
import type { Client } from "./client.ts";
import type { Method, MethodTable } from "./dispatch.ts";
import { EVENTS } from "./events.ts";
import { invalidRequest } from "./failure.ts";
import { PROTOCOL_VERSION } from "./frames.ts";
import { describeMemory, memoryMethods } from "./memory_methods.ts";
import {
	METHODS,
	type MethodName,
	type Params,
	type Payload,
} from "./protocol.ts";
import type { Position } from "./runs.ts";
import { attachFiles, sendMessage } from "./send.ts";
import { sessionMethods } from "./session_methods.ts";

/** The user in the key of a session that nobody has named. */
const DEFAULT_USER = "local";

/** What the methods act on, beside who asks. */
export interface MethodParts {
	/** Resolves once everything is open; the server listens before. */
	backend: Promise<Backend>;
	/** The same, and earlier where it is tried first: by it nothing may be changed. */
	shown: Promise<Backend>;
	approvals: PendingApprovals;
	limits(): Payload<"hello">["limits"];
	clients(): number;
	/** Tells a client again, after its answer, what it missed; gives how many events that is. */
	replay(client: Client, after: Position): number;
	startedAt: number;
	/** Throws once the server is about to end. */
	assertOpen(): void;
}

/** The methods, each doing its work at once where nothing has to be waited for. */
export type Handlers = {
	[Name in MethodName]: (
		params: Params<Name>,
		client: Client,
	) => Payload<Name> | Promise<Payload<Name>>;
};

/** Every method with the schema of its parameters. `auth` is not among them: it is for those who are not in yet. */
export function createMethods(parts: MethodParts): MethodTable<Client> {
	const handlers: Omit<Handlers, "auth"> = {
		...serverMethods(parts),
		...sessionMethods(parts.backend),
		...memoryMethods(parts.backend),
	};
	return Object.fromEntries(
		Object.entries(handlers).map(([name, run]) => [
			name,
			{ params: METHODS[name as MethodName].params, run } as Method<Client>,
		]),
	);
}

type ServerMethods = Omit<
	Handlers,
	"auth" | `session.${string}` | `memory.${string}`
>;

function serverMethods(parts: MethodParts): ServerMethods {
	const { backend, approvals } = parts;
	return {
		hello: async (_params, client) => {
			const { agents, defaultAgent, notice } = await parts.shown;
			const said = notice();
			return {
				ok: true,
				name: "aeon",
				version: VERSION,
				protocol: PROTOCOL_VERSION,
				clientId: client.id,
				limits: parts.limits(),
				methods: Object.keys(METHODS),
				events: Object.keys(EVENTS),
				agents: agents(),
				defaultAgent: defaultAgent(),
				...(said !== undefined && { notice: said }),
			};
		},

		ping: () => ({ ok: true, now: Date.now() }),

		"agent.send": async (params) => {
			parts.assertOpen();
			const open = await backend;
			const sessionKey = chooseSession(params, open.defaultAgent());
			return sendMessage(open, { ...params, sessionKey });
		},

		"agent.cancel": async ({ sessionKey, runId }) => {
			if ((sessionKey === undefined) === (runId === undefined))
				throw invalidRequest(
					"agent.cancel takes either 'sessionKey' or 'runId'",
				);
			const { runtime, mailbox } = await backend;
			const cancelled =
				runId === undefined
					? mailbox.stop(sessionKey ?? "")
					: runtime.cancelRun(runId);
			return { ok: true, cancelled };
		},

		"agent.command": async ({ line, sessionKey, model }) => {
			parseSessionKey(sessionKey);
			const { host } = await backend;
			const reply = await host.command(line, { sessionKey, model });
			return { ok: true, isCommand: reply !== undefined, ...reply };
		},

		"events.subscribe": ({ sessionKeys, events, after }, client) => {
			const stranger = events?.find((name) => !Object.hasOwn(EVENTS, name));
			if (stranger !== undefined)
				throw invalidRequest(
					`There is no event ${JSON.stringify(stranger.slice(0, 80))}: hello names those that there are`,
				);
			client.filter = {
				...(sessionKeys && { sessionKeys: new Set(sessionKeys) }),
				...(events && { events: new Set(events) }),
			};
			const replayed = after === undefined ? 0 : parts.replay(client, after);
			return { ok: true, replayed };
		},

		"dialog.list": async () => ({
			ok: true,
			dialogs: (await backend).dialogs(),
		}),

		"dialog.send": async ({ dialog, to, text, attachments }) => {
			parts.assertOpen();
			const open = await backend;
			const files = await attachFiles(open, attachments);
			const deliveryId = await open.send(dialog, to, text, files);
			return { ok: true, deliveryId };
		},

		"tool.list": async ({ agent }) => {
			const open = await backend;
			const id = agent ?? open.defaultAgent();
			return { ok: true, agent: id, tools: open.tools(id) };
		},

		"approval.list": () => ({ ok: true, approvals: approvals.list() }),

		"approval.resolve": ({ approvalId, decision }) => {
			approvals.resolve(approvalId, decision);
			return { ok: true };
		},

		status: async () => {
			const open = await parts.shown;
			const [{ sessions, usage }, { facts, notices }] = await Promise.all([
				open.store.statistics(midnight()).catch(asNothing),
				describeMemory(open),
			]);
			return {
				ok: true,
				version: VERSION,
				pid: process.pid,
				uptimeMs: Date.now() - parts.startedAt,
				config: open.configFile() ?? null,
				memory: { rssBytes: process.memoryUsage.rss() },
				storage: { driver: open.storageDriver(), ...open.health() },
				sessions,
				...(facts && { facts }),
				clients: parts.clients(),
				dialogs: open.dialogs(),
				queue: open.runtime.count(),
				tokensToday: usage,
				faults: open.faults(),
				notices: [...open.notices(), ...notices],
			};
		},

		"config.get": async () => ({ ok: true, config: (await backend).config() }),
	};
}

/** The session of a message: the one it names, else that of the agent it names, else the default agent's. */
function chooseSession(
	{ sessionKey, agent }: Params<"agent.send">,
	defaultAgent: string,
): string {
	if (sessionKey === undefined)
		return formatSessionKey({
			agentId: agent ?? defaultAgent,
			dialog: "ws",
			userId: DEFAULT_USER,
		});
	const { agentId } = parseSessionKey(sessionKey);
	if (agent !== undefined && agent !== agentId)
		throw new AeonError(
			"usage",
			`The session ${sessionKey} is one of the agent "${agentId}", not of "${agent}": leave out one of the two`,
		);
	return sessionKey;
}

/** Of a store that fails nothing is counted: how it is, its health says. */
function asNothing(error: unknown): StoreStatistics {
	if (!hasCode(error, "storage_failed")) throw error;
	return { sessions: 0, usage: NO_USAGE };
}

/** When today began on this machine's clock, milliseconds since 1970. */
function midnight(): number {
	return new Date().setHours(0, 0, 0, 0);
}
