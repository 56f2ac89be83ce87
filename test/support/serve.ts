import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { findServer, type ServerPresence } from "../../src/core/presence.ts";
import { start } from "./command.ts";

/** A running `aeon serve`. */
export interface Serve extends Disposable {
	presence: ServerPresence;
	/** Ends it and waits until it has ended. */
	end(signal: NodeJS.Signals): Promise<void>;
	/** Sends it a signal. */
	kill(signal: NodeJS.Signals): void;
}

/** The section of aeon.json that has `aeon serve` take any port that is free. */
export const ANY_PORT = { server: { port: 0 } };

/** Starts `aeon serve` from source, or a binary of it, in a home and waits until it answers. */
export async function startServe(
	home: string,
	args: string[] = [],
	binary?: string,
): Promise<Serve> {
	const state = join(home, ".aeon");
	mkdirSync(state, { recursive: true, mode: 0o700 });
	const child = start(["serve", ...args], { home, ...(binary && { binary }) });
	let isOver = false;
	const over = child.exited.then(() => {
		isOver = true;
	});
	let presence: ServerPresence | undefined;
	while (!presence) {
		if (isOver) throw new Error(await child.stderr.text());
		await Bun.sleep(10);
		const found = findServer(state);
		if (found?.pid === child.pid) presence = found;
	}
	return {
		presence,
		async end(signal) {
			child.kill(signal);
			await over;
		},
		kill: (signal) => child.kill(signal),
		[Symbol.dispose]() {
			child.kill("SIGKILL");
		},
	};
}
