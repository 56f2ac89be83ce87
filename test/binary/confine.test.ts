// Commands that the compiled binary starts by way of itself.

import { describe, expect, test } from "bun:test";
import {
	chmodSync,
	chownSync,
	existsSync,
	linkSync,
	mkdirSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { platform } from "../../src/core/platform.ts";
import { binary } from "../support/binary.ts";
import { run } from "../support/command.ts";
import { temporaryFolder, temporaryHome } from "../support/home.ts";

const CANARY = "canary-5f1c2e";
const NOBODY = 65_534;
const CONFIG = {
	agents: { main: { provider: "demo", system_prompt: CANARY } },
	tools: { exec: { approval: "allow" } },
};

describe.skipIf(!platform.hasLandlock())(
	"A command of the binary (needs Landlock)",
	() => {
		test("has the workspace, and nothing of the state directory", async () => {
			using home = temporaryHome(CONFIG);
			const say = async (text: string) =>
				run(["chat", "--json", "-m", `run ${text}`], {
					home: home.path,
					binary: await binary("linux-x64"),
				});
			const kept = await say(
				"echo kept > a; cat a; env | cut -d = -f 1 | sort",
			);
			expect(JSON.parse(kept.out).text).toContain(
				'exec said: "kept\nHOME\nLANG\nPATH\nPWD\nTERM\n[exit code 0]"',
			);
			const { out } = await say("cat ../aeon.json; echo x > ../new");
			expect(out).toContain("Permission denied");
			expect(out).not.toContain(CANARY);
			expect(existsSync(join(home.path, ".aeon", "new"))).toBe(false);
		});

		test("does not see what Aeon was started with, root neither", async () => {
			using home = temporaryHome(CONFIG);
			const { out } = await run(
				["chat", "--json", "-m", "run cat /proc/$PPID/environ"],
				{ home: home.path, binary: await binary("linux-x64") },
			);
			expect(out).toContain("Permission denied");
			expect(out).not.toContain("BUN_JSC");
		});

		test("starts though an update has put another binary in the place of the one that runs", async () => {
			using home = temporaryHome(CONFIG);
			using place = temporaryFolder();
			const file = join(place.path, "aeon");
			linkSync(await binary("linux-x64"), file);
			const { out } = await run(["chat"], {
				home: home.path,
				binary: file,
				input: `run echo echo another > ${file}.new; mv ${file}.new ${file}\nrun echo the same; rm ${file}\nrun echo still the same\n`,
			});
			expect(out).toContain('exec said: "the same');
			expect(out).toContain('exec said: "still the same');
			expect(existsSync(file)).toBe(false);
		});

		test.skipIf(process.getuid?.() !== 0)(
			"is confined where Aeon is not root, and may not list what its home lies in (needs root, to become another user)",
			async () => {
				using above = temporaryFolder();
				const file = join(above.path, "aeon");
				linkSync(await binary("linux-x64"), file);
				const home = join(above.path, "pi");
				mkdirSync(join(home, ".aeon"), { recursive: true });
				writeFileSync(join(home, ".aeon", "aeon.json"), JSON.stringify(CONFIG));
				writeFileSync(join(home, "notes"), "noted\n");
				Bun.spawnSync(["chown", "-R", `${NOBODY}:${NOBODY}`, home]);
				chmodSync(above.path, 0o711);
				const say = async (text: string) => {
					const child = Bun.spawn([file, "chat", "-m", `run ${text}`], {
						cwd: home,
						env: { PATH: process.env.PATH ?? "", HOME: home },
						uid: NOBODY,
						gid: NOBODY,
						stdout: "pipe",
						stderr: "ignore",
					});
					return child.stdout.text();
				};
				expect(await say("id -u; echo kept > a; cat a ../../notes")).toContain(
					`exec said: "${NOBODY}\nkept\nnoted\n[exit code 0]"`,
				);
				const out = await say("cat ../aeon.json; echo x > ../new");
				expect(out).toContain("Permission denied");
				expect(out).not.toContain(CANARY);
				expect(existsSync(join(home, ".aeon", "new"))).toBe(false);
			},
		);
	},
);

test("no process of the same user can read Aeon's own environment", async () => {
	const key = "sk-canary-of-the-environment";
	using home = temporaryHome({
		agents: { main: { provider: "demo" } },
		tools: { exec: { approval: "allow", confined: false } },
	});
	const isRoot = process.getuid?.() === 0;
	if (isRoot)
		for (const path of [
			home.path,
			join(home.path, ".aeon"),
			join(home.path, ".aeon/aeon.json"),
		])
			chownSync(path, NOBODY, NOBODY);
	const child = Bun.spawn(
		[
			await binary("linux-x64"),
			"chat",
			"-m",
			"run cat /proc/$PPID/environ; echo the end",
		],
		{
			cwd: "/",
			env: {
				PATH: process.env.PATH ?? "",
				HOME: home.path,
				ANTHROPIC_API_KEY: key,
			},
			// Root may read everything of everybody: there is nothing to see as root.
			...(isRoot && { uid: NOBODY, gid: NOBODY }),
			stdout: "pipe",
		},
	);
	const out = await child.stdout.text();
	expect(out).toContain("the end");
	expect(out).toContain("Permission denied");
	expect(out).not.toContain(key);
});
