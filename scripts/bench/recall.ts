// A hundred thousand remembered facts of one owner, with vectors of 384 numbers: what finding some of them takes.

import { join } from "node:path";
import { steadyClock } from "../../src/core/clock.ts";
import { silent } from "../../src/core/logger.ts";
import { MemoryFile } from "../../src/memory/file.ts";
import { nearest } from "../../src/memory/nearest.ts";
import { openMemory } from "../../src/memory/open.ts";
import { SignatureCache } from "../../src/memory/signatures.ts";
import { cosineTo } from "../../src/memory/vector.ts";
import type { SizedModel } from "../../src/memory/vectors.ts";
import { asBinary } from "./rig/as_binary.ts";
import {
	DIMENSIONS,
	fill,
	MODEL,
	OWNER,
	questionsAbout,
	startEndpoint,
} from "./rig/facts.ts";
import { type Figure, percentile, RUNS, type Subject } from "./rig/figure.ts";

const COUNT = 100_000;
const QUESTIONS = 20;
const STAYS = new AbortController().signal;

export const recall: Subject = {
	title: "Many remembered facts",
	async measure({ folder }) {
		const path = join(folder, "facts.db");
		await fill(path, COUNT);
		return figuresOf(await asBinary<Recalled>(import.meta.path, path));
	},
};

/** One way of finding: each question's milliseconds in each run, and how long nothing else could happen at most. */
interface Timed {
	runs: number[][];
	stalls: number[];
}

interface Recalled {
	words: Timed;
	meaning: Timed;
	both: Timed;
	/** The first question by meaning of a process, each time with nothing kept. */
	first: Timed;
	/** Of the ten nearest of all, the share that was found, by run. */
	found: number[];
	signatureMb: number;
}

function figuresOf(found: Recalled): Figure[] {
	const rows = (what: string, { runs, stalls }: Timed, note?: string) => {
		const at = (share: number) => runs.map((run) => percentile(run, share));
		return [
			{ what: `${what}, p50`, unit: "ms", values: at(0.5), note },
			{ what: "  p95", unit: "ms", values: at(0.95) },
			{ what: "  longest stall", unit: "ms", values: stalls },
		];
	};
	const facts = COUNT.toLocaleString("en");
	return [
		...rows(
			`by words, among ${facts}`,
			found.words,
			`${QUESTIONS} questions a run, from source in a process of its own with the engine's compilers off, as the binary runs. A stall is how long nothing else could happen.`,
		),
		...rows("by meaning", found.meaning),
		...rows("  the first time", found.first).filter(
			({ what }) => !what.includes("p95"),
		),
		...rows(
			"by both",
			found.both,
			"the question's vector is asked of an endpoint in the same process.",
		),
		{
			what: "of the ten nearest of all, found",
			unit: "%",
			values: found.found.map((share) => share * 100),
		},
		{
			what: "signatures kept in memory",
			unit: "MB",
			values: [found.signatureMb],
		},
	];
}

async function measure(path: string): Promise<Recalled> {
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
	const words = await timed(questions, ({ text }) =>
		file.read(({ facts }) => facts.matching(text, OWNER, 50)),
	);
	const first = await timed(questions.slice(0, 1), ({ vector }) => {
		signatures.clear();
		return nearest(looked, vector, 50);
	});
	const meaning = await timed(questions, ({ vector }) =>
		nearest(looked, vector, 50),
	);
	const signatureMb = signatures.byteLength / 1e6;
	const found: number[] = [];
	for (let from = 0; from < QUESTIONS; from += QUESTIONS / RUNS) {
		let hits = 0;
		const some = questions.slice(from, from + QUESTIONS / RUNS);
		for (const { vector } of some) {
			const best = await compareAll(file, sized, vector);
			const near = (await nearest(looked, vector, 10)).map(({ id }) => id);
			hits += best.filter((id) => near.includes(id)).length / best.length;
		}
		found.push(hits / some.length);
	}
	signatures.clear();
	await file.close();

	const endpoint = startEndpoint(questions);
	const memory = openMemory(path, { logger: silent });
	memory.use({ ...endpoint.options, model: "bench", send_dimensions: false });
	const both = await timed(questions, ({ text }) =>
		memory.of(OWNER).search(text, 10, STAYS),
	);
	await memory.close();
	endpoint.stop();
	return { words, first, meaning, both, found, signatureMb };
}

/** How long each takes, one after the other, and how long nothing else could happen meanwhile. */
async function timed<T>(
	all: readonly T[],
	work: (one: T) => Promise<unknown>,
): Promise<Timed> {
	const runs: number[][] = [];
	const stalls: number[] = [];
	for (let run = 0; run < RUNS; run++) {
		const times: number[] = [];
		const stopWatch = watchStalls();
		for (const one of all) {
			const start = performance.now();
			await work(one);
			times.push(performance.now() - start);
			await Bun.sleep(5);
		}
		stalls.push(stopWatch());
		runs.push(times);
	}
	return { runs, stalls };
}

/** Watches until it is called again; gives the longest time that a timer had to wait, in milliseconds. */
function watchStalls(): () => number {
	let longest = 0;
	let last = performance.now();
	const look = () => {
		const now = performance.now();
		longest = Math.max(longest, now - last);
		last = now;
	};
	const timer = setInterval(look, 1);
	return () => {
		clearInterval(timer);
		look();
		return longest;
	};
}

/** The ten nearest, by comparing with every vector. */
async function compareAll(
	file: MemoryFile,
	model: SizedModel,
	query: Float32Array,
): Promise<number[]> {
	const cosine = cosineTo(query);
	let best: { id: number; cosine: number }[] = [];
	for (let from = 1; from <= COUNT; from += 1_000) {
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

if (import.meta.main)
	console.log(JSON.stringify(await measure(process.argv[2] ?? "")));
