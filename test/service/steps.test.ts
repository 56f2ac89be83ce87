// Several things that are done, or not at all.

import { expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AeonError } from "../../src/core/errors.ts";
import { makeFolders, replacement } from "../../src/service/moving.ts";
import { finishSteps, type Step, takeSteps } from "../../src/service/steps.ts";
import { temporaryFolder } from "../support/home.ts";

function recorder() {
	const done: string[] = [];
	const step = (title: string, fails?: "run" | "undo"): Step => ({
		title,
		run() {
			done.push(`+${title}`);
			if (fails === "run") throw new Error(`no ${title}`);
		},
		undo() {
			done.push(`-${title}`);
			if (fails === "undo") throw new Error(`no way back from ${title}`);
		},
		settled: () => void done.push(`=${title}`),
	});
	return { done, step };
}

test("where a step fails, it and those before it are undone, last first, and what cannot be undone is said", async () => {
	const { done, step } = recorder();
	const steps = [step("a"), step("b", "undo"), step("c", "run"), step("d")];
	const said: string[] = [];
	const error = await takeSteps(steps, (line) => said.push(line)).catch(
		(reason) => reason,
	);
	expect(done).toEqual(["+a", "+b", "+c", "-c", "-b", "-a"]);
	expect(said).toEqual(["a", "b", "c"]);
	expect(error).toBeInstanceOf(AeonError);
	expect(error.message).toBe(
		"no c\nCould not be undone: b: no way back from b",
	);
	expect(error.hint).toContain("Everything else");
});

test("steps that all succeed are settled; an abort between two undoes them", async () => {
	const { done, step } = recorder();
	await takeSteps([step("a"), step("b")], () => {});
	expect(done).toEqual(["+a", "+b", "=a", "=b"]);
	const stopping = new AbortController();
	done.length = 0;
	const last = { title: "stop", run: () => stopping.abort(new Error("told")) };
	const taking = takeSteps(
		[step("a"), last, step("b")],
		() => {},
		stopping.signal,
	);
	expect(taking).rejects.toThrow("told");
	await taking.catch(() => {});
	expect(done).toEqual(["+a", "-a"]);
});

test("of what is only left to do, each is done whether or not others fail", async () => {
	const { done, step } = recorder();
	const failed = await finishSteps([step("a", "run"), step("b")], () => {});
	expect(done).toEqual(["+a", "+b"]);
	expect(failed).toEqual(["Failed: a: no a"]);
});

test("a file that was replaced can be put back until it is settled, and nothing is left beside it", async () => {
	using folder = temporaryFolder();
	const path = join(folder.path, "file");
	const other = replacement(path);
	await other.put({ text: "new" }, 0o644);
	expect(statSync(path).mode & 0o777).toBe(0o644);
	other.undo();
	expect(readdirSync(folder.path)).toEqual([]);
	writeFileSync(path, "old");
	const one = replacement(path);
	await one.put({ text: "new" }, 0o600);
	expect(readFileSync(path, "utf8")).toBe("new");
	one.undo();
	expect(readFileSync(path, "utf8")).toBe("old");
	await expect(one.put({ copyOf: "/nowhere" }, 0o755)).rejects.toThrow();
	one.undo();
	expect(readFileSync(path, "utf8")).toBe("old");
	await one.put({ copyOf: "/bin/true" }, 0o755);
	one.keep();
	expect(readdirSync(folder.path)).toEqual(["file"]);
	expect(readFileSync(path)).toEqual(readFileSync("/bin/true"));
});

test("folders that are made have their mode whatever the umask is", () => {
	using folder = temporaryFolder();
	const path = join(folder.path, "local", "bin");
	const before = process.umask(0o077);
	try {
		expect(makeFolders(path, 0o755)).toEqual([path, join(path, "..")]);
	} finally {
		process.umask(before);
	}
	for (const one of [path, join(path, "..")])
		expect(statSync(one).mode & 0o777).toBe(0o755);
	expect(makeFolders(path, 0o700)).toEqual([]);
});
