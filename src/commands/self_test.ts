// What aeon update has a new program do before it trusts it: `aeon self-test`, which is not for people.

import { homedir } from "node:os";
import { parseArgs } from "node:util";
import { AeonError } from "../core/errors.ts";
import { platform } from "../core/platform.ts";
import { run } from "../core/run.ts";
import { print } from "../core/terminal.ts";
import { VERSION } from "../core/version.ts";
import { surroundings } from "./options.ts";

/** SHA-256 of "abc" (FIPS 180-2, appendix B.1). */
const SUM_OF_ABC =
	"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

const ANSWER_MS = 10_000;

/**
 * Finds out whether this program runs on this machine, and says so in one line of JSON. `--copy FOLDER` copies the
 * databases into a folder instead, `--rehearse FOLDER` serves such copies.
 */
export async function selfTest(args: readonly string[]): Promise<void> {
	// It may have the secrets of a service in its environment.
	platform.hideProcess();
	const { values } = parseArgs({
		args: [...args],
		options: {
			copy: { type: "string" },
			rehearse: { type: "string" },
			config: { type: "string" },
		},
	});
	const { copy, rehearse, config: configFlag } = values;
	const folder = copy ?? rehearse;
	if (folder === undefined) await testRuntime();
	else {
		const rehearsal = await import("../app_rehearsal.ts");
		const parts = { folder, surroundings: surroundings(), configFlag };
		if (copy !== undefined) await rehearsal.prepareRehearsal(parts);
		else await rehearsal.rehearse(parts);
	}
	print(`${JSON.stringify({ ok: true, version: VERSION })}\n`);
	// A timer of what was closed must not hold the program.
	process.exit();
}

async function testRuntime(): Promise<void> {
	const database = platform.openDatabase(":memory:");
	database.exec("CREATE VIRTUAL TABLE words USING fts5(word)");
	database.exec("INSERT INTO words VALUES ('Aeon')");
	const found = database
		.prepare<{ count: number }>(
			"SELECT count(*) AS count FROM words WHERE words MATCH 'aeon'",
		)
		.get();
	database.close();
	demand("SQLite", found?.count === 1);
	demand("SHA-256", platform.sha256("abc") === SUM_OF_ABC);
	const { argv, env } = platform.self();
	const child = await run([process.execPath, ...argv.slice(1), "--version"], {
		env: { ...env, HOME: homedir() },
		timeoutMs: ANSWER_MS,
	});
	demand("a child process", child.out.includes(VERSION));
	demand("a WebSocket", (await echo("Aeon")) === "Aeon");
}

/** Sends a text to a server of this process, which sends it back. */
async function echo(text: string): Promise<unknown> {
	const server = platform.serve<null>({
		host: "127.0.0.1",
		port: 0,
		maxFrameBytes: 4096,
		maxBufferedBytes: 4096,
		idleSeconds: 60,
		fetch: (_request, incoming) =>
			incoming.upgrade(null, {})
				? undefined
				: new Response(null, { status: 400 }),
		failed() {},
		opened() {},
		received: (socket, frame) => void socket.send(frame),
		drained() {},
		closed() {},
	});
	const socket = new WebSocket(`ws://127.0.0.1:${server.port}`);
	const { promise, resolve, reject } = Promise.withResolvers<unknown>();
	const timer = setTimeout(resolve, ANSWER_MS);
	socket.onopen = () => socket.send(text);
	socket.onmessage = ({ data }) => resolve(data);
	socket.onclose = () => reject(new Error("it was closed"));
	try {
		return await promise;
	} finally {
		clearTimeout(timer);
		socket.close();
		server.terminate();
	}
}

function demand(what: string, isWell: boolean): void {
	if (!isWell)
		throw new AeonError("internal", `${what} does not work on this machine`);
}
