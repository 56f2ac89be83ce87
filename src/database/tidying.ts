// Giving back what a database does not need any more.

import { statSync } from "node:fs";
import { pause } from "../core/pause.ts";
import { logOf } from "./companions.ts";
import type { Connection } from "./database.ts";

/** A larger database of an earlier Aeon is left as it is: writing it anew would hold up everybody. */
const MAX_REWRITTEN_SIZE = 16 * 1024 * 1024;

/** What `PRAGMA auto_vacuum` calls INCREMENTAL. */
const INCREMENTAL = 2;

const SLICE = 200;
const MAX_SLICES = 2_000;
const PAUSE_MS = 50;

interface Pages {
	auto_vacuum: number;
	freelist_count: number;
	page_count: number;
	page_size: number;
}

const COUNT_PAGES =
	"SELECT * FROM pragma_auto_vacuum, pragma_freelist_count, pragma_page_count, pragma_page_size";

/**
 * Gives free pages back to the system, a few at a time, and puts the log into the file. Writes nothing where there is
 * nothing to do. A small database that cannot give any back is once written anew. Throws `storage_failed`.
 */
export async function tidyDatabase({
	database,
	path,
	read,
	alone,
}: Connection): Promise<void> {
	const countPages = database.prepare<Pages>(COUNT_PAGES);
	const giveBack = database.prepare(`PRAGMA incremental_vacuum(${SLICE})`);
	const emptyLog = database.prepare("PRAGMA wal_checkpoint(TRUNCATE)");

	const before = await read(() => countPages.get());
	if (before && canBeRewritten(before))
		await alone(() => {
			database.exec("PRAGMA auto_vacuum = INCREMENTAL");
			database.exec("VACUUM");
		});
	for (let slice = 0; slice < MAX_SLICES; slice++) {
		const pages = await read(() => countPages.get());
		if (pages?.auto_vacuum !== INCREMENTAL || pages.freelist_count === 0) break;
		// Each row is a page: reading them all is what gives them back.
		await alone(() => giveBack.all());
		await pause(PAUSE_MS);
	}
	if (logSize(path) > 0) await alone(() => emptyLog.all());
}

function canBeRewritten({ auto_vacuum, page_count, page_size }: Pages) {
	return auto_vacuum === 0 && page_count * page_size <= MAX_REWRITTEN_SIZE;
}

function logSize(path: string): number {
	return statSync(logOf(path), { throwIfNoEntry: false })?.size ?? 0;
}
