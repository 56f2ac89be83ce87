import { expect, test } from "bun:test";
import {
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	renameSync,
	symlinkSync,
} from "node:fs";
import { join } from "node:path";
import type { ApprovalRequest, Decision } from "../../src/core/approval.ts";
import { childEnvironment, exec } from "../../src/tools/exec.ts";
import { openSandbox, until } from "./sandbox.ts";

const KEPT = 32 * 1024;

const settings = (changes: object) => ({
	options: {
		exec: { approval: "allow", timeout_seconds: 20, env: {}, ...changes },
	},
});

function isAlive(pid: number): boolean {
	// A zombie waits for its parent, but does nothing more.
	const status = Bun.spawnSync(["ps", "-o", "stat=", "-p", String(pid)])
		.stdout.toString()
		.trim();
	return status !== "" && !status.startsWith("Z");
}

function pidIn(path: string): number {
	return existsSync(path) ? Number(readFileSync(path, "utf8")) : 0;
}

test("a command runs in the workspace, and its output ends with its exit code", async () => {
	using box = openSandbox();
	mkdirSync(join(box.root, "sub"));
	expect(await box.run("exec", { command: "pwd; printf end" })).toEqual({
		success: true,
		output: `${box.root}\nend\n[exit code 0]`,
	});
	expect(await box.run("exec", { command: "pwd", cwd: "sub" })).toEqual({
		success: true,
		output: `${box.root}/sub\n[exit code 0]`,
	});
});

test("a command that fails shows what it printed, stdout and stderr as they came", async () => {
	using box = openSandbox();
	const command =
		"echo one; sleep 0.1; echo two >&2; sleep 0.1; echo three; exit 3";
	expect(await box.run("exec", { command })).toEqual({
		success: false,
		output: "one\ntwo\nthree\n[exit code 3]",
		error: "The command failed: exit code 3.",
	});
});

test("a command killed by a signal says which", async () => {
	using box = openSandbox();
	expect(await box.run("exec", { command: "kill -KILL $$" })).toEqual({
		success: false,
		output: "[exit code 137 (SIGKILL)]",
		error: "The command failed: exit code 137 (SIGKILL).",
	});
});

test("a command that reads stdin finds its end", async () => {
	using box = openSandbox();
	expect(await box.run("exec", { command: "cat; read line; echo $?" })).toEqual(
		{
			success: true,
			output: "1\n[exit code 0]",
		},
	);
});

test("a command gets a bare environment and none of Aeon's secrets", async () => {
	using box = openSandbox();
	process.env.AEON_CANARY_TOKEN = "canary-77aa";
	process.env.BUN_CANARY = "canary-77aa";
	process.env.SOME_API_KEY = "canary-77aa";
	try {
		const { output } = await box.run(
			"exec",
			{ command: "env" },
			settings({ env: { GREETING: "hello you" } }),
		);
		expect(output).not.toContain("canary-77aa");
		const names = output
			.split("\n")
			.flatMap((line) => /^(\w+)=/.exec(line)?.[1] ?? []);
		const allowed = [
			"PATH",
			"LANG",
			"TZ",
			"TMPDIR",
			"USER",
			"LOGNAME",
			"HOME",
			"TERM",
			"PWD",
			"GREETING",
			"OLDPWD",
			"SHLVL",
			"_",
		];
		expect(names.filter((name) => !allowed.includes(name))).toEqual([]);
		expect(output).toContain("GREETING=hello you\n");
		expect(output).toContain(`HOME=${box.root}\n`);
	} finally {
		delete process.env.AEON_CANARY_TOKEN;
		delete process.env.BUN_CANARY;
		delete process.env.SOME_API_KEY;
	}
});

test("the environment of a command is what a shell needs and what aeon.json adds", () => {
	expect(
		childEnvironment(
			"/ws",
			{},
			{ HOME: "/root", BUN_OPTIONS: "x", AEON_TOKEN: "x", TZ: "" },
		),
	).toEqual({
		PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		LANG: "C.UTF-8",
		HOME: "/ws",
		TERM: "dumb",
	});
	const parent = {
		PATH: "/p",
		LANG: "de",
		TZ: "UTC",
		TMPDIR: "/t",
		USER: "u",
		LOGNAME: "l",
		SECRET: "x",
	};
	expect(childEnvironment("/ws", { TERM: "vt100", KEY: "k" }, parent)).toEqual({
		PATH: "/p",
		LANG: "de",
		TZ: "UTC",
		TMPDIR: "/t",
		USER: "u",
		LOGNAME: "l",
		HOME: "/ws",
		TERM: "vt100",
		KEY: "k",
	});
});

test("the settings ask by default, and off means that the model is not told of the tool", () => {
	const options = exec.options?.parse({});
	expect(options).toEqual({ approval: "ask", timeout_seconds: 60, env: {} });
	const offered = (["ask", "allow", "off"] as const).map((approval) =>
		exec.offered?.({ approval, timeout_seconds: 1, env: {} }),
	);
	expect(offered).toEqual([true, true, false]);
});

test("the person is asked for exactly the command and the real directory, and the answer counts", async () => {
	using box = openSandbox();
	mkdirSync(join(box.root, "sub"));
	const asked: ApprovalRequest[] = [];
	const answer = (decision: Decision) => ({
		...settings({ approval: "ask" }),
		approve: (request: ApprovalRequest) => {
			asked.push(request);
			return Promise.resolve(decision);
		},
	});
	const command = "echo ran >> log; echo done";
	const input = { command, cwd: "./sub/" };
	const denied = {
		success: false,
		output: "",
		error: "The person did not allow this command.",
	};
	const ran = { success: true, output: "done\n[exit code 0]" };
	expect(await box.run("exec", input, answer("deny"))).toEqual(denied);
	expect(existsSync(join(box.root, "sub", "log"))).toBe(false);
	expect(await box.run("exec", input, answer("allow"))).toEqual(ran);
	expect(await box.run("exec", input, answer("always"))).toEqual(ran);
	expect(asked).toEqual(
		Array(3).fill({ tool: "exec", command, cwd: join(box.root, "sub") }),
	);
	expect(readFileSync(join(box.root, "sub", "log"), "utf8")).toBe("ran\nran\n");
});

test("a directory exchanged while the person is asked stops the command", async () => {
	using box = openSandbox();
	const [sub, other] = [join(box.root, "sub"), join(box.root, "other")];
	const command = "touch ran";
	const exchange = (put: () => void) => ({
		...settings({ approval: "ask" }),
		approve: () => {
			renameSync(sub, `${sub}.old`);
			put();
			return Promise.resolve<Decision>("allow");
		},
	});
	mkdirSync(sub);
	mkdirSync(other);
	expect(
		await box.run(
			"exec",
			{ command, cwd: "sub" },
			exchange(() => renameSync(other, sub)),
		),
	).toEqual({
		success: false,
		output: "",
		error:
			'"sub" became another directory while the person was asked, so the command did not run.',
	});
	renameSync(`${sub}.old`, `${sub}.older`);
	const link = exchange(() => symlinkSync(box.outside, sub));
	expect(await box.run("exec", { command, cwd: "sub" }, link)).toEqual({
		success: false,
		output: "",
		error:
			'"sub" is a symbolic link, and links are not followed: use the path it stands for.',
	});
	expect(
		Bun.spawnSync([
			"find",
			box.root,
			box.outside,
			"-name",
			"ran",
		]).stdout.toString(),
	).toBe("");
});

test("at the deadline the whole process tree is killed", async () => {
	using box = openSandbox();
	const command =
		"sh -c 'sleep 300 & echo $! > grandchild; wait' & echo printed; wait";
	const start = Date.now();
	expect(
		await box.run("exec", { command }, settings({ timeout_seconds: 0.4 })),
	).toEqual({
		success: false,
		output: "printed\n[timed out after 0.4 s]",
		error: "The command failed: timed out after 0.4 s.",
	});
	expect(Date.now() - start).toBeLessThan(1500);
	const pid = pidIn(join(box.root, "grandchild"));
	expect(pid).toBeGreaterThan(1);
	await until(() => !isAlive(pid));
});

test("a command that ignores TERM gets three seconds, then KILL", async () => {
	using box = openSandbox();
	const start = Date.now();
	const result = await box.run(
		"exec",
		{ command: "trap 'echo not me' TERM; while :; do sleep 0.1; done" },
		settings({ timeout_seconds: 0.2 }),
	);
	expect(result.output).toStartWith("not me\n");
	expect(result.output).toEndWith("[timed out after 0.2 s]");
	expect(Date.now() - start).toBeWithin(3000, 4500);
});

test("a background process that holds the output does not hold the result, and ends with it", async () => {
	using box = openSandbox();
	const start = Date.now();
	expect(
		await box.run("exec", {
			command: "sleep 300 & echo $! > pid; echo started",
		}),
	).toEqual({
		success: true,
		output: "started\n[exit code 0]",
	});
	expect(Date.now() - start).toBeLessThan(2000);
	await until(() => !isAlive(pidIn(join(box.root, "pid"))));
});

test("what a background process prints right after the shell's end is still read", async () => {
	using box = openSandbox();
	expect(
		await box.run("exec", { command: "(sleep 0.05; echo late) & echo early" }),
	).toEqual({
		success: true,
		output: "early\nlate\n[exit code 0]",
	});
});

// Known: a process that leaves the group lives on, until the service manager kills the cgroup.
test("a process that left the group by setsid does not hold the result or a descriptor", async () => {
	using box = openSandbox();
	const command =
		"setsid sh -c 'echo $$ > pid; exec sleep 300' & until [ -s pid ]; do :; done; echo started";
	await box.run("exec", { command: "true" });
	const before =
		existsSync("/proc/self/fd") && readdirSync("/proc/self/fd").length;
	const start = Date.now();
	expect(await box.run("exec", { command })).toEqual({
		success: true,
		output: "started\n[exit code 0]",
	});
	expect(Date.now() - start).toBeLessThan(2000);
	const pid = pidIn(join(box.root, "pid"));
	expect(isAlive(pid)).toBe(true);
	process.kill(pid, "SIGKILL");
	if (before !== false)
		await until(() => readdirSync("/proc/self/fd").length <= before);
});

test("an abort ends the command and all it started in under a second, even what ignores TERM", async () => {
	using box = openSandbox();
	const aborter = new AbortController();
	const command =
		"trap '' TERM; sh -c 'echo $$ > pid; while :; do sleep 0.1; done' & wait; wait";
	const running = box.run("exec", { command }, { signal: aborter.signal });
	const ended = running.catch(String);
	const pidFile = join(box.root, "pid");
	await until(() => pidIn(pidFile) > 0);
	const start = Date.now();
	aborter.abort(new Error("stopped"));
	expect(await ended).toBe("Error: stopped");
	expect(Date.now() - start).toBeLessThan(1000);
	await until(() => !isAlive(pidIn(pidFile)));
});

test("an abort while the person is asked ends the call, and the command never runs", async () => {
	using box = openSandbox();
	const aborter = new AbortController();
	const question = Promise.withResolvers<Decision>();
	const asked = Promise.withResolvers<void>();
	const running = box.run(
		"exec",
		{ command: "touch ran" },
		{
			...settings({ approval: "ask" }),
			signal: aborter.signal,
			approve: () => {
				asked.resolve();
				return question.promise;
			},
		},
	);
	const ended = running.catch(String);
	await asked.promise;
	aborter.abort(new Error("stopped"));
	expect(await ended).toBe("Error: stopped");
	question.resolve("allow");
	await question.promise;
	expect(readdirSync(box.root)).toEqual([]);
});

test("of a long output head and tail are kept, to the byte", async () => {
	using box = openSandbox();
	const print = (count: number) => `head -c ${count} /dev/zero | tr '\\0' x`;
	const { output: whole } = await box.run("exec", {
		command: `${print(2 * KEPT - 1)}; echo`,
	});
	expect(whole === `${"x".repeat(2 * KEPT - 1)}\n[exit code 0]`).toBe(true);
	const { output: cut } = await box.run("exec", {
		command: `${print(3 * KEPT)}; echo end`,
	});
	const tail = `${"x".repeat(KEPT - 4)}end\n`;
	expect(
		cut ===
			`${"x".repeat(KEPT)}\n[… ${KEPT + 4} bytes left out …]\n${tail}[exit code 0]`,
	).toBe(true);
});

test("a command that never stops printing is killed at 64 MB, in little memory", async () => {
	using box = openSandbox();
	const before = process.memoryUsage().rss;
	const { success, output, error } = await box.run("exec", { command: "yes" });
	expect({ success, error }).toEqual({
		success: false,
		error: "The command failed: killed: it printed more than 64 MB.",
	});
	expect(output.length).toBeLessThan(2 * KEPT + 200);
	expect(process.memoryUsage().rss - before).toBeLessThan(120 * 2 ** 20);
});

test("the event loop goes on while a command floods its output", async () => {
	using box = openSandbox();
	let longest = 0;
	let last = performance.now();
	const ticker = setInterval(() => {
		longest = Math.max(longest, performance.now() - last);
		last = performance.now();
	}, 5);
	await box.run("exec", { command: "yes" });
	clearInterval(ticker);
	expect(longest).toBeLessThan(250);
});

test("a command that cannot be started is a failure", async () => {
	using box = openSandbox();
	const { success, error } = await box.run("exec", {
		command: "x".repeat(300_000),
	});
	expect(success).toBe(false);
	expect(error).toStartWith("exec failed: E2BIG");
	expect(await box.run("exec", { command: "true", cwd: "none" })).toEqual({
		success: false,
		output: "",
		error: 'There is no "none" in the workspace.',
	});
});
