// The signals that end a command: caught, so that turns are stopped and children ended before the command itself ends.

/** Each with its number, which a shell adds to 128 for the exit code (POSIX, "Exit Status for Commands"). */
const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGTERM: 15 };

/** How long a command may take to end once it was told to. */
const MAX_ENDING_MS = 5000;

/** Exit code of a program that was interrupted. */
export const INTERRUPTED = 128 + SIGNALS.SIGINT;

/**
 * Does the work and gives what it gives. A signal calls `stop`, which should make the work end soon; `exitCode` then says
 * what the command has to exit with. Where the work does not end, the process does.
 */
export async function withSignals<T>(
	stop: () => void,
	work: () => Promise<T>,
): Promise<{ value: T; exitCode?: number }> {
	let exitCode: number | undefined;
	const listeners = Object.entries(SIGNALS).map(([name, number]) => {
		const listener = () => {
			exitCode ??= 128 + number;
			setTimeout(() => process.exit(128 + number), MAX_ENDING_MS).unref();
			stop();
		};
		process.on(name, listener);
		return { name, listener };
	});
	try {
		const value = await work();
		return { value, ...(exitCode !== undefined && { exitCode }) };
	} finally {
		for (const { name, listener } of listeners) process.off(name, listener);
	}
}
