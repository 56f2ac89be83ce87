// A program in a folder, a home, and what an update of it comes to.

import { Database } from "bun:sqlite";
import { existsSync, linkSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { findServer } from "../../src/core/presence.ts";
import type { Payload } from "../../src/server/protocol.ts";
import { binary } from "../support/binary.ts";
import { run, start } from "../support/command.ts";
import { temporaryHome } from "../support/home.ts";
import { type Serve, startServe } from "../support/serve.ts";
import { config } from "../support/server.ts";
import { until } from "../support/until.ts";
import { WireClient } from "../support/wire.ts";

/** Where Aeon is installed, and for whom. */
export interface Rig extends AsyncDisposable {
	home: string;
	state: string;
	/** The program. */
	program: string;
	/** A folder for releases. */
	releases: string;
	serve(): Promise<Serve>;
	/** The same by another program. */
	serveWith(program: string): Promise<Serve>;
	update(...args: string[]): ReturnType<typeof run>;
	/** Begins an update; `line` resolves when it says a step. */
	begin(...args: string[]): Begun;
	/** What the server that runs now says of itself. */
	status(): Promise<Payload<"status">>;
	/** What lies beside the program and in the state directory that belongs to updates. */
	leftovers(): string[];
	/** How many steps of its schema the sessions have had. */
	schema(): number;
}

/** An update that goes on. */
export interface Begun {
	line(pattern: RegExp): Promise<void>;
	kill(signal: NodeJS.Signals): void;
	exited: Promise<number>;
	said(): string;
}

const SPAWN = "linux-x64";

/** Installs this very version. */
export async function install(): Promise<Rig> {
	const folder = temporaryHome(config());
	const home = folder.path;
	const state = join(home, ".aeon");
	const program = join(home, "bin", "aeon");
	mkdirSync(join(home, "bin"));
	linkSync(await binary(SPAWN), program);
	const options = { home, binary: program };
	const server = () => findServer(state);
	const rig: Rig = {
		home,
		state,
		program,
		releases: join(home, "releases"),
		serve: () => startServe(home, [], program),
		serveWith: (other) => startServe(home, [], other),
		update: (...args) => run(["update", ...args], options),
		begin(...args) {
			const child = start(["update", ...args], options);
			let said = "";
			const reading = (async () => {
				const decoder = new TextDecoder();
				for await (const piece of child.stderr)
					said += decoder.decode(piece, { stream: true });
			})();
			let isOver = false;
			void reading.then(() => {
				isOver = true;
			});
			return {
				async line(pattern) {
					await until(() => isOver || pattern.test(said));
					if (!pattern.test(said)) throw new Error(`never: ${said}`);
				},
				kill: (signal) => child.kill(signal),
				exited: reading.then(() => child.exited),
				said: () => said,
			};
		},
		async status() {
			let found: Awaited<ReturnType<Rig["status"]>> | undefined;
			// It may just begin anew.
			await until(async () => {
				const { url = "", token = "" } = server() ?? {};
				if (url === "") return false;
				try {
					using client = await new WireClient(`${url}/ws`, { token }).opened();
					found = await client.call("status");
					return true;
				} catch {
					return false;
				}
			});
			if (!found) throw new Error("no status");
			return found;
		},
		leftovers: () => [
			...readdirSync(join(home, "bin")).filter((name) => name !== "aeon"),
			...["update", "update.json"].filter((name) =>
				existsSync(join(state, name)),
			),
		],
		schema() {
			using database = new Database(join(state, "sessions.db"));
			database.run("PRAGMA busy_timeout = 5000");
			const row = database
				.query<{ user_version: number }, []>("PRAGMA user_version")
				.get();
			return row?.user_version ?? 0;
		},
		async [Symbol.asyncDispose]() {
			const { pid } = server() ?? {};
			if (pid) process.kill(pid, "SIGKILL");
			await until(() => server() === undefined);
			folder[Symbol.dispose]();
		},
	};
	return rig;
}
