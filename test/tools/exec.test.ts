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
import { execSettings, openSandbox } from "./sandbox.ts";

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
		"for n in 1 2 3 4 5; do echo out $n; echo err $n >&2; done; exit 3";
	const printed = [1, 2, 3, 4, 5].map((n) => `out ${n}\nerr ${n}\n`).join("");
	expect(await box.run("exec", { command })).toEqual({
		success: false,
		output: `${printed}[exit code 3]`,
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
			execSettings({ env: { GREETING: "hello you" } }),
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
	expect(options).toEqual({
		approval: "ask",
		confined: true,
		timeout_seconds: 60,
		env: {},
	});
	const offered = (["ask", "allow", "off"] as const).map((approval) =>
		exec.offered?.({ approval, confined: true, timeout_seconds: 1, env: {} }),
	);
	expect(offered).toEqual([true, true, false]);
});

test("the person is asked for exactly the command and the real directory, and the answer counts", async () => {
	using box = openSandbox();
	mkdirSync(join(box.root, "sub"));
	const asked: ApprovalRequest[] = [];
	const answer = (decision: Decision) => ({
		...execSettings({ approval: "ask" }),
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
		...execSettings({ approval: "ask" }),
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

test("an abort while the person is asked ends the call, and the command never runs", async () => {
	using box = openSandbox();
	const aborter = new AbortController();
	const question = Promise.withResolvers<Decision>();
	const asked = Promise.withResolvers<void>();
	const running = box.run(
		"exec",
		{ command: "touch ran" },
		{
			...execSettings({ approval: "ask" }),
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
