// Scripts that run as the binary does, with the engine's compilers off.

import { SMALL } from "../../../src/core/platform_restart.ts";

/** Runs a script to its end in a process of its own, from source and as slowly as the binary; gives the JSON that it prints. */
export async function asBinary<Found>(
	script: string,
	...args: string[]
): Promise<Found> {
	const child = Bun.spawn([process.execPath, script, ...args], {
		env: { ...process.env, ...SMALL },
		stdout: "pipe",
		stderr: "inherit",
	});
	const [code, text] = await Promise.all([child.exited, child.stdout.text()]);
	if (code !== 0) throw new Error(`${script} ended with ${code}`);
	return JSON.parse(text);
}
