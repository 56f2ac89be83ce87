// Who serves a state directory: one process at a time, and how others on this machine find it.

import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AeonError, describeError } from "./errors.ts";
import { asRecord, asText, parseJson } from "./json.ts";
import { type ProcessLock, platform } from "./platform.ts";

/** A running server, as its own machine knows it. */
export interface ServerPresence {
	pid: number;
	/** `ws://…`, by an address of this machine. */
	url: string;
	token: string;
	/** The configuration file it runs with; empty where it has none. */
	config: string;
	/** The store that nobody else may write into. */
	store: StorePlace;
}

/** Where sessions lie: the word `storage.driver`, and the file or folder. */
export interface StorePlace {
	driver: string;
	path: string;
}

/** The right to serve a state directory. It ends with the process, however that ends. */
export interface Claim {
	/**
	 * Tells others on this machine how to reach the server. The file is its owner's alone. Where the disk does not take it,
	 * `failed` is told why, and it is tried again until it does.
	 */
	announce(presence: ServerPresence, failed: (error: unknown) => void): void;
	release(): void;
}

/** A process that only looks whether the lock is free holds it for a moment. */
const LOCK_TRIES = 20;
const LOCK_PAUSE_MS = 25;

/** Between two tries to announce a server on a full disk. */
const ANNOUNCE_PAUSE_MS = 2_000;

/**
 * Takes the right to serve a state directory, which must be there. Throws `conflict`, with the process that has it, and
 * `storage_failed` where nothing can be locked there.
 */
export async function claimState(state: string): Promise<Claim> {
	for (let tries = 1; ; tries++) {
		const lock = takeLock(state);
		if (lock) return holdClaim(state, lock);
		if (tries === LOCK_TRIES) throw alreadyServed(state);
		await new Promise((resolve) => setTimeout(resolve, LOCK_PAUSE_MS));
	}
}

/** The server of a state directory, as it announced itself; undefined where none runs, whatever a killed one has left. */
export function findServer(state: string): ServerPresence | undefined {
	const presence = readPresence(state);
	if (!presence) return undefined;
	const lock = takeLock(state);
	if (!lock) return presence;
	lock.release();
	return undefined;
}

function holdClaim(state: string, lock: ProcessLock): Claim {
	let retry: ReturnType<typeof setTimeout> | undefined;
	const announce: Claim["announce"] = (presence, failed) => {
		clearTimeout(retry);
		try {
			writePresence(state, presence);
		} catch (error) {
			failed(error);
			retry = setTimeout(announce, ANNOUNCE_PAUSE_MS, presence, failed);
			retry.unref();
		}
	};
	// What a killed one has left must not be taken for this one's.
	rmSync(presenceFile(state), { force: true });
	return {
		announce,
		release() {
			clearTimeout(retry);
			rmSync(presenceFile(state), { force: true });
			lock.release();
		},
	};
}

function takeLock(state: string) {
	const path = join(state, "serve.lock");
	try {
		return platform.lock(path);
	} catch (error) {
		throw new AeonError(
			"storage_failed",
			`${path} cannot be locked: ${describeError(error)}`,
			{ cause: error, hint: "Check who owns it and its folder." },
		);
	}
}

function alreadyServed(state: string): AeonError {
	const holder = readPresence(state);
	const who = holder ? `process ${holder.pid}, at ${holder.url}` : "a process";
	return new AeonError(
		"conflict",
		`aeon serve runs already on ${state}: ${who}`,
		{ hint: "Stop that one first, or start this one with another HOME." },
	);
}

function presenceFile(state: string): string {
	return join(state, "serve.json");
}

function writePresence(state: string, presence: ServerPresence): void {
	const file = presenceFile(state);
	// Whole or not at all: a full disk cuts what is written to it.
	writeFileSync(`${file}.tmp`, `${JSON.stringify(presence)}\n`, {
		mode: 0o600,
	});
	renameSync(`${file}.tmp`, file);
}

function readPresence(state: string): ServerPresence | undefined {
	let text: string;
	try {
		text = readFileSync(presenceFile(state), "utf8");
	} catch {
		return undefined;
	}
	const { pid, url, token, config, store } = asRecord(parseJson(text)) ?? {};
	if (typeof pid !== "number" || asText(url) === "") return undefined;
	return {
		pid,
		url: asText(url),
		token: asText(token),
		config: asText(config),
		store: {
			driver: asText(asRecord(store)?.driver),
			path: asText(asRecord(store)?.path),
		},
	};
}
