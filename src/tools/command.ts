// One shell command from start to end: it and all it started are gone when its outcome is there.

import { constants } from "node:os";
import { type Child, platform } from "../core/platform.ts";
import type { Launch } from "../core/shell.ts";
import { Capture } from "./capture.ts";

const MAX_OUTPUT_BYTES = 64 * 1024;
/** Who prints more than this is killed. */
const MAX_PRINTED_BYTES = 64 * 1024 * 1024;
/** How long a process may tidy up between TERM and KILL. */
const TIMEOUT_GRACE_MS = 3000;
const ABORT_GRACE_MS = 300;
/** How long what the shell left running may go on printing. */
const LINGER_MS = 250;

/** How a command ended. */
export interface Outcome {
	/** Or 128 + the signal's number. */
	exitCode: number;
	/** Set where the command did not end by itself. */
	killedFor?: "time" | "output";
	/** What it printed to stdout and stderr as it came, the middle left out where it is long. */
	output: string;
}

/**
 * Runs a command in a process group of its own, stdin closed. At the deadline the group gets TERM, and KILL
 * three seconds later. An abort ends it in under a second and rejects with `signal.reason`. What leaves the group by
 * setsid(2) lives on, unread: only the service manager's cgroup holds it.
 */
export async function runCommand(
	launch: Launch,
	options: { env: Record<string, string>; timeoutMs: number },
	signal: AbortSignal,
): Promise<Outcome> {
	signal.throwIfAborted();
	const { argv, cwd } = launch;
	const env = { ...options.env, ...launch.env };
	const child = platform.spawn(argv, { cwd, env });
	const timers: Timer[] = [];
	const after = (ms: number, work: () => void) =>
		timers.push(setTimeout(work, ms));
	// After KILL the exit is not waited for: a process that hangs in the kernel would hold the turn.
	const killed = Promise.withResolvers<number>();
	const end = (graceMs: number) => {
		child.signalGroup("SIGTERM");
		after(graceMs, () => {
			child.signalGroup("SIGKILL");
			killed.resolve(128 + constants.signals.SIGKILL);
		});
	};

	let killedFor: Outcome["killedFor"];
	const output = new Capture(MAX_OUTPUT_BYTES);
	let printed = 0;
	const readers = [child.stdout.getReader(), child.stderr.getReader()];
	const read = readers.map((reader) =>
		readAll(reader, (bytes) => {
			output.add(bytes);
			printed += bytes.length;
			if (printed <= MAX_PRINTED_BYTES || killedFor) return;
			killedFor = "output";
			child.signalGroup("SIGKILL");
		}),
	);
	after(options.timeoutMs, () => {
		killedFor ??= "time";
		end(TIMEOUT_GRACE_MS);
	});
	const abort = () => end(ABORT_GRACE_MS);
	signal.addEventListener("abort", abort, { once: true });

	try {
		const exitCode = await Promise.race([child.exited, killed.promise]);
		const lingered = Promise.withResolvers<void>();
		after(signal.aborted ? 0 : LINGER_MS, lingered.resolve);
		await Promise.race([Promise.allSettled(read), lingered.promise]);
		await letGo(child, readers);
		signal.throwIfAborted();
		return { exitCode, ...(killedFor && { killedFor }), output: output.text() };
	} finally {
		signal.removeEventListener("abort", abort);
		for (const timer of timers) clearTimeout(timer);
	}
}

interface Reader {
	read(): Promise<{ done: boolean; value?: Uint8Array }>;
	cancel(): Promise<void>;
}

/** Reads to the end, or until the reader is cancelled. */
async function readAll(
	reader: Reader,
	take: (bytes: Uint8Array) => void,
): Promise<void> {
	for (;;) {
		const { done, value } = await reader.read();
		if (done || !value) return;
		take(value);
	}
}

/** Ends what is left of the group, and the reading of pipes that a process outside of it may still hold. */
async function letGo(child: Child, readers: Reader[]): Promise<void> {
	child.signalGroup("SIGKILL");
	await Promise.allSettled(readers.map((reader) => reader.cancel()));
}
