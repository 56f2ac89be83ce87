// The client in C: built once with the system's compiler, and run.

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Where it lies. */
export const SOURCE = join(import.meta.dir, "../../scripts/cbor-client.c");

const WARNINGS = "-std=c99 -Wall -Wextra -Wpedantic -Werror -O2".split(" ");
const SANITIZERS = "-fsanitize=address,undefined -fno-sanitize-recover".split(
	" ",
);

/** The system's compiler; without one there is nothing to test. */
export const compiler = Bun.which("cc");

/** What it left behind. */
export interface Ran {
	out: string;
	err: string;
	code: number;
}

/** Builds it in a folder of its own, with what finds faults in memory where the compiler has that. Throws what the compiler says. */
export function buildClient() {
	const folder = mkdtempSync(join(tmpdir(), "aeon-cbor-client-"));
	const binary = join(folder, "cbor-client");
	const compile = (...options: string[]) => {
		const words = [...WARNINGS, ...options, "-o", binary, SOURCE];
		const { exitCode, stderr } = Bun.spawnSync([compiler ?? "cc", ...words], {
			stderr: "pipe",
		});
		return exitCode === 0 ? "" : stderr.toString();
	};
	const problem = compile();
	if (problem) throw new Error(problem);
	if (compile(...SANITIZERS)) compile();
	return {
		folder,
		run: (...words: (string | number)[]) => run([binary, ...words.map(String)]),
		/** The words as a shell writes them: a word of `Bun.spawn` is always UTF-8. */
		runInShell: (words: string) =>
			run(["sh", "-c", `exec '${binary}' ${words}`]),
	};
}

async function run(words: string[]): Promise<Ran> {
	const child = Bun.spawn(words, { stdout: "pipe", stderr: "pipe" });
	const [out, err, code] = await Promise.all([
		child.stdout.text(),
		child.stderr.text(),
		child.exited,
	]);
	return { out, err, code };
}
