/** Runs a program to its end and gives what it printed. Throws with what it complained of. */
export function run(command: string[], cwd: string): string {
	const { success, stdout, stderr } = Bun.spawnSync(command, { cwd });
	if (!success) throw new Error(`${command.join(" ")}: ${stderr}`);
	return stdout.toString();
}
