import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..", "..");
const folder = mkdtempSync(join(tmpdir(), "aeon-binaries-"));
// A test may run a binary as another user.
chmodSync(folder, 0o755);
const built = new Map<string, Promise<string>>();

process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

/** The path of a binary made of this very source, built once a test run. */
export function binary(target: "linux-x64" | "linux-arm64"): Promise<string> {
	const known = built.get(target);
	if (known) return known;
	const building = build(target);
	built.set(target, building);
	return building;
}

async function build(target: string): Promise<string> {
	const script = join(ROOT, "scripts", "cross-compile.ts");
	const { success, stderr } = Bun.spawnSync(
		[process.execPath, script, "--out", folder, "--no-xz", target],
		{ cwd: ROOT },
	);
	if (!success) throw new Error(stderr.toString());
	return join(folder, `aeon-${target}`);
}
