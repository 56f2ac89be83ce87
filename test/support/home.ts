import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A temporary folder that is gone at the end of its scope: `using home = temporaryFolder()`. */
export interface TemporaryFolder extends Disposable {
	path: string;
}

/** A new empty folder. */
export function temporaryFolder(): TemporaryFolder {
	const path = mkdtempSync(join(tmpdir(), "aeon-test-"));
	return {
		path,
		[Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
	};
}

/** A new home folder, with this configuration in `~/.aeon/aeon.json` where one is given. */
export function temporaryHome(config?: object): TemporaryFolder {
	const home = temporaryFolder();
	if (!config) return home;
	mkdirSync(join(home.path, ".aeon"), { mode: 0o700 });
	writeFileSync(join(home.path, ".aeon", "aeon.json"), JSON.stringify(config), {
		mode: 0o600,
	});
	return home;
}
