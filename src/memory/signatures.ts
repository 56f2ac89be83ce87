// The signatures of owners who are asked about, in memory: bounded, and given back when nobody asks any more.

import type { Clock } from "../core/clock.ts";
import type { Owner } from "../core/memory.ts";
import type { MemoryFile } from "./file.ts";
import { Slices } from "./slices.ts";
import { signatureWords, toBytes } from "./vector.ts";
import type { Kept, SizedModel } from "./vectors.ts";

/** The signatures of facts, one after the other in one array. */
export class SignatureList {
	readonly #wordsEach: number;
	#ids: Float64Array<ArrayBuffer>;
	#words: Uint16Array<ArrayBuffer>;
	#length = 0;

	/** An empty one for vectors of so many numbers. */
	constructor(dimensions: number) {
		this.#wordsEach = signatureWords(dimensions);
		this.#ids = new Float64Array();
		this.#words = new Uint16Array();
	}

	get length(): number {
		return this.#length;
	}

	get words(): Uint16Array {
		return this.#words;
	}

	get byteLength(): number {
		return this.#ids.byteLength + this.#words.byteLength;
	}

	id(at: number): number {
		return this.#ids[at] ?? 0;
	}

	/** Puts signatures at the end. */
	append(kept: readonly Kept[]): void {
		this.#makeRoom(this.#length + kept.length);
		const each = this.#wordsEach;
		for (const { id, bytes } of kept) {
			const words = new Uint16Array(bytes.buffer, bytes.byteOffset, each);
			this.#words.set(words, this.#length * each);
			this.#ids[this.#length++] = id;
		}
	}

	/** The last one moves to the place of a fact that is gone. */
	delete(id: number): void {
		const at = this.#ids.subarray(0, this.#length).indexOf(id);
		if (at < 0) return;
		const last = --this.#length;
		this.#ids[at] = this.id(last);
		const each = this.#wordsEach;
		this.#words.copyWithin(at * each, last * each, (last + 1) * each);
	}

	#makeRoom(length: number): void {
		if (length <= this.#ids.length) return;
		const room = Math.ceil(length * 1.25);
		const [ids, words] = [this.#ids, this.#words];
		this.#ids = new Float64Array(room);
		this.#ids.set(ids);
		this.#words = new Uint16Array(room * this.#wordsEach);
		this.#words.set(words);
	}
}

const MAX_BYTES = 16 * 1024 * 1024;
const IDLE_MS = 10 * 60_000;

/** Rows that are read at once. */
const PAGE = 1_000;

interface Entry {
	/** Undefined where it would be too large. */
	list: SignatureList | undefined;
	loaded: Promise<void>;
}

/** The lists of the owners who were asked about last, of one model. */
export class SignatureCache {
	readonly #file: MemoryFile;
	readonly #clock: Clock;
	readonly #maxBytes: number;
	/** The least recently used first. */
	readonly #entries = new Map<string, Entry>();
	#version: string | undefined;
	#idle: AbortController | undefined;

	constructor(file: MemoryFile, clock: Clock, maxBytes = MAX_BYTES) {
		this.#file = file;
		this.#clock = clock;
		this.#maxBytes = maxBytes;
	}

	/** What the lists take at the moment, in bytes. */
	get byteLength(): number {
		let sum = 0;
		for (const { list } of this.#entries.values()) sum += list?.byteLength ?? 0;
		return sum;
	}

	/** The signatures of an owner's facts. Undefined where they do not fit. */
	async of(
		owner: Owner,
		model: SizedModel,
	): Promise<SignatureList | undefined> {
		const version = await this.#file.read((tables) => tables.version());
		if (version !== this.#version) this.clear();
		this.#version = version;
		const key = keyOf(owner);
		const entry = this.#entries.get(key) ?? this.#begin(key, owner, model);
		this.#entries.delete(key);
		this.#entries.set(key, entry);
		this.#stayAWhile();
		await entry.loaded;
		return entry.list;
	}

	/** A fact of this owner has a signature now. */
	put(owner: Owner, id: number, signature: Uint16Array): void {
		const bytes = toBytes(signature);
		this.#entries.get(keyOf(owner))?.list?.append([{ id, bytes }]);
		this.#makeRoom();
	}

	/** A fact of this owner is gone. */
	delete(owner: Owner, id: number): void {
		this.#entries.get(keyOf(owner))?.list?.delete(id);
	}

	/** Gives everything back. */
	clear(): void {
		this.#entries.clear();
		this.#idle?.abort();
		this.#idle = undefined;
	}

	#begin(key: string, owner: Owner, model: SizedModel): Entry {
		const list = new SignatureList(model.dimensions);
		const entry: Entry = { list, loaded: Promise.resolve() };
		entry.loaded = this.#load(entry, list, owner, model.id);
		entry.loaded.catch(() => {
			if (this.#entries.get(key) === entry) this.#entries.delete(key);
		});
		return entry;
	}

	/** A signature that is kept meanwhile may come twice, which does no harm. */
	async #load(
		entry: Entry,
		list: SignatureList,
		owner: Owner,
		model: number,
	): Promise<void> {
		const slices = new Slices();
		for (let after = 0; ; await slices.next()) {
			const page = await this.#file.read(({ vectors }) =>
				vectors.signatures(model, owner, after, PAGE),
			);
			list.append(page ?? []);
			if (list.byteLength > this.#maxBytes) entry.list = undefined;
			const last = page?.at(-1);
			if (!last || !entry.list) return;
			after = last.id;
			this.#makeRoom();
		}
	}

	#makeRoom(): void {
		for (const key of this.#entries.keys()) {
			if (this.byteLength <= this.#maxBytes) return;
			this.#entries.delete(key);
		}
	}

	#stayAWhile(): void {
		this.#idle?.abort();
		const idle = new AbortController();
		this.#idle = idle;
		this.#clock.sleep(IDLE_MS, idle.signal).then(
			() => this.clear(),
			() => {},
		);
	}
}

function keyOf({ agentId, user }: Owner): string {
	return JSON.stringify([agentId, user]);
}
