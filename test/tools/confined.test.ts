// What a confined command can still do: everything, as if it were not confined, beside what is protected.

import { describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createConfinement } from "../../src/core/confinement.ts";
import { platform } from "../../src/core/platform.ts";
import { execSettings, openSandbox, type Sandbox } from "./sandbox.ts";

/** Runs a command confined, with nothing protected beside a folder in /var/tmp, so that /tmp is what it always is. */
async function perform(box: Sandbox, command: string, confined = true) {
	const state = mkdtempSync("/var/tmp/aeon-confined-");
	const reach = { workspace: box.root, protectedPaths: [state] };
	try {
		return await box.run(
			"exec",
			{ command },
			{
				...execSettings({ confined, env: { STATE: state, "odd-NAME.1": "ü" } }),
				confine: createConfinement(reach, () => {}),
			},
		);
	} finally {
		rmSync(state, { recursive: true });
	}
}

/** What a command prints, and that it ended well, confined. */
async function printed(box: Sandbox, command: string): Promise<string> {
	const { output, error } = await perform(box, command);
	expect(error).toBeUndefined();
	return output.replace(/\[exit code 0\]$/, "");
}

describe.skipIf(!platform.hasLandlock())(
	"A confined command (needs Landlock)",
	() => {
		test("has the workspace for itself, though it lies in the protected folder", async () => {
			using box = openSandbox();
			const script = [
				"mkdir -p a/b c && echo one > a/b/f && mv a/b/f c/g && mv c d && cat d/g",
				"echo two >> d/g && sed -i s/one/three/ d/g && cat d/g",
				"ln d/g hard && ln -s d/g soft && cat hard soft | wc -l && rm -r a hard soft",
				"printf '#!/bin/sh\\necho ran $1' > s && chmod 700 s && ./s it && mkfifo p && rm p s",
				"truncate -s 2 d/g && stat -c %s d/g && touch -d @0 d/g && find . && echo ~",
			];
			const { output } = await box.run("exec", { command: script.join("; ") });
			expect(output).toBe(
				`one\nthree\ntwo\n4\nran it\n2\n.\n./d\n./d/g\n${box.root}\n[exit code 0]`,
			);
		});

		test("has the rest of the machine", async () => {
			using box = openSandbox();
			const script = [
				"f=$(mktemp) && echo text > $f && mv $f moved && mv moved $f && cat $f && rm $f",
				"echo gone > /dev/null && head -c 3 /dev/zero | wc -c",
				"ls -d /usr && ls / | grep -x etc && ls $STATE/.. > /dev/null && cat /proc/self/comm",
				"awk 'BEGIN { print 6 * 7 }' && (sleep 0.01 & wait) && id -un > /dev/null",
				"(: < /dev/tty) 2>/dev/null || echo no terminal",
			];
			expect(await printed(box, script.join("; "))).toBe(
				"text\n3\n/usr\netc\ncat\n42\nno terminal\n",
			);
		});

		test.each([
			"umask; ulimit -a; env | grep -v STATE | sort; echo $0 $# $-; pwd",
			"grep -E '^(Sig|Shd|Uid|Gid|Groups|Threads|Seccomp)' /proc/self/status",
			"ls -l /proc/self/fd | sed 's/.* 20//; s/[0-9]*//g' | sort; nice; cat /proc/self/oom_score_adj",
			"set -- $(cut -d ' ' -f 1,5,6 /proc/$$/stat); [ $1 = $2 ] && [ $2 = $3 ] && echo leads",
			"yes | head -n 1; printf '%s' 'ü🦉\\t\"$`\r\u0001' | od -c",
			"--version",
			" -c",
			"echo err >&2; echo out; exit 7",
			"echo x > /dev/stdout",
			"nonsense; kill -SEGV $$",
			"'",
			"echo line\necho 'two\n\nlines'",
		])("sees what an unconfined one sees: %j", async (command) => {
			using box = openSandbox();
			const confined = await perform(box, command);
			expect(confined).toEqual(await perform(box, command, false));
		});

		test("has its user's powers, but for those by which root reads any process's environment", async () => {
			using box = openSandbox();
			const command = "grep -E '^Cap(Eff|Bnd)' /proc/self/status | cut -f 2";
			const all = (await perform(box, command, false)).output;
			const masks = all.match(/[0-9a-f]{16}/g) ?? [];
			const fewer = masks.map((mask) =>
				(BigInt(`0x${mask}`) & ~(1n << 21n) & ~(1n << 38n))
					.toString(16)
					.padStart(16, "0"),
			);
			// Nobody but root may drop from what is bound.
			const isRoot = process.getuid?.() === 0;
			expect(await printed(box, command)).toBe(
				`${(isRoot ? fewer : masks).join("\n")}\n`,
			);
		});

		test("leads its own process group under the id that it was started with", async () => {
			using box = openSandbox();
			const command = "cut -d ' ' -f 1,5,6 /proc/$$/stat";
			const [pid, group, session] = (await printed(box, command))
				.trim()
				.split(" ");
			expect(Number(pid)).toBeGreaterThan(1);
			expect([group, session]).toEqual([pid, pid]);
		});

		test("runs nothing that the workspace's settings for Bun name", async () => {
			using box = openSandbox();
			const evil = join(box.outside, "evil.js");
			writeFileSync(evil, 'console.log("EVIL"); process.exit(3);');
			for (const name of ["bunfig.toml", ".bunfig.toml"])
				writeFileSync(join(box.root, name), `preload = ["${evil}"]\n`);
			writeFileSync(join(box.root, ".env"), "SEEN=evil\n");
			expect(await printed(box, "echo $SEEN good")).toBe("good\n");
		});

		test("does not run where it cannot be confined, and the model is told why", async () => {
			using box = openSandbox();
			mkdirSync(join(box.root, "own"));
			const reach = {
				workspace: box.root,
				protectedPaths: [join(box.root, "own")],
			};
			expect(
				await box.run(
					"exec",
					{ command: "echo ran" },
					{ confine: createConfinement(reach, () => {}) },
				),
			).toEqual({
				success: false,
				output: `aeon: the command did not run, since it could not be confined: ${box.root}/own lies in the workspace\n[exit code 126]`,
				error: "The command failed: exit code 126.",
			});
		});
	},
);

test("where the system cannot confine, commands run as they are, which is told once", async () => {
	using box = openSandbox();
	let told = 0;
	const reach = { workspace: box.root, protectedPaths: [box.outside] };
	const confine = createConfinement(reach, () => void told++, []);
	const command = `cat ${box.outside}/canary.txt | wc -l`;
	for (let i = 0; i < 2; i++)
		expect(await box.run("exec", { command }, { confine })).toEqual({
			success: true,
			output: "0\n[exit code 0]",
		});
	expect(told).toBe(1);
});
