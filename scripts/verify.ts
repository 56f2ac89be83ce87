// Everything that must hold before a change lands: types, lint and format, all tests. The last line counts the tests.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..");
const BIN = join(ROOT, "node_modules", ".bin");

await main();

async function main(): Promise<void> {
	const checks = {
		types: step("types", [join(BIN, "tsc")]),
		lint: step("lint and format", [join(BIN, "biome"), "ci", "."]),
		tests: false,
	};
	const folder = mkdtempSync(join(tmpdir(), "aeon-verify-"));
	const report = join(folder, "tests.xml");
	checks.tests = step("tests", [
		"test",
		// A busy machine may need long for a test; what a test promises of time, it measures itself.
		"--timeout=30000",
		"--reporter=junit",
		`--reporter-outfile=${report}`,
	]);
	const { passed, failed, skipped } = countTests(report);
	rmSync(folder, { recursive: true });
	const broken = Object.entries(checks).flatMap(([name, isGood]) =>
		isGood ? [] : [name],
	);
	// Here it is seen: what a check said itself is thousands of lines above.
	if (broken.length > 0) console.log(`== failed: ${broken.join(", ")}`);
	console.log(
		`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`,
	);
	process.exit(broken.length === 0 && passed > 0 ? 0 : 1);
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
function countTests(report: string): {
	passed: number;
	failed: number;
	skipped: number;
} {
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
