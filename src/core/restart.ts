/**
 * Replaces this process by the same program without JavaScriptCore's JIT, where it is a built binary: compiled code and
 * the profiles for it take megabytes that grow for thousands of turns, and gain nothing where one waits for a model. The
 * engine reads this setting only at its start. Returns where it runs so already (`BUN_JSC_useJIT` is set, to whatever), runs
 * from source, or cannot be replaced, as under an emulator.
 */
export function restartWithoutJit(args: readonly string[]): void {
	const isBuilt = import.meta.dir.startsWith("/$bunfs/");
	const { env, execPath } = process;
	if (!isBuilt || !process.execve || env.BUN_JSC_useJIT !== undefined) return;
	try {
		process.execve(execPath, [execPath, ...args], {
			...env,
			BUN_JSC_useJIT: "0",
		});
	} catch {
		return;
	}
}
