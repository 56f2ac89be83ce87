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
	/** What the server has to have in common with the configuration of the command; all of it where nothing is said. */
	shares?: "nothing" | "storage";
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
 * The server that a command goes through; undefined where it has to do its work itself: none runs, or it has another
 * store. Throws where a server is there, or named, and cannot be talked to; and `conflict` where the command would answer
 * by another configuration in the store of that server.
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
	return reachNear(flags);
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
	const server = findServer(state);
	if (!server) return undefined;
	if (isOther(flags, server, state)) {
		if (!(await hasStoreOf(server, flags))) return undefined;
		if (flags.shares !== "storage") throw refusal(server, flags);
	}
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

/** True where a command would not work by the configuration of the server. */
function isOther(flags: Reach, server: ServerPresence, state: string): boolean {
	if (flags.shares === "nothing") return false;
	const given = givenConfig(flags, state);
	if (given !== undefined && !isSameFile(given, server.config)) return true;
	return flags.demo ?? false;
}

/** True where the configuration of a command keeps its sessions where the server keeps its own. */
async function hasStoreOf(
	{ store }: ServerPresence,
	{ config, demo }: Reach,
): Promise<boolean> {
	const [{ loadSettings }, { storePlace }] = await Promise.all([
		import("../settings/settings.ts"),
		import("../settings/store_place.ts"),
	]);
	const settings = await loadSettings({
		...surroundings(),
		configFlag: config,
		demo: demo ?? false,
		needs: "storage",
	});
	const { driver, path } = storePlace(settings);
	return driver === store.driver && isSameFile(path, store.path);
}

function refusal(
	{ pid, store }: ServerPresence,
	{ config, demo }: Reach,
): AeonError {
	const named =
		config === undefined ? "AEON_CONFIG or ./aeon.json" : "--config";
	return new AeonError(
		"conflict",
		`aeon serve runs as process ${pid} and is the only one that may write to ${store.path}`,
		{
			hint: `Leave out ${demo ? "--demo" : named} to talk through it, end it with kill ${pid}, or name with --config a file whose storage.sessions_db lies elsewhere.`,
		},
	);
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
