import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../support/until.ts";
import { execSettings, isAlive, openSandbox } from "./sandbox.ts";

const KEPT = 32 * 1024;

function pidIn(path: string): number {
	return existsSync(path) ? Number(readFileSync(path, "utf8")) : 0;
}

test("at the deadline the whole process tree is killed", async () => {
	using box = openSandbox();
	const command =
		"sh -c 'sleep 300 & echo $! > grandchild; wait' & echo printed; wait";
	const start = Date.now();
	expect(
		await box.run("exec", { command }, execSettings({ timeout_seconds: 0.4 })),
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
		execSettings({ timeout_seconds: 0.2 }),
	);
	expect(result.output).toContain("not me\n");
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
test("processes that left the group by setsid hold neither the result nor a descriptor", async () => {
	using box = openSandbox();
	const hasDescriptors = existsSync("/proc/self/fd");
	const before = hasDescriptors ? readdirSync("/proc/self/fd").length : 0;
	const start = Date.now();
	const names = Array.from({ length: 10 }, (_, i) => `pid${i}`);
	const results = names.map((name) => {
		const command = `setsid sh -c 'echo $$ > ${name}; exec sleep 300' & until [ -s ${name} ]; do sleep 0.01; done; echo on`;
		return box.run("exec", { command });
	});
	expect(await Promise.all(results)).toEqual(
		Array(10).fill({ success: true, output: "on\n[exit code 0]" }),
	);
	expect(Date.now() - start).toBeLessThan(3000);
	if (hasDescriptors)
		await until(() => readdirSync("/proc/self/fd").length < before + 10);
	const pids = names.map((name) => pidIn(join(box.root, name)));
	expect(pids.every(isAlive)).toBe(true);
	for (const pid of pids) process.kill(pid, "SIGKILL");
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

test("a command that never stops printing is killed at 64 MB, and little of it is kept", async () => {
	using box = openSandbox();
	const { success, output, error } = await box.run("exec", { command: "yes" });
	expect({ success, error }).toEqual({
		success: false,
		error: "The command failed: killed: it printed more than 64 MB.",
	});
	expect(output.length).toBeLessThan(2 * KEPT + 200);
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
	expect(longest).toBeLessThan(500);
});
