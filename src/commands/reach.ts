// How a command finds the server that it goes through: the one that runs on this machine, or the one that `--url` names.

import { realpathSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { findConfigFile } from "../core/config.ts";
import { AeonError } from "../core/errors.ts";
import { stateDirectory } from "../core/paths.ts";
import { findServer, type ServerPresence } from "../core/presence.ts";
import type { Connection } from "../remote/connection.ts";
import type { Payload } from "../server/protocol.ts";
import { surroundings } from "./options.ts";

/** The flags of a command that can talk to a server elsewhere. */
export const serverFlags = {
	url: {
		type: "string",
		description: "Talk to the aeon serve at this address",
		valueHint: "ws://HOST:7777",
	},
	"token-file": {
		type: "string",
		description: "With --url: the file with its token; asked for otherwise",
		valueHint: "FILE",
	},
} as const;

/** What of a command line decides where its work is done. */
export interface Reach {
	/** The command reads no configuration, so that whichever server runs will do. */
	takesAny?: boolean;
	config?: string | undefined;
	demo?: boolean | undefined;
	url?: string | undefined;
	"token-file"?: string | undefined;
}

/** A server that answers, and what it says of itself. */
export interface Reached {
	connection: Connection;
	hello: Payload<"hello">;
}

/** How long a server may take to answer: one on this machine, and one elsewhere. */
const NEAR_MS = 3_000;
const FAR_MS = 10_000;

/**
 * The server that a command goes through; undefined where it has to do its work itself: none runs, or it would read
 * another configuration than that one does. Throws where a server is there, or named, and cannot be talked to.
 */
export async function reachServer(flags: Reach): Promise<Reached | undefined> {
	const { url, config, demo } = flags;
	if (url !== undefined) {
		if (config !== undefined || demo)
			throw new AeonError(
				"usage",
				`--url talks to a server, which has a configuration of its own: leave out ${demo ? "--demo" : "--config"}`,
			);
		return reachFar(url, flags["token-file"]);
	}
	if (flags["token-file"] !== undefined)
		throw new AeonError("usage", "--token-file needs --url ws://HOST:7777");
	return demo ? undefined : reachNear(flags);
}

async function reachFar(
	given: string,
	tokenFile: string | undefined,
): Promise<Reached> {
	const url = checkUrl(given);
	const { readToken } = await import("./token.ts");
	const address = { url, token: await readToken(url, tokenFile) };
	const { Connection } = await import("../remote/connection.ts");
	return Connection.open({ locate: () => address, firstMs: FAR_MS });
}

async function reachNear(flags: Reach): Promise<Reached | undefined> {
	const state = stateDirectory(homedir());
	const given = flags.takesAny ? undefined : givenConfig(flags, state);
	const isOurs = ({ config }: ServerPresence) =>
		given === undefined || isSameFile(given, config);
	const server = findServer(state);
	if (!server || !isOurs(server)) return undefined;
	const { Connection } = await import("../remote/connection.ts");
	try {
		return await Connection.open({
			locate: () => findServer(state),
			firstMs: NEAR_MS,
			isPatient: true,
		});
	} catch (error) {
		// It has ended meanwhile: the store is free.
		if (!findServer(state)) return undefined;
		const { pid, url } = findServer(state) ?? server;
		throw new AeonError(
			"timeout",
			`aeon serve runs as process ${pid} and cannot be talked to at ${url}`,
			{
				cause: error,
				hint: `Wait if it has just been started; otherwise look into its log, or end it with kill ${pid}.`,
			},
		);
	}
}

/** The configuration file that is named, or lies in the folder that the command was started in; not the usual one. */
function givenConfig({ config }: Reach, state: string): string | undefined {
	const where = surroundings();
	const file = findConfigFile(where, config);
	const isNamed = config !== undefined || !!where.env.AEON_CONFIG;
	return isNamed || file !== join(state, "aeon.json") ? file : undefined;
}

/** Throws `usage` where it is not the address of a server. */
function checkUrl(given: string): string {
	const url = URL.parse(given);
	if (!url || !["ws:", "wss:"].includes(url.protocol) || url.hostname === "")
		throw new AeonError(
			"usage",
			`--url ${given}: write ws://HOST:7777, or wss://HOST behind a proxy with a certificate`,
		);
	if (url.username || url.password || url.search || url.hash)
		throw new AeonError(
			"usage",
			"--url takes an address only; the token goes into a file: --token-file FILE",
		);
	return given;
}

function isSameFile(one: string, other: string): boolean {
	try {
		return realpathSync(one) === realpathSync(other);
	} catch {
		return one === other; // one of them is not there, or not any more
	}
}
