import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Owner } from "../../src/core/memory.ts";
import { MemoryFile } from "../../src/memory/file.ts";
import { nearest } from "../../src/memory/nearest.ts";
import type { Scope } from "../../src/memory/scope.ts";
import { SignatureCache } from "../../src/memory/signatures.ts";
import { cosineTo, normalised, toBytes } from "../../src/memory/vector.ts";
import type { SizedModel } from "../../src/memory/vectors.ts";
import { fakeClock } from "../support/fake_clock.ts";
import { randomFrom } from "../support/random.ts";
import { ANNA, BEN, STAYS } from "./rig.ts";

const DIMENSIONS = 100;
const TOPICS = 20;

let folder: string;
let file: MemoryFile;
let random: () => number;

beforeEach(() => {
	folder = mkdtempSync(join(tmpdir(), "aeon-memory-"));
	file = open();
	random = randomFrom(7);
});

afterEach(async () => {
	await file.close();
	rmSync(folder, { recursive: true });
});

function open(): MemoryFile {
	const nothing = () => {};
	const logger = {
		debug: nothing,
		info: nothing,
		warn: nothing,
		error: nothing,
		hide: nothing,
		close: nothing,
	};
	return new MemoryFile(join(folder, "memory.db"), logger, Date.now);
}

const anyVector = (spread: number) =>
	Array.from({ length: DIMENSIONS }, () => (random() - 0.5) * spread);

const plus = (a: readonly number[], b: readonly number[]) =>
	a.map((number, at) => number + (b[at] ?? 0));

const unit = (numbers: readonly number[]) =>
	normalised(numbers) ?? new Float32Array();

/** What facts of an owner mean: they gather in topics, which all lean to one side by so much. */
async function fill(
	owner: Owner,
	count: number,
	lean = 1,
): Promise<Float32Array[]> {
	const side = Array.from({ length: DIMENSIONS }, () => lean);
	const topics = Array.from({ length: TOPICS }, () =>
		plus(side, anyVector(1.5)),
	);
	const vectors = Array.from({ length: count }, (_, n) =>
		unit(plus(topics[n % TOPICS] ?? [], anyVector(1))),
	);
	await file.write((tables) => {
		const model = tables.vectors.createModel("model");
		for (const [n, vector] of vectors.entries()) {
			const { fact } = tables.facts.save(owner, `Fact ${n}`, 0);
			tables.vectors.put(model, fact.id, vector);
		}
		tables.vectors.center(model);
	});
	return vectors;
}

async function theModel(): Promise<SizedModel> {
	const model = await file.read(({ vectors }) => vectors.model("model"));
	if (!model?.dimensions) throw new Error("there is no vector");
	return { ...model, dimensions: model.dimensions };
}

/** The ids of those that are nearest, found as searches find them. */
async function find(
	query: Float32Array,
	limit: number,
	signatures: SignatureCache,
	scope: Scope = ANNA,
): Promise<number[]> {
	const model = await theModel();
	const looked = { file, signatures, model, scope, signal: STAYS };
	return (await nearest(looked, query, limit)).map(({ id }) => id);
}

/** The same by comparing with all; the first vector is of the fact 1. */
function compare(
	query: Float32Array,
	limit: number,
	vectors: readonly Float32Array[],
): number[] {
	const cosine = cosineTo(query);
	return vectors
		.map((vector, at) => ({ id: at + 1, cosine: cosine(toBytes(vector)) }))
		.sort((a, b) => b.cosine - a.cosine)
		.slice(0, limit)
		.map(({ id }) => id);
}

const near = (vector: Float32Array | undefined, spread = 0.1) =>
	unit(plus([...(vector ?? [])], anyVector(spread)));

for (const count of [1, 299, 300])
	test(`of ${count} facts the nearest are found exactly, without anything in memory`, async () => {
		const vectors = await fill(ANNA, count);
		await fill(BEN, 50);
		const signatures = new SignatureCache(file, fakeClock());
		for (let n = 0; n < 10; n++) {
			const query = near(vectors[(n * 31) % count]);
			expect(await find(query, 50, signatures)).toEqual(
				compare(query, 50, vectors),
			);
		}
		expect(signatures.byteLength).toBe(0);
	});

for (const lean of [0, 1, 8])
	test(`of 3,000 facts that lean to one side by ${lean}, the nearest are found by their signatures`, async () => {
		const vectors = await fill(ANNA, 3_000, lean);
		await fill(BEN, 400, lean);
		const signatures = new SignatureCache(file, fakeClock());
		let found = 0;
		for (let n = 0; n < 20; n++) {
			const query = near(vectors[n * 150], 0.1 / (lean + 1));
			const wanted = compare(query, 10, vectors);
			const ids = await find(query, 10, signatures);
			expect(ids[0]).toBe(wanted[0]);
			found += wanted.filter((id) => ids.includes(id)).length;
		}
		expect(found).toBeGreaterThanOrEqual(190);
		const words = 8;
		expect(signatures.byteLength).toBeWithin(
			3_000 * (words * 2 + 8),
			3_000 * 1.3 * (words * 2 + 8),
		);
	});

test("the center of a model's vectors is found once, as soon as there are enough of them", async () => {
	const center = async () => {
		const model = await theModel();
		return [
			model.center !== null,
			await file.write(({ vectors }) => vectors.center(model)),
		];
	};
	await fill(ANNA, 255);
	expect(await center()).toEqual([false, false]);
	await fill(BEN, 1);
	expect(await center()).toEqual([true, false]);
});

test("what does not fit into memory is looked through in the table, with the same result", async () => {
	const vectors = await fill(ANNA, 2_500);
	const large = new SignatureCache(file, fakeClock());
	const small = new SignatureCache(file, fakeClock(), 30_000);
	for (let n = 0; n < 5; n++) {
		const query = near(vectors[n * 400]);
		const found = await find(query, 50, large);
		expect(await find(query, 50, small)).toEqual(found);
		expect(await find(query, 50, small, {})).toEqual(found);
	}
	expect(await small.of(ANNA, await theModel())).toBeUndefined();
	expect(small.byteLength).toBe(0);
	expect(large.byteLength).toBeGreaterThan(0);
});

test("the owners who were asked about last are kept, as far as they fit", async () => {
	const owners = ["a", "b", "c"].map((user) => ({ agentId: "main", user }));
	const queries: Float32Array[] = [];
	for (const owner of owners)
		queries.push((await fill(owner, 400))[0] ?? new Float32Array());
	const each = 400 * 1.25 * 24;
	const signatures = new SignatureCache(file, fakeClock(), each * 2);
	let loads = 0;
	const read = file.read.bind(file);
	file.read = (work) => {
		if (String(work).includes("PAGE")) loads++;
		return read(work);
	};
	const ask = async (at: number) => {
		const before = loads;
		const owner = owners[at] ?? ANNA;
		expect(
			await find(queries[at] ?? new Float32Array(), 1, signatures, owner),
		).toEqual([at * 400 + 1]);
		expect(signatures.byteLength).toBeLessThanOrEqual(each * 2);
		return loads > before;
	};
	expect(await ask(0)).toBe(true);
	expect(await ask(1)).toBe(true);
	expect(await ask(0)).toBe(false);
	expect(await ask(2)).toBe(true);
	expect(await ask(0)).toBe(false);
	expect(await ask(1)).toBe(true);
});

test("ten minutes after the last search nothing is kept, and no timer runs", async () => {
	const [vector = new Float32Array()] = await fill(ANNA, 400);
	const clock = fakeClock();
	const signatures = new SignatureCache(file, clock);
	expect(clock.sleeping()).toBe(0);
	await find(vector, 1, signatures);
	await clock.advance(599_000);
	await find(vector, 1, signatures);
	await clock.advance(599_000);
	expect(signatures.byteLength).toBeGreaterThan(0);
	expect(clock.sleeping()).toBe(1);
	await clock.advance(1_000);
	expect(signatures.byteLength).toBe(0);
	expect(clock.sleeping()).toBe(0);
	expect(await find(vector, 1, signatures)).toEqual([1]);
});

test("facts that are embedded or forgotten meanwhile are there, or are not", async () => {
	const vectors = await fill(ANNA, 1_500);
	const signatures = new SignatureCache(file, fakeClock());
	const query = near(vectors[7]);
	expect(await find(query, 1, signatures)).toEqual([8]);
	const bytes = signatures.byteLength;
	await file.write((tables) => {
		tables.facts.delete(8, ANNA);
		tables.vectors.delete(8);
	});
	signatures.delete(ANNA, 8);
	expect(await find(query, 1, signatures)).not.toEqual([8]);
	expect(await find(near(vectors[1_499]), 1, signatures)).toEqual([1_500]);
	const list = await signatures.of(ANNA, await theModel());
	expect(list?.length).toBe(1_499);
	for (let n = 0; n < 500; n++) {
		const id = await file.write((tables) => {
			const model = tables.vectors.createModel("model");
			const { fact } = tables.facts.save(ANNA, `New ${n}`, 0);
			const vector = n === 150 ? query : near(vectors[n]);
			const signature = tables.vectors.put(model, fact.id, vector);
			if (signature) signatures.put(ANNA, fact.id, signature);
			return fact.id;
		});
		if (n === 150) expect(await find(query, 1, signatures)).toEqual([id]);
	}
	expect(signatures.byteLength).toBeGreaterThan(bytes);
});

test("what another process embeds is found by the next search", async () => {
	const vectors = await fill(ANNA, 400);
	const signatures = new SignatureCache(file, fakeClock());
	const query = near(vectors[7]);
	expect(await find(query, 1, signatures)).toEqual([8]);
	const other = open();
	const id = await other.write((tables) => {
		const model = tables.vectors.createModel("model");
		const { fact } = tables.facts.save(ANNA, "Another", 0);
		tables.vectors.put(model, fact.id, query);
		return fact.id;
	});
	await other.close();
	expect(await find(query, 1, signatures)).toEqual([id]);
});

test("a search that is stopped ends between two slices", async () => {
	const [vector = new Float32Array()] = await fill(ANNA, 2_000);
	const reason = new Error("stopped");
	const signatures = new SignatureCache(file, fakeClock(), 1_000);
	const controller = new AbortController();
	const work = nearest(
		{
			file,
			signatures,
			model: await theModel(),
			scope: ANNA,
			signal: controller.signal,
		},
		vector,
		1,
	).catch((error) => error);
	controller.abort(reason);
	expect(await work).toBeOneOf([
		reason,
		[{ id: 1, cosine: expect.anything() }],
	]);
});
