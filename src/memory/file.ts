// The database of facts: opened when it is needed, made by the first fact, and put back from a backup where it is damaged.

import { existsSync } from "node:fs";
import { AeonError, describeError, hasCode } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { SqlDatabase, Statement } from "../core/platform.ts";
import { type Connection, openConnection } from "../database/database.ts";
import { guarded, isDamage } from "../database/failure.ts";
import { Patience } from "../database/patience.ts";
import type { DatabaseBackup } from "../database/recovery.ts";
import { FactTable } from "./facts.ts";
import { MEMORY } from "./schema.ts";
import { VectorTable } from "./vectors.ts";

/** What is in an open database of facts. */
export class Tables {
	readonly facts: FactTable;
	readonly vectors: VectorTable;
	readonly #opened: number;
	readonly #version: Statement<{ data_version: number }>;

	/** `opened` counts the databases that were opened. */
	constructor(database: SqlDatabase, opened: number) {
		this.#opened = opened;
		this.facts = new FactTable(database);
		this.vectors = new VectorTable(database);
		this.#version = database.prepare("PRAGMA data_version");
	}

	/** Another one whenever another process has written something, and for another database. */
	version(): string {
		return `${this.#opened} ${this.#version.get()?.data_version}`;
	}
}

interface Open {
	connection: Connection;
	tables: Tables;
}

/** What is done about a damaged file. */
export interface Repair {
	/** The backups to go on from, the one to be tried first at the beginning. No other process may have the file open. */
	backups(): Promise<readonly DatabaseBackup[]>;
	/** Is called when another file has taken the place of the damaged one. */
	repaired(): void;
}

/** A disk that damages the next database as well is not given one after the other. */
const RENEWAL_PAUSE_MS = 60_000;

/** The file that facts are kept in. What fails is thrown as `storage_failed`. */
export class MemoryFile {
	readonly #path: string;
	readonly #logger: Logger;
	readonly #now: () => number;
	readonly #repair: Repair | undefined;
	#opening: Promise<Open> | undefined;
	/** While a damaged file is being put right; true where that has been done. */
	#renewing: Promise<boolean> | undefined;
	#opened = 0;
	#problem: string | undefined;
	#renewedAt = Number.NEGATIVE_INFINITY;
	#isClosed = false;

	/** `now` gives milliseconds since 1970. Without a `repair` a damaged file stays as it is, and is said to be damaged. */
	constructor(
		path: string,
		logger: Logger,
		now: () => number,
		repair?: Repair,
	) {
		this.#path = path;
		this.#logger = logger;
		this.#now = now;
		this.#repair = repair;
	}

	/** That a damaged file was set aside and what took its place, as a sentence. */
	get problem(): string | undefined {
		return this.#problem;
	}

	/** False before the first fact. */
	exists(): boolean {
		return this.#opening !== undefined || existsSync(this.#path);
	}

	/** Looks into the tables; undefined where there are none. */
	async read<T>(work: (tables: Tables) => T): Promise<T | undefined> {
		await this.#renewing;
		if (!this.exists()) return undefined;
		const look = ({ connection, tables }: Open) =>
			connection.read(() => work(tables));
		return await this.#orRenewed(look, async () =>
			this.exists() ? look(await this.#open()) : undefined,
		);
	}

	/** Changes them in one transaction; they are made where there are none. */
	async write<T>(work: (tables: Tables) => T): Promise<T> {
		await this.#renewing;
		const change = ({ connection, tables }: Open) =>
			connection.write(() => work(tables));
		return await this.#orRenewed(change, async () =>
			change(await this.#open()),
		);
	}

	async close(): Promise<void> {
		this.#isClosed = true;
		await this.#renewing?.catch(() => {});
		// What could not be opened has said so to whoever wanted it.
		const open = await this.#opening?.catch(() => undefined);
		await open?.connection.close();
	}

	/** Does the work; the other one where the file turned out to be damaged and has been put right. */
	async #orRenewed<T>(
		work: (open: Open) => Promise<T>,
		renewed: () => Promise<T>,
	): Promise<T> {
		const opening = this.#open();
		try {
			return await work(await opening);
		} catch (error) {
			if (!(await this.#renew(opening, error))) throw error;
		}
		return renewed();
	}

	#open(): Promise<Open> {
		if (this.#isClosed)
			return Promise.reject(
				new AeonError("storage_failed", "The memory is closed"),
			);
		if (this.#opening) return this.#opening;
		const opening = this.#connect();
		opening.catch((error) => {
			if (this.#opening === opening && !isDamage(error))
				this.#opening = undefined;
		});
		this.#opening = opening;
		return opening;
	}

	#connect(): Promise<Open> {
		return guarded(this.#path, async () => {
			const connection = await this.#openDatabase();
			try {
				const tables = new Tables(connection.database, ++this.#opened);
				return { connection, tables };
			} catch (error) {
				await connection.close().catch(() => {});
				throw error;
			}
		});
	}

	async #openDatabase(): Promise<Connection> {
		try {
			return await openConnection(this.#path, MEMORY, new Patience());
		} catch (error) {
			if (!hasCode(error, "conflict")) throw error;
			const { message, hint } = error;
			throw new AeonError("storage_failed", message, { hint, cause: error });
		}
	}

	/** Puts the file right that failed with this error. False where that does not help: it is not damaged. */
	async #renew(opening: Promise<Open>, error: unknown): Promise<boolean> {
		if (this.#isClosed || !isDamage(error)) return false;
		// Another one that met the same damage sees to it.
		if (this.#opening !== opening) return (await this.#renewing) ?? true;
		this.#opening = undefined;
		this.#renewing = this.#recover(opening, error);
		try {
			return await this.#renewing;
		} finally {
			this.#renewing = undefined;
		}
	}

	async #recover(opening: Promise<Open>, error: unknown): Promise<boolean> {
		const open = await opening.catch(() => undefined);
		// Closing what is damaged may fail, too; its files are free afterwards.
		await open?.connection.close().catch(() => {});
		if (!this.#repair) throw damaged(this.#path, error);
		if (this.#now() - this.#renewedAt < RENEWAL_PAUSE_MS) return false;
		const { recoverDatabase } = await import("../database/recovery.ts");
		this.#problem = await recoverDatabase(
			this.#path,
			this.#now(),
			await this.#repair.backups().catch(unlisted),
			{ schema: MEMORY, what: "facts" },
		);
		this.#renewedAt = this.#now();
		this.#logger.error("memory.damaged", { problem: this.#problem, error });
		this.#repair.repaired();
		return true;
	}
}

function unlisted(cause: unknown): never {
	const message = `The backups cannot be listed: ${describeError(cause)}`;
	throw new AeonError("storage_failed", message, { cause });
}

/** Is said where another process may have the file open, so that nobody but a server may put it right. */
function damaged(path: string, error: unknown): AeonError {
	return new AeonError(
		"storage_failed",
		`What is remembered in ${path} cannot be read: the file is damaged`,
		{
			hint: "Start aeon serve: it sets the file aside and goes on from the newest backup that is whole.",
			cause: error,
		},
	);
}
