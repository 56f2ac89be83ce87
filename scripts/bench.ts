// Figures of this build on this machine: `bun scripts/bench.ts`. Prints one table; judges nothing.
// Times are medians of whole processes; memory is resident memory from /proc. The floor is an empty program, compiled alike.

import {
	mkdtempSync,
	readFileSync,
	rmSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openTestAeon } from "../test/support/aeon.ts";
import { startFakeLlm } from "../test/support/fake_llm.ts";

const ROOT = join(import.meta.dir, "..");
const RUNS = 31;
const SESSIONS = 500;
const TURNS = 20;
const WARM_TURNS = 50;

if (process.argv[2] === "--soak") await soak(process.argv[3] ?? "");
else await main();

async function main(): Promise<void> {
	const folder = mkdtempSync(join(tmpdir(), "aeon-bench-"));
	try {
		const aeon = join(folder, "aeon-linux-x64");
		run([
			process.execPath,
			"scripts/cross-compile.ts",
			"--out",
			folder,
			"--no-xz",
			"linux-x64",
		]);
		const floor = join(folder, "floor");
		writeFileSync(`${floor}.ts`, 'console.log("floor");\n');
		run([
			process.execPath,
			"build",
			"--compile",
			"--bytecode",
			"--format=esm",
			"--minify",
			`--outfile=${floor}`,
			`${floor}.ts`,
		]);
		const rows = [
			["binary", `${(statSync(aeon).size / 1e6).toFixed(1)} MB`],
			measure("an empty program (the floor)", [floor], folder),
			measure("aeon --version", [aeon, "--version"], folder),
			measure(
				"aeon chat --demo -m hello",
				[aeon, "chat", "--demo", "-m", "hello"],
				folder,
			),
			...(await promptRows()),
			...(await soakRows()),
		];
		const width = Math.max(...rows.map(([name = ""]) => name.length));
		for (const [name = "", figure] of rows)
			console.log(`${name.padEnd(width)}  ${figure}`);
	} finally {
		rmSync(folder, { recursive: true });
	}
}

/** Median time and the most memory of a program that runs to its end, after two runs that do not count. */
function measure(name: string, command: string[], home: string): string[] {
	const env = { HOME: home, PATH: process.env.PATH ?? "" };
	const once = () => {
		const before = performance.now();
		const { success } = Bun.spawnSync(command, { cwd: home, env });
		if (!success) throw new Error(`${name} failed`);
		return performance.now() - before;
	};
	once();
	once();
	const ms = median(Array.from({ length: RUNS }, once));
	return [name, `${ms.toFixed(1)} ms, ${peakMemory(command, home, env)}`];
}

/** The most memory of a run. A child's own count begins with its parent's, so a small parent is needed: time(1). */
function peakMemory(
	command: string[],
	cwd: string,
	env: Record<string, string>,
): string {
	if (!Bun.which("time")) return "memory not taken: time(1) is not installed";
	const kilobytes = Array.from({ length: 5 }, () => {
		const { stderr } = Bun.spawnSync(["time", "-f", "%M", ...command], {
			cwd,
			env,
		});
		return Number(stderr.toString().trim().split("\n").at(-1));
	});
	return `${(median(kilobytes) / 1000).toFixed(1)} MB at most`;
}

/** What is sent for "hi" with every tool offered. */
async function promptRows(): Promise<string[][]> {
	const llm = await startFakeLlm({
		api: "anthropic",
		script: () => ({ text: "hi" }),
	});
	await using it = await openTestAeon(agentOf(llm.url));
	await it.say("hi");
	const { system, tools, messages } = llm.requests[0]?.body ?? {};
	llm.stop();
	const bytes = JSON.stringify({ system, tools, messages }).length;
	return [
		[
			'request for "hi", all tools',
			`${bytes} bytes, about ${Math.round(bytes / 3.5)} tokens`,
		],
	];
}

async function soakRows(): Promise<string[][]> {
	const llm = await startFakeLlm({
		api: "anthropic",
		script: (_request, n) =>
			n % 10 === 0
				? {
						toolCalls: [
							{
								id: `toolu_${n}`,
								name: "exec",
								input: { command: "seq 20000" },
							},
						],
					}
				: n % 50 === 1
					? { text: "A part", ending: "reset" }
					: {
							text: Array.from(
								{ length: 20 },
								() => "some words of an answer ",
							),
						},
	});
	const { stdout, stderr, success } = await spawn(
		[process.execPath, "scripts/bench.ts", "--soak", llm.url],
		// As the binary runs.
		{ BUN_JSC_useBaselineJIT: "0" },
	);
	llm.stop();
	if (!success) throw new Error(stderr);
	return JSON.parse(stdout);
}

/** In a process of its own: many sessions, a few turns each, against a model that also fails and calls tools. */
async function soak(url: string): Promise<void> {
	await using it = await openTestAeon(agentOf(url), {
		tools: { exec: { approval: "allow" } },
	});
	const say = async (n: number) => {
		await it.say(`message ${n}`, `agent:main:cli:user${n % SESSIONS}`);
		it.events.length = 0;
	};
	for (let n = 0; n < WARM_TURNS; n++) await say(n);
	const warm = residentMegabytes();
	const before = performance.now();
	for (let n = WARM_TURNS; n < SESSIONS * TURNS; n++) await say(n);
	const seconds = (performance.now() - before) / 1000;
	const end = residentMegabytes();
	const rows = [
		[`resident after ${WARM_TURNS} turns`, `${warm.toFixed(1)} MB`],
		[
			`resident after ${SESSIONS} sessions of ${TURNS} turns`,
			`${end.toFixed(1)} MB (${(end - warm).toFixed(1)} more)`,
		],
		[
			"turns a second, one at a time, model included",
			((SESSIONS * TURNS) / seconds).toFixed(0),
		],
	];
	console.log(JSON.stringify(rows));
}

function agentOf(url: string): object {
	return {
		provider: "anthropic",
		model: "fake-1",
		api_key: "k",
		base_url: url,
	};
}

/** Resident memory of this process after a collection. */
function residentMegabytes(): number {
	Bun.gc(true);
	const kilobytes = /VmRSS:\s+(\d+)/.exec(
		readFileSync("/proc/self/status", "utf8"),
	)?.[1];
	return Number(kilobytes) / 1000;
}

function median(values: number[]): number {
	return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

function run(command: string[]): void {
	const { success, stderr } = Bun.spawnSync(command, { cwd: ROOT });
	if (!success) throw new Error(stderr.toString());
}

async function spawn(command: string[], env: Record<string, string>) {
	const child = Bun.spawn(command, {
		cwd: ROOT,
		env: { ...process.env, ...env },
		stdout: "pipe",
		stderr: "pipe",
	});
	const [code, stdout, stderr] = await Promise.all([
		child.exited,
		child.stdout.text(),
		child.stderr.text(),
	]);
	return { success: code === 0, stdout, stderr };
}
