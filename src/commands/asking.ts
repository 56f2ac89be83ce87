// Asking the person at the terminal for a yes.

/** True where the person at the terminal says yes. */
export async function ask(question: string): Promise<boolean> {
	const { createInterface } = await import("node:readline");
	const { stdin: input, stdout: output } = process;
	const lines = createInterface({ input, output });
	const { promise, resolve } = Promise.withResolvers<string>();
	lines.once("close", () => resolve(""));
	lines.question(question, resolve);
	const answer = await promise;
	lines.close();
	return /^y(es)?$/i.test(answer.trim());
}
