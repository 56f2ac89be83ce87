// Moving everything from one kind of store into another one: whole and checked, or not at all.

import {
	closeSync,
	existsSync,
	fsyncSync,
	openSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { AeonError } from "../core/errors.ts";
import { syncFolder } from "../core/sync.ts";
import { visible } from "../core/terminal.ts";
import { COMPANIONS } from "../database/companions.ts";
import { guarded } from "../database/failure.ts";
import type { StoreDriver, StoreEntry } from "./store.ts";
import {
	type Digest,
	Digesting,
	digestOf,
	findDifference,
} from "./transfer_digest.ts";

/** A kind of store, with the options by which it finds its place. */
export interface StoreAt {
	driver: StoreDriver;
	options: Readonly<Record<string, unknown>>;
}

/**
 * Fills a store that is empty or missing with all that another one holds, which stays as it is; gives what that was. The
 * new one is made beside its place, read again, compared, and only then put there, safe on the disk. Until `confirmMove`
 * says that it is the one in use, it counts as left behind, and the next move makes it anew. `report` is told each step.
 *
 * Throws `conflict` where the new place is not empty or somebody writes into the old store, and `storage_failed`, also
 * where the two differ: then nothing is in the new place.
 */
export async function moveStore(
	from: StoreAt,
	to: StoreAt,
	report: (step: string) => void,
): Promise<Digest> {
	const place = placeOf(to);
	const next = storeAt(to, `${place}.migrating`);
	return guarded(place, async () => {
		await takeBack(to);
		await expectEmpty(to);
		remove(placeOf(next));
		try {
			const moved = await fill(next, from, report);
			await expectEmpty(to);
			mark(to, moved);
			await syncFolder(dirname(place));
			renameSync(placeOf(next), place);
			await syncFolder(dirname(place));
			return moved;
		} finally {
			remove(placeOf(next));
		}
	});
}

/** From now on the store that was filled is the one in use. */
export function confirmMove(to: StoreAt): void {
	rmSync(markOf(to), { force: true });
}

/** The file or folder of a store. */
export function placeOf({ driver, options }: StoreAt): string {
	return String(options[firstOption(driver)]);
}

function storeAt({ driver, options }: StoreAt, place: string): StoreAt {
	return { driver, options: { ...options, [firstOption(driver)]: place } };
}

function firstOption(driver: StoreDriver): string {
	return Object.keys(driver.options.shape)[0] ?? "";
}

function dump({ driver, options }: StoreAt): AsyncIterable<StoreEntry> {
	return driver.dump(options as never);
}

function load(
	{ driver, options }: StoreAt,
	entries: AsyncIterable<StoreEntry>,
): Promise<void> {
	return driver.load(options as never, entries);
}

async function fill(
	next: StoreAt,
	from: StoreAt,
	report: (step: string) => void,
): Promise<Digest> {
	report(`Reading ${placeOf(from)}`);
	const digesting = new Digesting();
	await load(next, observed(dump(from), digesting));
	const moved = digesting.result();
	report("Comparing what was written");
	const lost = findDifference(moved, await digestOf(dump(next)));
	if (lost !== undefined) throw unlike(lost);
	const differs = findDifference(moved, await digestOf(dump(from)));
	if (differs !== undefined) throw changed(from, differs);
	return moved;
}

async function* observed(
	entries: AsyncIterable<StoreEntry>,
	digesting: Digesting,
): AsyncGenerator<StoreEntry> {
	for await (const entry of entries) {
		digesting.add(entry);
		yield entry;
	}
}

/** Lies beside a store that was moved there and is not yet in use, with the hash of what was moved. */
function markOf(to: StoreAt): string {
	return `${placeOf(to)}.migrated`;
}

function mark(to: StoreAt, { hash }: Digest): void {
	const file = openSync(markOf(to), "w", 0o600);
	try {
		writeFileSync(file, hash);
		fsyncSync(file);
	} finally {
		closeSync(file);
	}
}

/**
 * Takes out of its place what an earlier move has put there and nobody has used since: a kill came before the setting was
 * changed. The old store, which it was made of, may have gone on.
 */
async function takeBack(to: StoreAt): Promise<void> {
	const place = placeOf(to);
	if (!existsSync(markOf(to))) return;
	const hash = readFileSync(markOf(to), "utf8");
	if (existsSync(place) && (await digestOf(dump(to))).hash === hash)
		remove(place);
	confirmMove(to);
}

/** A folder must have nothing in it at all. */
async function expectEmpty(to: StoreAt): Promise<void> {
	const place = placeOf(to);
	const status = statSync(place, { throwIfNoEntry: false });
	let isEmpty = true;
	if (status?.isDirectory()) isEmpty = readdirSync(place).length === 0;
	else
		for await (const _ of dump(to)) {
			isEmpty = false;
			break;
		}
	if (isEmpty) return;
	throw new AeonError(
		"conflict",
		`${place} is not empty, and a store is moved into an empty one only`,
		{
			hint: `Move it aside, or name another place in storage.${firstOption(to.driver)} of aeon.json.`,
		},
	);
}

function unlike(lost: string): AeonError {
	return new AeonError(
		"storage_failed",
		`The new store has not what the old one has: ${visible(lost)} is another one there`,
		{ hint: "Nothing was changed: the old store is in use as before." },
	);
}

function changed(from: StoreAt, differs: string): AeonError {
	return new AeonError(
		"conflict",
		`Somebody has written into ${placeOf(from)} meanwhile: ${visible(differs)} is another one now`,
		{
			hint: "Nothing was changed. Close every aeon chat and try again.",
		},
	);
}

function remove(place: string): void {
	for (const end of ["", ...COMPANIONS])
		rmSync(place + end, { recursive: true, force: true });
}
