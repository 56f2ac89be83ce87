// The control plane: one port that clients talk to Aeon through, by the protocol of docs/protocol.md.

import { AeonError, describeError } from "../core/errors.ts";
import type { RuntimeEvent } from "../core/event.ts";
import type { Logger } from "../core/logger.ts";
import { platform } from "../core/platform.ts";
import type { DialogProvider } from "../dialogs/provider.ts";
import { PendingApprovals } from "./approvals.ts";
import type { Backend } from "./backend.ts";
import type { Client } from "./client.ts";
import { webSocketDialog } from "./dialog.ts";
import type { WireEvent } from "./events.ts";
import { bearerOf, Guard, type GuardOptions, type Refusal } from "./guard.ts";
import { createRoutes, refuse, WEBHOOKS } from "./http.ts";
import type { MethodParts } from "./methods.ts";
import { Metrics } from "./metrics.ts";
import { RunBook } from "./runs.ts";
import { Sockets } from "./sockets.ts";
import { Sparse } from "./sparse.ts";
import { toWire } from "./translate.ts";

/** How a server listens, whom it lets in, and what it bears. */
export interface ServerOptions extends GuardOptions {
	port: number;
	maxClients: number;
	/** A larger frame closes its socket with 1009. */
	maxFrameBytes: number;
	/** What may wait for a client that does not read. */
	maxBufferedBytes: number;
	/** A socket that is silent for so long, and does not answer a ping either, is closed. */
	idleSeconds: number;
}

/** A server that listens. */
export interface AeonServer {
	readonly port: number;
	/** Its clients as a dialog, for the Aeon behind it. */
	readonly dialog: DialogProvider;
	/** Lets clients ask how it is, by the Aeon that is tried: everything else still waits. */
	show(backend: Backend): void;
	/** Puts Aeon behind it; requests that need it wait until then. */
	attach(backend: Backend): void;
	/** Tells every client what the runtime tells. */
	observe(event: RuntimeEvent): void;
	/** Other rules and limits from now on; host, port and frame size stay. */
	use(options: ServerOptions): void;
	/** Takes in no client and no message any more, and tells everybody. */
	announceEnd(drainMs: number): void;
	/** Closes every socket. */
	close(): void;
}

/** Frames are dropped, and their client told to come again, only far beyond what it is allowed to be behind. */
const DROP_LIMIT = 16 * 1024 * 1024;

/** What the log has of a reason, which may hold what a stranger sent. */
const MAX_REASON = 200;

/** Of what a platform sends while Aeon begins or ends: it is sent again. */
const NOT_NOW: Refusal = {
	status: 503,
	message: "Aeon does not take anything in right now.",
	retryAfterMs: 1_000,
};

/** Of a new version that takes nothing in yet. */
const TRIED = { isReady: false, problem: "Aeon is being updated" };

/** Of a request whose Host and path are no URL together. */
const NO_URL: Refusal = {
	status: 400,
	message: "The request's Host and path are no URL.",
};

/**
 * Starts to listen, at once. What fails in a request is told to `onFault`. Throws `conflict` where the port is taken, and
 * `usage` where the address is not ours.
 */
export function startServer(
	options: ServerOptions,
	logger: Logger,
	onFault: (error: unknown) => void,
): AeonServer {
	const startedAt = Date.now();
	const guard = new Guard(options);
	const metrics = new Metrics();
	const runs = new RunBook();
	const { promise: backend, resolve: attach } =
		Promise.withResolvers<Backend>();
	const { promise: shown, resolve: show } = Promise.withResolvers<Backend>();
	let attached: Backend | undefined;
	let isTried = false;
	let limits = limitsOf(options);
	let isEnding = false;
	const tell = (event: WireEvent) => sockets.broadcast(runs.record(event));
	const approvals = new PendingApprovals(tell);
	const methodParts: MethodParts = {
		backend,
		shown,
		approvals,
		limits: () => limits,
		clients: () => sockets.size,
		replay(client, after) {
			const missed = runs.after(after);
			client.replay(missed);
			return missed.length;
		},
		startedAt,
		assertOpen() {
			if (isEnding)
				throw new AeonError("shutting_down", "The server is about to end.");
		},
	};
	const logWrongToken = (address: string) => {
		const count = guard.wrongTokens(address);
		// 1, 2, 4, 8, …: a flood must not fill the log.
		if ((count & (count - 1)) === 0)
			logger.warn("auth.failed", { address, count });
	};
	const refusals = new Sparse();
	const noteRefusal = (address: string, status: number, why: string) => {
		const count = refusals.count(address);
		const reason = why.slice(0, MAX_REASON);
		if (count)
			logger.warn("request.refused", { address, status, reason, count });
	};
	const sockets = new Sockets({
		guard,
		logger,
		loadTables: async () => {
			const { createTables } = await import("./tables.ts");
			return createTables(methodParts, guard, logWrongToken, () =>
				sockets.hasRoom(),
			);
		},
		limits: () => limits,
		logWrongToken,
		countError: (code) => metrics.countError(code),
	});
	const routes = createRoutes({
		noteRefusal,
		async webhook(dialog, request) {
			if (!attached || isEnding) return refuse(NOT_NOW);
			return attached.webhook(dialog, request);
		},
		readiness: () =>
			isTried && !attached ? TRIED : readiness(attached, isEnding),
		async refuse(request, address) {
			const token = bearerOf(request.headers) ?? "";
			const refusal = guard.checkToken(token, address);
			if (refusal) logWrongToken(address);
			return refusal;
		},
		metrics: () =>
			metrics.expose({
				clients: sockets.size,
				...(attached?.runtime.count() ?? { running: 0, waiting: 0 }),
				rssBytes: process.memoryUsage.rss(),
				uptimeSeconds: (Date.now() - startedAt) / 1000,
			}),
	});
	// Otherwise Hono would answer, and nobody hear of it.
	routes.onError((error) => {
		throw error;
	});
	const http = listen(options, {
		// Not async: a request that was waited for could no longer be upgraded.
		fetch(request, incoming) {
			const url = URL.parse(request.url);
			const isWebhook = url?.pathname.startsWith(WEBHOOKS);
			const refusal = isWebhook
				? undefined
				: (guard.checkRequest(request) ?? (url ? undefined : NO_URL));
			if (refusal) {
				noteRefusal(incoming.address, refusal.status, refusal.message);
				return refuse(refusal);
			}
			return isHandshake(request, url)
				? sockets.handshake(request, incoming)
				: routes.fetch(request, { address: incoming.address });
		},
		failed: onFault,
		opened: (socket) => sockets.opened(socket),
		received: (socket, frame) => sockets.received(socket.data, frame),
		drained: (socket) => socket.data.drained(),
		closed: (socket, code) => sockets.closed(socket.data, code),
	});
	return {
		port: http.port,
		dialog: webSocketDialog(approvals, tell),
		show(open) {
			isTried = true;
			show(open);
		},
		attach(open) {
			attached = open;
			show(open);
			attach(open);
		},
		observe(event) {
			metrics.observe(event);
			tell(toWire(event));
		},
		use(next) {
			guard.use(next);
			limits = { ...limitsOf(next), maxFrameBytes: limits.maxFrameBytes };
		},
		announceEnd(drainMs) {
			isEnding = true;
			sockets.stop();
			tell({ event: "server.shutdown", data: { drainMs } });
		},
		close() {
			sockets.closeAll();
			http.close();
		},
	};
}

function limitsOf(options: ServerOptions) {
	const { maxFrameBytes, maxBufferedBytes, maxClients } = options;
	return { maxFrameBytes, maxBufferedBytes, maxClients };
}

function listen(
	{ host, port, maxFrameBytes, maxBufferedBytes, idleSeconds }: ServerOptions,
	handlers: Pick<
		Parameters<typeof platform.serve<Client>>[0],
		"fetch" | "failed" | "opened" | "received" | "drained" | "closed"
	>,
) {
	try {
		return platform.serve<Client>({
			host,
			port,
			maxFrameBytes,
			maxBufferedBytes: Math.max(DROP_LIMIT, 4 * maxBufferedBytes),
			idleSeconds,
			...handlers,
		});
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		if (code === "EADDRINUSE")
			throw new AeonError(
				"conflict",
				`Another program listens on ${host}:${port} already`,
				{
					cause: error,
					hint: "Set server.port in aeon.json to one that is free.",
				},
			);
		throw new AeonError(
			"usage",
			`Aeon cannot listen on ${host}:${port}: ${describeError(error)}`,
			{
				cause: error,
				hint: "server.host and server.port in aeon.json say where.",
			},
		);
	}
}

/** What the WebSocket protocol asks of a handshake's beginning (RFC 6455 section 4.1). */
function isHandshake({ method, headers }: Request, url: URL | null): boolean {
	if (method !== "GET") return false;
	if (headers.get("upgrade")?.toLowerCase() !== "websocket") return false;
	return url?.pathname === "/ws" || url?.pathname === "/";
}

function readiness(backend: Backend | undefined, isEnding: boolean) {
	if (!backend) return { isReady: false, problem: "Aeon is opening its store" };
	const storage = backend.health();
	const dialogs = backend.dialogs();
	const isRunning = dialogs.every(({ state }) => state !== "starting");
	const isReady = storage.isWell && isRunning && !isEnding;
	const notices = [...backend.notices()];
	return {
		isReady,
		storage,
		dialogs,
		...(notices.length > 0 && { notices }),
		...(isEnding && { problem: "The server is about to end" }),
	};
}
