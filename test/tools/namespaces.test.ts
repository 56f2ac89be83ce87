// Where the kernel has no Landlock: what a command can and cannot do in namespaces of its own.

import { describe, expect, test } from "bun:test";
import {
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { createConfinement } from "../../src/core/confinement.ts";
import { namespaces } from "../../src/core/namespaces.ts";
import { temporaryFolder } from "../support/home.ts";
import { until } from "../support/until.ts";
import {
	CANARY,
	execSettings,
	isAlive,
	openSandbox,
	type Sandbox,
} from "./sandbox.ts";

const NOBODY = 65_534;

/** What must not reach what is protected; $STATE holds the workspace, $FILE lies elsewhere. */
const ATTACKS = [
	"cat $STATE/token ../token $FILE",
	"cp $STATE/token copy; ln $STATE/token link; ln -s $STATE/token link; cat link",
	"grep -rh canary $STATE $FILE",
	"cat /proc/self/root$STATE/token /proc/self/cwd/../token",
	"cat /proc/$AEON/root$STATE/token; tr '\\0' '\\n' < /proc/$AEON/environ",
	"echo x > $FILE; echo x > $STATE/token; echo x > $STATE/new; mkdir $STATE/new",
	"rm -rf $STATE $FILE; mv $STATE $STATE.old; mv $FILE $FILE.old; mv ../workspace ../other",
	"umount $STATE/workspace; umount -l $STATE; umount $FILE; cat $STATE/token $FILE",
	"chmod 777 $FILE $STATE; cat $STATE/token $FILE",
	"unshare -Urm sh -c 'umount $STATE; umount $FILE; cat $STATE/token $FILE'",
	"unshare -Urm sh -c 'mount --rbind $STATE/.. /mnt; mount --bind / /mnt; cat /mnt$STATE/token'",
	"nsenter -t 1 -m cat $STATE/token",
	"chroot / cat $STATE/token",
];

interface Fortress extends Sandbox {
	state: string;
	file: string;
}

/** A sandbox whose protected folder and one protected file elsewhere have the canary in them. */
function openFortress(): Fortress {
	const box = openSandbox();
	const state = join(box.root, "..");
	writeFileSync(join(state, "token"), CANARY);
	const elsewhere = temporaryFolder();
	const file = join(elsewhere.path, "it's a file");
	writeFileSync(file, CANARY);
	return {
		...box,
		state,
		file,
		[Symbol.dispose]() {
			box[Symbol.dispose]();
			elsewhere[Symbol.dispose]();
		},
	};
}

function perform({ root, state, file, run }: Fortress, command: string) {
	const reach = { workspace: root, protectedPaths: [state, file] };
	const confine = createConfinement(reach, () => {}, [namespaces]);
	const env = { STATE: state, FILE: file, AEON: String(process.pid) };
	return run("exec", { command }, { ...execSettings({ env }), confine });
}

/** Can this machine do it at all? */
function isPossible(): boolean {
	using box = openFortress();
	const protectedPaths = [box.state, box.file];
	return namespaces.works({ workspace: box.root, protectedPaths });
}

describe.skipIf(!isPossible())(
	"A command in namespaces (needs user namespaces)",
	() => {
		test.each(ATTACKS)(
			"does not reach Aeon's own files: %s",
			async (command) => {
				using box = openFortress();
				const { output } = await perform(box, command);
				expect(output).not.toContain(CANARY);
				expect(output).not.toContain("HOME=");
				expect(readFileSync(join(box.state, "token"), "utf8")).toBe(CANARY);
				expect(readFileSync(box.file, "utf8")).toBe(CANARY);
				const names = readdirSync(box.state).sort();
				expect(names).toEqual(["outside", "token", "workspace"]);
			},
		);

		test("has the workspace, its folder, its environment and the rest of the machine", async () => {
			using box = openFortress();
			mkdirSync(join(box.root, "sub"));
			const { output } = await perform(
				box,
				"echo kept > sub/a && cat sub/a && pwd && id -u && ls -d /usr && env | cut -d = -f 1 | sort | tr '\\n' ' '; echo $0 $#; echo err >&2; exit 7",
			);
			const uid = process.getuid?.();
			expect(output).toBe(
				`kept\n${box.root}\n${uid}\n/usr\nAEON FILE HOME LANG PATH PWD STATE TERM sh 0\nerr\n[exit code 7]`,
			);
			expect(existsSync(join(box.root, "sub", "a"))).toBe(true);
		});

		test.skipIf(process.getuid?.() !== 0)(
			"is held also where Aeon is not root (needs root, to become another user)",
			() => {
				using box = openFortress();
				const owned = [join(box.state), join(box.file, "..")];
				Bun.spawnSync(["chown", "-R", String(NOBODY), ...owned]);
				const reach = {
					workspace: box.root,
					protectedPaths: [box.state, box.file],
				};
				const command = `id -u; echo kept > a; cat a; cat ${box.state}/token '${box.file.replace("'", "'\\''")}'; umount ${box.state}`;
				const { argv } = namespaces.start(reach, command, box.root);
				const { stdout } = Bun.spawnSync(
					[
						"setpriv",
						`--reuid=${NOBODY}`,
						`--regid=${NOBODY}`,
						"--clear-groups",
						...argv.map((one) =>
							one.replace(/^(--map-\w+)=0$/, `$1=${NOBODY}`),
						),
					],
					{ cwd: "/" },
				);
				const printed = stdout.toString();
				expect(printed).toStartWith(`${NOBODY}\nkept\ncat: `);
				expect(printed).toContain("must be superuser to unmount");
				expect(printed).not.toContain(CANARY);
			},
		);

		test("is ended with all it started", async () => {
			using box = openFortress();
			const reach = { workspace: box.root, protectedPaths: [box.state] };
			const result = await box.run(
				"exec",
				{ command: "sleep 300 & echo $!; wait" },
				{
					...execSettings({ timeout_seconds: 0.3 }),
					confine: createConfinement(reach, () => {}, [namespaces]),
				},
			);
			expect(result.output).toEndWith("[timed out after 0.3 s]");
			const pid = Number.parseInt(result.output, 10);
			expect(pid).toBeGreaterThan(1);
			await until(() => !isAlive(pid));
		});

		test("does not run where it cannot be confined, and the model is told why", async () => {
			using box = openFortress();
			const reach = { workspace: box.root, protectedPaths: [box.root] };
			const confine = (command: string, cwd: string) =>
				namespaces.start(reach, command, cwd);
			const result = await box.run(
				"exec",
				{ command: "echo ran" },
				{ confine },
			);
			expect(result.error).toBe(
				`exec failed: ${box.root} lies in the workspace`,
			);
		});
	},
);
