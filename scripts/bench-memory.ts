// Figures of searching remembered facts: `bun scripts/bench-memory.ts [COUNT] [--database FILE]`. Prints one table; judges
// nothing. All facts are one owner's, with vectors of 384 numbers. As the binary runs: BUN_JSC_useJIT=0 in the environment.
// With FILE the facts are kept, and taken the next time: they can be made on one machine and searched on another.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { steadyClock } from "../src/core/clock.ts";
import { silent } from "../src/core/logger.ts";
import { MemoryFile } from "../src/memory/file.ts";
import { nearest } from "../src/memory/nearest.ts";
import { openMemory } from "../src/memory/open.ts";
import { SignatureCache } from "../src/memory/signatures.ts";
import { cosineTo } from "../src/memory/vector.ts";
import type { SizedModel } from "../src/memory/vectors.ts";
import {
	DIMENSIONS,
	fill,
	MODEL,
	OWNER,
	questionsAbout,
	startEndpoint,
} from "./bench/facts.ts";
import { memoryOf } from "./bench/proc.ts";
import { mb } from "./bench/row.ts";

const QUESTIONS = 40;
/** Comparing with everything takes long. */
const COMPARED = 10;
const STAYS = new AbortController().signal;

const { values, positionals } = parseArgs({
	options: { database: { type: "string" }, fill: { type: "string" } },
	allowPositionals: true,
});
const count = Number(positionals[0] ?? 100_000);
if (values.fill) await fill(values.fill, count);
else await main();

async function main(): Promise<void> {
	const folder = mkdtempSync(join(tmpdir(), "aeon-bench-"));
	const path = values.database ?? join(folder, "memory.db");
	try {
		if (!fillElsewhere(path)) await fill(path, count);
		const rows = [
			["facts", String(count)],
			...(await measure(path)),
			["processor", `${process.arch}, compilers ${jit()}`],
		];
		const width = Math.max(...rows.map(([name = ""]) => name.length));
		for (const [name = "", figure] of rows)
			console.log(`${name.padEnd(width)}  ${figure}`);
	} finally {
		rmSync(folder, { recursive: true });
	}
}

function jit(): string {
	return process.env.BUN_JSC_useJIT === "0" ? "off" : "on";
}

/** In a process of its own, so that its memory is not counted here. False where that cannot be started, as under qemu. */
function fillElsewhere(path: string): boolean {
	const isCompiled = import.meta.dir.startsWith("/$bunfs/");
	const script = isCompiled ? [] : [join(import.meta.dir, "bench-memory.ts")];
	try {
		return Bun.spawnSync(
			[process.execPath, ...script, String(count), "--fill", path],
			{ stderr: "inherit" },
		).success;
	} catch {
		return false;
	}
}

async function measure(path: string): Promise<string[][]> {
	const file = new MemoryFile(path, silent, Date.now);
	const model = await file.read(({ vectors }) => vectors.model(MODEL));
	if (!model) throw new Error("there are no facts");
	const sized: SizedModel = { ...model, dimensions: DIMENSIONS };
	const questions = await questionsAbout(file, sized, QUESTIONS);
	const signatures = new SignatureCache(file, steadyClock);
	const looked = {
		file,
		signatures,
		model: sized,
		scope: OWNER,
		signal: STAYS,
	};
	const before = resident();
	const rows: string[][] = [];
	const words = await timed(
		questions,
		async ({ text }) =>
			(await file.read(({ facts }) => facts.matching(text, OWNER, 50)))?.length,
	);
	rows.push(["by words", words.figure]);
	const first = await timed(questions.slice(0, 1), ({ vector }) =>
		nearest(looked, vector, 50),
	);
	rows.push(["by meaning, the first time", first.figure]);
	const meaning = await timed(questions, ({ vector }) =>
		nearest(looked, vector, 50),
	);
	rows.push(["by meaning", meaning.figure]);
	const after = resident();
	rows.push(
		["  signatures kept in memory", mb(signatures.byteLength / 1e6)],
		["  resident memory", `${mb(after - before)} more than ${mb(before)}`],
	);
	signatures.clear();

	const endpoint = startEndpoint(questions);
	const memory = openMemory(path, { logger: silent });
	memory.use({ ...endpoint.options, model: "bench", send_dimensions: false });
	const both = await timed(questions, ({ text }) =>
		memory.of(OWNER).search(text, 10, STAYS),
	);
	rows.push(["by both, an endpoint on loopback included", both.figure]);
	await memory.close();
	endpoint.stop();

	let found = 0;
	for (const { vector } of questions.slice(0, COMPARED)) {
		const best = await compareAll(file, sized, vector);
		const some = (await nearest(looked, vector, 10)).map(({ id }) => id);
		found += best.filter((id) => some.includes(id)).length;
	}
	rows.push([
		"of the ten nearest of all, found",
		`${((found / COMPARED / 10) * 100).toFixed(1)} %`,
	]);
	await file.close();
	return rows;
}

/** How long each takes, one after the other, and how long nothing else could happen meanwhile. */
async function timed<T>(
	all: readonly T[],
	work: (one: T) => Promise<unknown>,
): Promise<{ figure: string }> {
	const times: number[] = [];
	let longest = 0;
	let last = performance.now();
	let isOver = false;
	const watch = () => {
		const now = performance.now();
		longest = Math.max(longest, now - last);
		last = now;
		if (!isOver) setTimeout(watch, 0);
	};
	watch();
	for (const one of all) {
		const start = performance.now();
		await work(one);
		times.push(performance.now() - start);
		await new Promise((resolve) => setTimeout(resolve, 5));
	}
	isOver = true;
	const sorted = times.toSorted((a, b) => a - b);
	const at = (share: number) =>
		sorted[Math.floor((sorted.length - 1) * share)]?.toFixed(1);
	const time =
		all.length === 1 ? `${at(0)} ms` : `p50 ${at(0.5)} ms, p95 ${at(0.95)} ms`;
	return { figure: `${time}, longest stall ${longest.toFixed(1)} ms` };
}

/** The ten nearest, by comparing with every vector. */
async function compareAll(
	file: MemoryFile,
	model: SizedModel,
	query: Float32Array,
): Promise<number[]> {
	const cosine = cosineTo(query);
	let best: { id: number; cosine: number }[] = [];
	for (let from = 1; from <= count; from += 1_000) {
		const ids = Array.from({ length: 1_000 }, (_, at) => from + at);
		const kept = await file.read(({ vectors }) =>
			vectors.vectors(model.id, OWNER, ids),
		);
		const some = (kept ?? []).map(({ id, bytes }) => ({
			id,
			cosine: cosine(bytes),
		}));
		best = [...best, ...some].sort((a, b) => b.cosine - a.cosine).slice(0, 10);
	}
	return best.map(({ id }) => id);
}

/** Resident memory of this process after a collection, in megabytes. */
function resident(): number {
	Bun.gc(true);
	return memoryOf(process.pid).resident;
}
