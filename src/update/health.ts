// Whether a server of a version answers: asked as any client would.

import { AeonError, describeError, hasCode } from "../core/errors.ts";
import { pause } from "../core/pause.ts";
import type { Address } from "../remote/failure.ts";

/** What is waited for. Times are milliseconds. */
export interface Awaited {
	/** Where the server is now; undefined while it runs nowhere. */
	locate(): Address | undefined;
	version: string;
	timeoutMs: number;
	/** It has to have begun after this moment on the clock, where one of the same version ran before. */
	since?: number;
	/** Why it cannot come any more; undefined while it may. */
	hopeless?(): Promise<string | undefined>;
	/** True while it may take longer, for it copies or migrates what there is. */
	isAtWork?(): boolean;
}

/** Between two looks; each costs the machine something that is to start meanwhile. */
const PAUSE_MS = { first: 200, longest: 1_000 };

const ANSWER_MS = 5_000;

/** Copying and migrating databases on a slow card takes no longer. */
const WORK_MS = 10 * 60_000;

/** A store that is not well is tried again and again, which may help within this time. */
const UNWELL_MS = 3_000;

/** Waits until a server of a version answers with a store that is well, and gives how it is. Throws `timeout`. */
export async function awaitVersion(
	wanted: Awaited,
): Promise<{ notices: readonly string[] }> {
	const began = performance.now();
	let deadline = began + wanted.timeoutMs;
	const latest = began + WORK_MS;
	for (let problem = "it does not answer"; ; ) {
		const lost = await wanted.hopeless?.();
		if (lost !== undefined) throw new AeonError("timeout", lost);
		try {
			if (wanted.locate()) return await look(wanted);
		} catch (error) {
			// That nobody is reached is what is waited for to end.
			if (!hasCode(error, "not_found")) problem = describeError(error);
			if (hasCode(error, "storage_failed"))
				deadline = Math.min(deadline, performance.now() + UNWELL_MS);
		}
		const now = performance.now();
		if (now > deadline && !(now < latest && wanted.isAtWork?.()))
			throw new AeonError("timeout", problem);
		const { first, longest } = PAUSE_MS;
		await pause(Math.min(longest, Math.max(first, (now - began) / 10)));
	}
}

async function look({ locate, version, since }: Awaited) {
	const { Connection } = await import("../remote/connection.ts");
	const { connection, hello } = await Connection.open({
		locate,
		firstMs: ANSWER_MS,
		returnMs: 0,
		silenceMs: ANSWER_MS,
	});
	try {
		if (hello.version !== version)
			throw new Error(`it says that it is Aeon ${hello.version}`);
		const status = await connection.request("status", {});
		const { isWell, problem = "its store is not well" } = status.storage;
		if (!isWell) throw new AeonError("storage_failed", problem);
		if (since !== undefined && Date.now() - status.uptimeMs < since)
			throw new Error("it has not been started again");
		return status;
	} finally {
		connection.close();
	}
}
