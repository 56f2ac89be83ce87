// Everything that must hold before a change lands: types, lint and format, all tests. The last line counts the tests.

import {
	mkdtempSync,
	openSync,
	readdirSync,
	readFileSync,
	rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..");
const BIN = join(ROOT, "node_modules", ".bin");

/** Tests that wait for machines, images and processes of their own, so that they run beside all others, and after them in rank. */
const BESIDE = /^test\/(scripts|service|update)\//;

await main();

async function main(): Promise<void> {
	const checks = {
		types: step("types", [join(BIN, "tsc")]),
		lint: step("lint and format", [join(BIN, "biome"), "ci", "."]),
		tests: false,
	};
	const counts = { passed: 0, failed: 0, skipped: 0 };
	checks.tests = await runTests(counts);
	const broken = Object.entries(checks).flatMap(([name, isGood]) =>
		isGood ? [] : [name],
	);
	// Here it is seen: what a check said itself is thousands of lines above.
	if (broken.length > 0) console.log(`== failed: ${broken.join(", ")}`);
	const { passed, failed, skipped } = counts;
	console.log(
		`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`,
	);
	process.exit(broken.length === 0 && passed > 0 ? 0 : 1);
}

/** What became of tests. */
interface Counts {
	passed: number;
	failed: number;
	skipped: number;
}

/** Runs all tests, in two processes, and adds up what became of them; true where all is well. */
async function runTests(counts: Counts): Promise<boolean> {
	const files = readdirSync(join(ROOT, "test"), {
		recursive: true,
		encoding: "utf8",
	})
		.filter((name) => name.endsWith(".test.ts"))
		.map((name) => `test/${name}`)
		.sort();
	const folder = mkdtempSync(join(tmpdir(), "aeon-verify-"));
	const beside = join(folder, "beside.log");
	console.log("== tests");
	const runs = [
		startTests(
			files.filter((file) => !BESIDE.test(file)),
			join(folder, "most.xml"),
			"inherit",
			0,
		),
		startTests(
			files.filter((file) => BESIDE.test(file)),
			join(folder, "beside.xml"),
			openSync(beside, "a"),
			10,
		),
	];
	const codes = await Promise.all(runs.map(({ exited }) => exited));
	console.log("== tests of machines, images and updates");
	console.log(readFileSync(beside, "utf8"));
	for (const name of ["most.xml", "beside.xml"]) {
		const found = countTests(join(folder, name));
		counts.passed += found.passed;
		counts.failed += found.failed;
		counts.skipped += found.skipped;
	}
	rmSync(folder, { recursive: true });
	const isGood = codes.every((code) => code === 0);
	if (!isGood) console.log("== tests: failed");
	return isGood;
}

function startTests(
	files: string[],
	report: string,
	output: "inherit" | number,
	rank: number,
) {
	const options = [
		// A busy machine may need long for a test; what a test promises of time, it measures itself.
		"--timeout=30000",
		"--reporter=junit",
		`--reporter-outfile=${report}`,
	];
	// Named by ./ they are paths, not patterns.
	const paths = files.map((file) => `./${file}`);
	const command = [process.execPath, "test", ...options, ...paths];
	return Bun.spawn(["nice", "-n", String(rank), ...command], {
		cwd: ROOT,
		stdout: output,
		stderr: output,
	});
}

/** Runs a check with this very Bun and shows what it says. */
function step(name: string, command: string[]): boolean {
	console.log(`== ${name}`);
	const { success } = Bun.spawnSync([process.execPath, ...command], {
		cwd: ROOT,
		stdout: "inherit",
		stderr: "inherit",
	});
	if (!success) console.log(`== ${name}: failed`);
	return success;
}

/** The tests that really ran, by the report's own totals. */
function countTests(report: string): Counts {
	let xml = "";
	try {
		xml = readFileSync(report, "utf8");
	} catch {
		console.log("The tests left no report.");
	}
	const total = (name: string) =>
		Number(
			new RegExp(`<testsuites[^>]*\\b${name}="(\\d+)"`).exec(xml)?.[1] ?? 0,
		);
	const [tests, failed, skipped] = [
		total("tests"),
		total("failures"),
		total("skipped"),
	];
	return { passed: tests - failed - skipped, failed, skipped };
}
