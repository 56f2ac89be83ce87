// What a confined command cannot do, each beside the proof that an unconfined one can.

import { describe, expect, test } from "bun:test";
import {
	existsSync,
	mkdirSync,
	readFileSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { platform } from "../../src/core/platform.ts";
import { landlockVersion } from "../../src/core/platform_linux.ts";
import { openTestAeon, type TestAeon } from "../support/aeon.ts";
import { temporaryFolder } from "../support/home.ts";
import { CANARY } from "./sandbox.ts";

/** Commands that read Aeon's own files, run in the workspace; $STATE is the state directory and $AEON its process. */
const READS = [
	"cat $STATE/aeon.json",
	"cat $STATE/sessions.db*",
	"cat $STATE/logs/aeon.log",
	"cat ../token",
	"cat /proc/self/cwd/../token",
	"cat /proc/self/root$STATE/token",
	"cp $STATE/token copy",
	"mv $STATE/token moved",
	"ln $STATE/token link; cat link",
	"ln -s $STATE/token link; cat link",
	"mkdir d; ln -s $STATE d/link; cat d/link/token",
	"grep -rh canary $STATE",
	"tar -cf - $STATE 2>/dev/null",
	"dd if=$STATE/token",
	'perl -e \'open F, "<", "../token"; print <F>\'',
	"setsid -w sh -c 'cat ../token'",
	"setsid -w setsid -w sh -c 'cp ../token copy'",
];

/** Commands that only root could read them with. */
const READS_OF_ROOT = [
	"cat /proc/$AEON/root$STATE/token",
	"cat /proc/$AEON/cwd/../../../../../../..$STATE/token",
	"find /proc/$AEON/fd -lname '*sessions.db*' -exec grep -a canary {} \\;",
	"mkdir d; mount --bind $STATE d; cat d/token; umount d",
	'unshare -m sh -c "mount --bind $STATE /mnt; cat /mnt/token"',
	"chroot / cat $STATE/token",
];

/** False where this machine lacks the program that a command begins with. */
function isHere(command: string): boolean {
	return Bun.which(command.split(" ", 1)[0] ?? "") !== null;
}

/** Commands that change them. */
const CHANGES = [
	"echo x >> $STATE/aeon.json",
	"echo x > $STATE/token",
	"echo x > $STATE/new",
	"mkdir $STATE/new",
	"touch $STATE/new",
	"ln -s / $STATE/new",
	"echo x > a; mv a $STATE/new",
	"echo x > a; ln a $STATE/new",
	"rm -f $STATE/token",
	"mv $STATE/token $STATE/new",
	"mv ../workspace ../other",
	"mv $STATE $STATE.old",
	// Before Linux 6.2 Landlock knew nothing of truncate(2).
	...(landlockVersion() >= 3 ? ["perl -e 'truncate \"../token\", 0'"] : []),
	"sed -i s/canary/x/ $STATE/token",
];

/** An Aeon whose every own file has the canary in it. */
async function openWithCanaries(exec: object = {}): Promise<TestAeon> {
	const aeon = await openTestAeon(
		{ provider: "demo", system_prompt: CANARY },
		{ tools: { exec: { approval: "allow", ...exec } } },
	);
	await aeon.say(CANARY);
	const state = join(aeon.home, ".aeon");
	mkdirSync(join(state, "logs"), { recursive: true });
	for (const file of ["token", "logs/aeon.log"])
		writeFileSync(join(state, file), CANARY);
	return aeon;
}

/** What a command, run in a turn, printed. */
async function perform(aeon: TestAeon, command: string): Promise<string> {
	const state = join(aeon.home, ".aeon");
	aeon.events.length = 0;
	await aeon.say(`run STATE=${state} AEON=${process.pid}; ${command}`);
	const result = aeon.events.find(({ type }) => type === "agent.tool_result");
	return result?.type === "agent.tool_result" ? result.output : "";
}

/** Every name in the state directory but the workspace's, and what the files say that no turn writes to. */
function snapshot(home: string): string {
	const state = join(home, ".aeon");
	if (!existsSync(state)) return "gone";
	const texts = ["aeon.json", "token"].map((name) =>
		existsSync(join(state, name)) ? readFileSync(join(state, name)) : "gone",
	);
	const workspace = join(state, "workspace");
	const find = ["find", state, "-path", workspace, "-prune", "-o", "-print"];
	return [Bun.spawnSync(find).stdout, ...texts].join("\n");
}

/** What a command that is up to something comes to. */
async function attack(command: string, exec: object) {
	await using aeon = await openWithCanaries(exec);
	const before = snapshot(aeon.home);
	const output = await perform(aeon, command);
	const copies = Bun.spawnSync(["grep", "-rlF", CANARY, aeon.workspace]);
	const hasRead = output.includes(CANARY) || copies.stdout.length > 0;
	return { hasRead, hasChanged: snapshot(aeon.home) !== before };
}

describe.skipIf(!platform.hasLandlock())(
	"Aeon's own files (needs Landlock)",
	() => {
		const isRoot = process.getuid?.() === 0;
		const reads = [...READS, ...(isRoot ? READS_OF_ROOT : [])].filter(isHere);

		test.each(reads)("are not read by: %s", async (command) => {
			const unconfined = await attack(command, { confined: false });
			expect(unconfined.hasRead).toBe(true);
			const nothing = { hasRead: false, hasChanged: false };
			expect(await attack(command, {})).toEqual(nothing);
		});

		test.each(CHANGES)("are not changed by: %s", async (command) => {
			const unconfined = await attack(command, { confined: false });
			expect(unconfined.hasChanged).toBe(true);
			const nothing = { hasRead: false, hasChanged: false };
			expect(await attack(command, {})).toEqual(nothing);
		});

		test("are kept from commands where they lie elsewhere and behind links, even those that come later", async () => {
			using elsewhere = temporaryFolder();
			const at = (name: string) => join(elsewhere.path, name);
			mkdirSync(at("real"));
			symlinkSync(at("real"), at("link"));
			mkdirSync(at("open"));
			writeFileSync(at("open/file"), "open\n");
			writeFileSync(at("beside"), "beside\n");
			await using aeon = await openTestAeon(
				{ provider: "demo" },
				{
					storage: { driver: "sqlite", sessions_db: at("link/sessions.db") },
					log_file_path: at("logs/aeon.log"),
					tools: { exec: { approval: "allow" } },
				},
			);
			await aeon.say(CANARY);
			for (const name of ["logs/aeon.log", "logs/aeon.log.1"]) {
				mkdirSync(at("logs"), { recursive: true });
				writeFileSync(at(name), CANARY);
			}
			const commands = [
				`cat ${at("*/*")} ${at("*")} 2>/dev/null`,
				`echo x > ${at("real/sessions.db-journal")}`,
				`echo written > ${at("beside")} && cat ${at("beside")}`,
			];
			const output = await perform(aeon, commands.join("; "));
			expect(output).not.toContain(CANARY);
			expect(output).not.toContain("SQLite format");
			expect(output).toStartWith("open\nbeside\n");
			expect(output).toContain("written\n");
			expect(existsSync(at("real/sessions.db-journal"))).toBe(false);
		});
	},
);
