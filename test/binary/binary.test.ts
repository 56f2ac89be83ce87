// What only the compiled binary can show.

import { expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { binary } from "../support/binary.ts";
import { run } from "../support/command.ts";
import { temporaryFolder, temporaryHome } from "../support/home.ts";

const { version } = JSON.parse(
	readFileSync(join(import.meta.dir, "..", "..", "package.json"), "utf8"),
);

/** Debian's arm64 C library unpacked, and qemu: what an arm64 binary needs on another machine. */
const ARM64_ROOT = process.env.AEON_ARM64_ROOT;
const QEMU = Bun.which("qemu-aarch64-static");

test("the binary says its version and the commit it was made of", async () => {
	using home = temporaryHome();
	const { out } = await run(["--version"], {
		home: home.path,
		binary: await binary("linux-x64"),
	});
	expect(out).toMatch(new RegExp(`^aeon ${version} \\(\\w+\\)\\n$`));
});

test("what lies in the folder that it is started in has no effect on it", async () => {
	using home = temporaryHome();
	using hostile = temporaryFolder();
	const put = (name: string, text: string) =>
		writeFileSync(join(hostile.path, name), text);
	put(
		"bunfig.toml",
		'preload = ["./evil.js"]\n[test]\npreload = ["./evil.js"]\n',
	);
	put(
		"evil.js",
		'require("node:fs").writeFileSync("ran", ""); console.log("EVIL");',
	);
	put(".env", "ANTHROPIC_API_KEY=sk-evil\nOPENAI_API_KEY=sk-evil\n");
	put(
		"tsconfig.json",
		'{ "compilerOptions": { "paths": { "*": ["./evil.js"] } } }',
	);
	put(
		"package.json",
		'{ "imports": { "#x": "./evil.js" }, "type": "commonjs" }',
	);
	const { code, out, err } = await run(["chat", "-m", "hello"], {
		home: home.path,
		cwd: hostile.path,
		binary: await binary("linux-x64"),
	});
	expect(code).toBe(0);
	expect(out).toStartWith("This is Aeon's demo: no model is connected.");
	expect(out + err).not.toContain("EVIL");
	expect(existsSync(join(hostile.path, "ran"))).toBe(false);
});

test("every command, driver and tool works in the binary as it does from source", async () => {
	for (const driver of ["sqlite", "file"]) {
		using home = temporaryHome({
			agents: { main: { provider: "demo" } },
			storage: { driver },
			tools: { exec: { approval: "allow" } },
		});
		const aeon = async (...args: string[]) => {
			const outcome = await run(args, {
				home: home.path,
				binary: await binary("linux-x64"),
			});
			expect(outcome.code).toBe(0);
			return outcome.out;
		};
		expect(await aeon("chat", "-m", "write hello to a.txt")).toContain(
			"Wrote 5 bytes",
		);
		expect(await aeon("chat", "-m", "read a.txt")).toContain(
			'file_read said: "hello"',
		);
		expect(await aeon("chat", "-m", "run cat a.txt")).toContain(
			'exec said: "hello',
		);
		expect(await aeon("chat", "-m", "send hi")).toContain("message_send said");
		expect(await aeon("sessions", "list")).toContain("16 messages");
		expect(await aeon("sessions", "export", "local")).toContain(
			'"role":"tool"',
		);
		expect(await aeon("config", "check")).toContain("good");
		expect(await aeon("config", "schema")).toContain("json-schema.org");
		expect(await aeon("chat", "--help")).toContain("--session");
	}
});

test.skipIf(process.getuid?.() !== 0 || process.platform !== "linux")(
	"the binary runs without the JIT, under the same process id, with its arguments as they were (needs Linux and root, who alone sees its environment)",
	async () => {
		using home = temporaryHome();
		const child = Bun.spawn([await binary("linux-x64"), "chat"], {
			cwd: home.path,
			env: { HOME: home.path, MARK: "a b" },
			stdin: "pipe",
			stdout: "pipe",
		});
		child.stdin.write("hello there\n");
		await child.stdin.flush();
		const reader = child.stdout.getReader();
		let out = "";
		while (!out.includes("hello there"))
			out += Buffer.from((await reader.read()).value ?? []);
		const read = (name: string) =>
			readFileSync(`/proc/${child.pid}/${name}`, "utf8").split("\0");
		expect(read("environ")).toEqual([
			`HOME=${home.path}`,
			"MARK=a b",
			"BUN_JSC_useBaselineJIT=0",
			"BUN_JSC_forceMiniVMMode=1",
			"BUN_JSC_miniVMHeapGrowthFactor=1.5",
			"",
		]);
		expect(read("cmdline").slice(1)).toEqual(["chat", ""]);
		child.stdin.end();
		expect(await child.exited).toBe(0);
	},
);

test("an error in the binary is a sentence, not a stack", async () => {
	using home = temporaryHome({
		agents: { main: { provider: "demo", colour: 1 } },
	});
	const { code, err } = await run(["chat", "-m", "hi"], {
		home: home.path,
		binary: await binary("linux-x64"),
	});
	expect(code).toBe(2);
	expect(err).toContain("agents.main.colour: unknown key");
	expect(err).not.toMatch(/\n\s+at /);
});

test.skipIf(!ARM64_ROOT || !QEMU)(
	"the arm64 binary answers on a Raspberry Pi 3's processor (emulated; needs qemu and AEON_ARM64_ROOT)",
	async () => {
		using home = temporaryHome();
		const file = await binary("linux-arm64");
		const emulated = async (...args: string[]) => {
			const child = Bun.spawn(
				[
					QEMU ?? "",
					"-cpu",
					"cortex-a53",
					"-L",
					ARM64_ROOT ?? "",
					file,
					...args,
				],
				{
					cwd: home.path,
					env: { HOME: home.path, PATH: process.env.PATH ?? "" },
					stdout: "pipe",
					stderr: "pipe",
				},
			);
			const [code, out] = await Promise.all([
				child.exited,
				child.stdout.text(),
			]);
			expect(code).toBe(0);
			return out;
		};
		expect(await emulated("--version")).toStartWith(`aeon ${version}`);
		expect(await emulated("chat", "-m", "write hello to a.txt")).toContain(
			"Wrote 5 bytes",
		);
		expect(
			JSON.parse(await emulated("chat", "-m", "read a.txt", "--json")).text,
		).toContain("hello");
	},
	60_000,
);
