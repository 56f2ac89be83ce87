import { join } from "node:path";

const MAIN = join(import.meta.dir, "..", "..", "src", "main.ts");

/** What a run of the program came to. */
export interface Outcome {
	code: number;
	out: string;
	err: string;
}

/** How to run the program. */
export interface RunOptions {
	home: string;
	cwd?: string;
	env?: Record<string, string>;
	input?: string;
	/** A built binary, in place of the source. */
	binary?: string;
}

/** Starts `aeon` with these arguments as a real process, with nothing of this one's environment but PATH. */
export function start(args: string[], options: RunOptions) {
	const command = options.binary ? [options.binary] : [process.execPath, MAIN];
	return Bun.spawn([...command, ...args], {
		cwd: options.cwd ?? options.home,
		env: {
			PATH: process.env.PATH ?? "",
			HOME: options.home,
			LANG: "C.UTF-8",
			...options.env,
		},
		stdin: options.input === undefined ? "ignore" : new Blob([options.input]),
		stdout: "pipe",
		stderr: "pipe",
	});
}

/** Runs `aeon` to its end. */
export async function run(
	args: string[],
	options: RunOptions,
): Promise<Outcome> {
	const child = start(args, options);
	const [code, out, err] = await Promise.all([
		child.exited,
		child.stdout.text(),
		child.stderr.text(),
	]);
	return { code, out, err };
}
