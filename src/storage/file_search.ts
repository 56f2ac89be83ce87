// Finding what was said by its words in files, without an index.

import { closeSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { isRecord, parseJson } from "../core/json.ts";
import type { Passage } from "../core/memory.ts";
import { excerpt } from "../database/excerpt.ts";
import { chooseTerms, isEnough } from "../database/terms.ts";
import { fold, WordFinder } from "../database/word_finder.ts";
import { openExisting, reading } from "./existing.ts";
import { EXTENSION, fileName, splitKey } from "./file_name.ts";
import { type Line, linesForward } from "./lines.ts";
import { isArchiveOf } from "./query.ts";
import { linesBefore, messageOf, readHeader } from "./session_file.ts";
import type { MessageQuery } from "./store.ts";

/** One search reads so much, and no longer than so many slices take. */
const MAX_SIZE = 32 * 1024 * 1024;
const MAX_SLICES = 300;

/** Of the session that a message comes into, for which that message waits. */
const MAX_SLICES_BEFORE = 40;

/** Then everybody else has a turn. */
const SLICE_MS = 10;

/** Of a message so many characters are looked at. */
const MAX_TEXT = 20_000;

/** So many places are remembered, of which the better half is kept. */
const MAX_PLACES = 4_000;

/** What nobody has said; how its line begins. */
const UNSAID = ['{"role":"tool"', '{"role":"summary"'];
const TIMESTAMP = '"timestamp":';

interface SessionFile {
	path: string;
	sessionKey: string;
}

/** A line that is not read yet, and when it was said. */
interface Unread extends SessionFile {
	line: Line;
	timestamp: number;
}

/** A message, and the words in it. */
interface Place extends SessionFile {
	id: number;
	words: number[];
}

/**
 * Looks through the sessions of a folder that are asked for, from what was said last, and no further than some 32 MB or
 * three seconds of work; with an end, for less than half a second.
 */
export async function searchFolder(
	directory: string,
	{ text, sessionKeys, limit, before, minShare = 0 }: MessageQuery,
): Promise<Passage[]> {
	const finder = new WordFinder(text);
	if (finder.phrases.length === 0 || limit < 1) return [];
	const names = readdirSync(directory);
	const chains = [...new Set(sessionKeys)].map((key) =>
		linesOf(
			filesOf(directory, names, key).filter(
				({ sessionKey }) => !before || sessionKey === before.sessionKey,
			),
			before?.id,
		),
	);
	const { places, counts, size } = await findPlaces(
		chains,
		finder,
		before ? MAX_SLICES_BEFORE : MAX_SLICES,
	);
	const weights = new Map(
		chooseTerms(
			finder.phrases.map((phrase, n) => ({ phrase, count: counts[n] ?? 0 })),
			size,
			minShare > 0,
		).map(({ phrase, weight }) => [finder.phrases.indexOf(phrase), weight]),
	);
	return places
		.map((place) => ({ place, share: sumOf(place.words, weights) }))
		.filter(({ share }) => share > 0 && isEnough(share, minShare))
		.sort((a, b) => b.share - a.share)
		.slice(0, limit)
		.flatMap(({ place }) => asPassage(place, finder));
}

/** The files of a session and of what resets have kept of it, the latest first. */
function filesOf(
	directory: string,
	names: readonly string[],
	key: string,
): SessionFile[] {
	const stem = fileName(key).slice(0, -EXTENSION.length);
	const suffixes = names
		.filter((name) => name.endsWith(EXTENSION))
		.map((name) => name.slice(0, -EXTENSION.length))
		.filter((name) => name === stem || isArchiveOf(name, stem))
		.map((name) => name.slice(stem.length));
	return suffixes
		.sort((a, b) => timeOf(b) - timeOf(a))
		.map((suffix) => ({
			path: join(directory, `${stem}${suffix}${EXTENSION}`),
			sessionKey: key + suffix,
		}));
}

/** When an archive was made; the session itself is the latest. */
function timeOf(suffix: string): number {
	return suffix ? Number(suffix.slice(1)) : Number.POSITIVE_INFINITY;
}

/** The lines of some files, the last one first. */
function* linesOf(
	files: readonly SessionFile[],
	before?: number,
): Generator<Unread, void> {
	for (const file of files) {
		const opened = openExisting(file.path);
		if (opened === undefined) continue;
		try {
			// Whatever a person has copied to this name, it is shown to nobody else.
			const { base } = splitKey(file.sessionKey);
			if (readHeader(opened)?.session_key !== base) continue;
			let timestamp = Number.POSITIVE_INFINITY;
			for (const line of linesBefore(opened, before)) {
				const at = line.text.indexOf(TIMESTAMP) + TIMESTAMP.length;
				// A torn line is of the same time as what follows it.
				timestamp =
					Number.parseInt(line.text.slice(at, at + 16), 10) || timestamp;
				yield { ...file, line, timestamp };
			}
		} finally {
			closeSync(opened);
		}
	}
}

/** Where any of the words stand, the latest first; in how many messages each of them does, and of how many messages. */
async function findPlaces(
	chains: readonly Generator<Unread, void>[],
	finder: WordFinder,
	maxSlices: number,
) {
	const counts = finder.phrases.map(() => 0);
	let places: Place[] = [];
	let [size, read, slices] = [0, 0, 0];
	let began = performance.now();
	for (const { line, path, sessionKey } of latestFirst(chains)) {
		read += line.end - line.offset;
		if (read > MAX_SIZE || slices > maxSlices) break;
		if (performance.now() - began > SLICE_MS) {
			slices++;
			await new Promise((resolve) => setImmediate(resolve));
			began = performance.now();
		}
		if (UNSAID.some((start) => line.text.startsWith(start))) continue;
		size++;
		if (!finder.mayBeIn(fold(line.text))) continue;
		// What is found will be read by its schema, which takes ten times as long.
		const said = parseJson(line.text);
		if (!isRecord(said) || typeof said.content !== "string") continue;
		const words = finder.find(said.content.slice(0, MAX_TEXT));
		if (words.length === 0) continue;
		for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
		places.push({ path, sessionKey, id: line.offset, words });
		if (places.length === MAX_PLACES)
			places = places
				.sort((a, b) => b.words.length - a.words.length)
				.slice(0, MAX_PLACES / 2);
	}
	return { places, counts, size };
}

function* latestFirst(
	chains: readonly Generator<Unread, void>[],
): Generator<Unread> {
	try {
		const heads = chains.map((chain) => ({ chain, next: chain.next().value }));
		for (;;) {
			let latest: (typeof heads)[number] | undefined;
			for (const head of heads)
				if (
					head.next &&
					(latest?.next?.timestamp ?? Number.NEGATIVE_INFINITY) <
						head.next.timestamp
				)
					latest = head;
			if (!latest?.next) return;
			yield latest.next;
			latest.next = latest.chain.next().value;
		}
	} finally {
		for (const chain of chains) chain.return();
	}
}

function sumOf(
	words: readonly number[],
	weights: ReadonlyMap<number, number>,
): number {
	return words.reduce((sum, word) => sum + (weights.get(word) ?? 0), 0);
}

/** None where the file was removed or put elsewhere meanwhile. */
function asPassage(
	{ path, sessionKey, id }: Place,
	finder: WordFinder,
): Passage[] {
	const [line] =
		reading(path, (opened) => [...linesForward(opened, id).take(1)]) ?? [];
	const message = line && messageOf(line);
	if (message?.role !== "user" && message?.role !== "assistant") return [];
	const { role, content, timestamp } = message;
	const text = excerpt(content.slice(0, MAX_TEXT), finder);
	return [{ sessionKey, id, role, text, timestamp }];
}
