// `aeon init` by a person without root, on a machine that has the service.

import { expect, test } from "bun:test";
import { chmodSync, chownSync, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { canMount } from "../storage/small_disk.ts";
import { temporaryFolder } from "../support/home.ts";

const MAIN = join(import.meta.dir, "..", "..", "src", "main.ts");
const SOMEBODY = 54_321;
const AS_SOMEBODY = [
	...["setpriv", "--reuid", `${SOMEBODY}`, "--regid", `${SOMEBODY}`],
	"--clear-groups",
];
const canBecome =
	canMount &&
	existsSync("/etc/systemd/system") &&
	[MAIN, process.execPath].every(
		(file) => Bun.spawnSync([...AS_SOMEBODY, "test", "-r", file]).success,
	);
if (!canBecome)
	console.log("SKIPPED: nobody else than root can run Aeon here, or no mount");

const UNIT = `[Service]
User=aeon
ExecStart=/usr/local/bin/aeon serve
Environment=HOME=/var/lib/aeon
[X-Aeon]
`;

test.skipIf(!canBecome)(
	"whoever sets up a second Aeon beside the service is told of it, unless they name a place of their own",
	() => {
		using home = temporaryFolder();
		using units = temporaryFolder();
		writeFileSync(join(units.path, "aeon.service"), UNIT);
		chmodSync(units.path, 0o755);
		chownSync(home.path, SOMEBODY, SOMEBODY);
		const init = (...flags: string[]) => {
			const words = [process.execPath, MAIN, "init", "--provider", "demo"];
			const { exitCode, stderr } = Bun.spawnSync(
				[
					...["unshare", "--mount", "sh", "-c"],
					'mount --bind "$0" /etc/systemd/system && exec "$@"',
					...[units.path, ...AS_SOMEBODY, ...words, ...flags],
				],
				{
					cwd: home.path,
					env: {
						PATH: process.env.PATH ?? "",
						HOME: home.path,
						BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0",
					},
				},
			);
			return { exitCode, err: stderr.toString() };
		};
		const own = join(home.path, "own.json");
		expect(init("--config", own)).toEqual({ exitCode: 0, err: "" });
		expect(init("--yes")).toEqual({
			exitCode: 0,
			err: `Aeon runs here already, as the service of the user aeon: sudo bun ${MAIN} init changes that one. This sets up another one, in ${home.path}/.aeon.\n`,
		});
	},
);
