// How the server listens by its settings, and whether that is safe.

import { AeonError } from "./core/errors.ts";
import { isLoopback } from "./server/guard.ts";
import type { ServerOptions } from "./server/server.ts";
import { readOrMakeToken, STRONG_BITS, tokenBits } from "./server/token.ts";
import type { Settings } from "./settings/schema.ts";

/** What the server is started with. Throws `storage_failed` where its token cannot be read. */
export function serverOptions(
	{ server }: Settings,
	state: string,
): ServerOptions {
	return {
		host: server.host,
		port: server.port,
		hosts: server.hosts,
		origins: server.origins,
		token: server.token?.reveal() ?? readOrMakeToken(state),
		maxClients: server.max_clients,
		maxFrameBytes: server.max_frame_bytes,
		maxBufferedBytes: server.max_buffered_bytes,
		idleSeconds: server.idle_seconds,
	};
}

/** Whoever listens beyond this machine must have chosen a token that nobody can guess. Throws `config_invalid`. */
export function checkExposure({ file, server }: Settings): void {
	const { host, token } = server;
	if (isLoopback(host)) return;
	if (token && tokenBits(token.reveal()) >= STRONG_BITS) return;
	throw new AeonError(
		"config_invalid",
		`${file ?? "The configuration"} cannot be used:\n  server.token: ${token ? "is too easy to guess" : "is missing"} for server.host ${JSON.stringify(host)}, which others can reach: write one of at least ${STRONG_BITS} bits, for example of \`openssl rand -hex 32\`, or "127.0.0.1" for the host`,
	);
}
