// Running a program of this machine to its end and hearing what it said.

import { AeonError, describeError } from "./errors.ts";
import { platform } from "./platform.ts";

/** Where the programs of a system lie. */
export const SYSTEM_PATH =
	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Of what a program says, so many characters are kept of each stream: its end. */
const MAX_OUTPUT = 100_000;

/** What a program came to. */
export interface RunResult {
	/** Its exit code, or 128 + the number of the signal that ended it; 124 where it took too long (timeout(1)). */
	code: number;
	out: string;
	err: string;
}

/** How a program is run. */
export interface RunOptions {
	/** Its whole environment beside PATH and `LANG=C.UTF-8`. */
	env?: Record<string, string>;
	cwd?: string;
	/** Then it is ended, with all that it has started. */
	timeoutMs?: number;
	signal?: AbortSignal;
}

/** How long a program may take where nothing is said. */
const TIMEOUT_MS = 60_000;

const TOOK_TOO_LONG = 124;

/** Runs a program to its end, in a process group of its own. Throws `not_found` where it cannot be started. */
export async function run(
	command: readonly string[],
	{ env, cwd = "/", timeoutMs = TIMEOUT_MS, signal }: RunOptions = {},
): Promise<RunResult> {
	signal?.throwIfAborted();
	const child = start([...command], cwd, {
		PATH: SYSTEM_PATH,
		LANG: "C.UTF-8",
		...env,
	});
	let isLate = false;
	const end = () => child.signalGroup("SIGKILL");
	const timer = setTimeout(() => {
		isLate = true;
		end();
	}, timeoutMs);
	signal?.addEventListener("abort", end, { once: true });
	try {
		const [code, out, err] = await Promise.all([
			child.exited,
			tail(child.stdout),
			tail(child.stderr),
		]);
		signal?.throwIfAborted();
		return { code: isLate ? TOOK_TOO_LONG : code, out, err };
	} finally {
		clearTimeout(timer);
		signal?.removeEventListener("abort", end);
	}
}

function start(command: string[], cwd: string, env: Record<string, string>) {
	try {
		return platform.spawn(command, { cwd, env });
	} catch (error) {
		throw new AeonError(
			"not_found",
			`${command[0]} cannot be run: ${describeError(error)}`,
			{ cause: error },
		);
	}
}

async function tail(stream: ReadableStream<Uint8Array>): Promise<string> {
	const decoder = new TextDecoder();
	let text = "";
	for await (const piece of stream)
		text = `${text}${decoder.decode(piece, { stream: true })}`.slice(
			-MAX_OUTPUT,
		);
	return text;
}
