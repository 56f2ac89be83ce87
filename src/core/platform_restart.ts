/** The engine's options, read from the environment at its start, that say whether code is compiled (JavaScriptCore). */
const JIT_OPTIONS = ["BUN_JSC_useJIT", "BUN_JSC_useBaselineJIT"];

/**
 * Nothing compiled, and a heap that is collected early: a megabyte less at rest. It may grow by half before that, not by a
 * fifth as it would: every collection is a whole one, and under load they took a third of the processor's time.
 */
export const SMALL = {
	BUN_JSC_useBaselineJIT: "0",
	BUN_JSC_forceMiniVMMode: "1",
	BUN_JSC_miniVMHeapGrowthFactor: "1.5",
};

/** Variables by which the runtime runs code that is not Aeon's, or opens a debugger; a service is started without them. */
export const FOREIGN_CODE = [
	"BUN_OPTIONS",
	"BUN_BE_BUN",
	"BUN_INSPECT",
	"BUN_INSPECT_CONNECT_TO",
	"BUN_INSPECT_NOTIFY",
	"BUN_INSPECT_PRELOAD",
];

/**
 * Replaces this process by the same program without the engine's compilers, where it is a built binary: compiled code and the
 * profiles for it take megabytes that grow for thousands of turns, and gain nothing where one waits for a model. Not by
 * `useJIT`, without which there is no `bun:ffi`. Returns where one of the options is set already, where Aeon runs from
 * source, and where it cannot be replaced, as under an emulator.
 */
export function restartWithoutJit(args: readonly string[]): void {
	const isBuilt = import.meta.dir.startsWith("/$bunfs/");
	const { env, execPath } = process;
	const isDecided = JIT_OPTIONS.some((option) => env[option] !== undefined);
	if (!isBuilt || !process.execve || isDecided) return;
	try {
		process.execve(execPath, [execPath, ...args], {
			...env,
			...SMALL,
		});
	} catch {
		return;
	}
}
