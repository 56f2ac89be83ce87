// Facts to be searched, the same every time: sentences of made-up words, and vectors that lie as those of sentences do.

import { existsSync } from "node:fs";
import { silent } from "../../../src/core/logger.ts";
import type { Owner } from "../../../src/core/memory.ts";
import { MemoryFile } from "../../../src/memory/file.ts";
import { fromBytes, normalised } from "../../../src/memory/vector.ts";
import type { SizedModel } from "../../../src/memory/vectors.ts";
import { randomFrom } from "../../../test/support/random.ts";

/** Whose facts they are. */
export const OWNER: Owner = { agentId: "main", user: "telegram:777" };

/** What the vectors are of, and the endpoint that `MODEL` names. */
export const DIMENSIONS = 384;
const PORT = 41_729;
export const MODEL = `http://127.0.0.1:${PORT}/v1/embeddings|bench|`;

/** What is searched for. */
export interface Question {
	text: string;
	vector: Float32Array;
}

const WORDS = 30_000;
const WORDS_EACH = 9;
const TOPICS = 1_000;
/** Vectors of sentences differ in some tens of directions, in the first of them most. */
const DIRECTIONS = 32;
const AT_ONCE = 2_000;

/** Makes `count` facts with their vectors in a file, unless it is there. */
export async function fill(path: string, count: number): Promise<void> {
	if (existsSync(path)) return;
	const file = new MemoryFile(path, silent, Date.now);
	const random = randomFrom(1);
	const vectorOf = vectorMaker(random);
	const sentence = sentenceMaker(random);
	for (let done = 0; done < count; done += AT_ONCE)
		await file.write(({ facts, vectors }) => {
			const model = vectors.createModel(MODEL);
			for (let at = done; at < Math.min(done + AT_ONCE, count); at++) {
				const { fact } = facts.save(OWNER, `${sentence()} ${at}`, at);
				vectors.put(model, fact.id, vectorOf());
			}
			vectors.center(model);
		});
	await file.close();
}

/** Questions each of which is about one of the facts: some of its words among others, and a vector that is near. */
export async function questionsAbout(
	file: MemoryFile,
	model: SizedModel,
	count: number,
): Promise<Question[]> {
	const random = randomFrom(2);
	const sentence = sentenceMaker(random);
	const last = (await file.read(({ facts }) => facts.last())) ?? 0;
	const questions: Question[] = [];
	while (questions.length < count) {
		const id = 1 + Math.floor(random() * last);
		const fact = await file.read(({ facts }) => facts.get([id], OWNER)[0]);
		const kept = await file.read(
			({ vectors }) => vectors.vectors(model.id, OWNER, [id])[0],
		);
		if (!fact || !kept) throw new Error(`fact ${id} is not there`);
		const near = fromBytes(kept.bytes);
		questions.push({
			text: `${fact.text.split(" ").slice(2, 5).join(" ")} ${sentence()}`,
			vector: unit(near.map((number) => number + gaussian(random) * 0.03)),
		});
	}
	return questions;
}

/** An endpoint that knows what these questions mean, and nothing else. */
export function startEndpoint(questions: readonly Question[]) {
	const answers = new Map(
		questions.map(({ text, vector }) => [
			text,
			JSON.stringify({ data: [{ index: 0, embedding: [...vector] }] }),
		]),
	);
	const server = Bun.serve({
		hostname: "127.0.0.1",
		port: PORT,
		async fetch(request) {
			const { input } = (await request.json()) as { input: string[] };
			return new Response(answers.get(input[0] ?? "") ?? "{}");
		},
	});
	return {
		options: { base_url: `http://127.0.0.1:${PORT}/v1` },
		stop: () => server.stop(true),
	};
}

/** A few words stand in many sentences, most of them in hardly any (Zipf's law). */
function sentenceMaker(random: () => number): () => string {
	const syllables = [
		"ba",
		"ne",
		"ki",
		"lo",
		"ru",
		"sa",
		"te",
		"mi",
		"do",
		"vu",
	];
	const word = () => {
		let rank = Math.floor(WORDS ** random());
		let text = "";
		for (; rank > 0; rank = Math.floor(rank / 10))
			text += syllables[rank % 10] ?? "";
		return `${text}n`;
	};
	return () => Array.from({ length: WORDS_EACH }, word).join(" ");
}

/** All lean to one side, gather in topics, and within a topic differ in a few directions and in nothing much else. */
function vectorMaker(random: () => number): () => Float32Array {
	const any = () =>
		unit(Float32Array.from({ length: DIMENSIONS }, () => gaussian(random)));
	const common = any();
	const topics = Array.from({ length: TOPICS }, any);
	const directions = Array.from({ length: DIRECTIONS }, any);
	return () => {
		const topic = topics[Math.floor(random() ** 2 * TOPICS)] ?? common;
		const vector = new Float32Array(DIMENSIONS);
		add(vector, common, 0.5);
		add(vector, topic, 0.6);
		directions.forEach((direction, rank) => {
			add(vector, direction, (gaussian(random) * 0.3) / Math.sqrt(rank + 1));
		});
		for (let at = 0; at < DIMENSIONS; at++)
			vector[at] = (vector[at] ?? 0) + gaussian(random) * 0.012;
		return unit(vector);
	};
}

function add(sum: Float32Array, vector: Float32Array, weight: number): void {
	for (let at = 0; at < DIMENSIONS; at++)
		sum[at] = (sum[at] ?? 0) + (vector[at] ?? 0) * weight;
}

function unit(numbers: Float32Array): Float32Array {
	return normalised([...numbers]) ?? numbers;
}

/** A normally distributed number (Box and Muller). */
function gaussian(random: () => number): number {
	return (
		Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
	);
}
