// The database of facts: opened when it is needed, made by the first fact, and set aside where it is damaged.

import { existsSync, renameSync } from "node:fs";
import { AeonError, hasCode } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { SqlDatabase, Statement } from "../core/platform.ts";
import { type Connection, openConnection } from "../database/database.ts";
import { guarded, isDamage } from "../database/failure.ts";
import { Patience } from "../database/patience.ts";
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

/** What SQLite keeps of a database. */
const FILES = ["-wal", "-shm", ""];

/** A disk that damages the next database as well is not given one after the other. */
const RENEWAL_PAUSE_MS = 60_000;

/** The file that facts are kept in. What fails is thrown as `storage_failed`. */
export class MemoryFile {
	readonly #path: string;
	readonly #logger: Logger;
	readonly #now: () => number;
	#opening: Promise<Open> | undefined;
	/** While a damaged file is being set aside; true where the next one may be begun. */
	#renewing: Promise<boolean> | undefined;
	#opened = 0;
	#problem: string | undefined;
	#renewedAt = Number.NEGATIVE_INFINITY;
	#isClosed = false;

	/** `now` gives milliseconds since 1970. */
	constructor(path: string, logger: Logger, now: () => number) {
		this.#path = path;
		this.#logger = logger;
		this.#now = now;
	}

	/** That a damaged file was set aside, as a sentence. */
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
		return await this.#orRenewed(
			({ connection, tables }) => connection.read(() => work(tables)),
			() => undefined,
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
		// What could not be opened has said so to whoever wanted it.
		const open = await this.#opening?.catch(() => undefined);
		await open?.connection.close();
	}

	/** Does the work; the other one where the file turns out to be damaged and a new one may be begun. */
	async #orRenewed<T>(
		work: (open: Open) => Promise<T>,
		renewed: () => T | Promise<T>,
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

	/** Sets the file aside that failed with this error. False where that does not help: it is not damaged. */
	async #renew(opening: Promise<Open>, error: unknown): Promise<boolean> {
		if (this.#isClosed || !isDamage(error)) return false;
		// Another one that met the same damage sees to it.
		if (this.#opening !== opening) return (await this.#renewing) ?? true;
		this.#opening = undefined;
		this.#renewing = this.#setAside(opening, error);
		try {
			return await this.#renewing;
		} finally {
			this.#renewing = undefined;
		}
	}

	async #setAside(opening: Promise<Open>, error: unknown): Promise<boolean> {
		const open = await opening.catch(() => undefined);
		// Closing what is damaged may fail, too; its files are free afterwards.
		await open?.connection.close().catch(() => {});
		if (this.#now() - this.#renewedAt < RENEWAL_PAUSE_MS) return false;
		this.#renewedAt = this.#now();
		const aside = await guarded(this.#path, () => this.#rename());
		this.#problem = `What was remembered in ${this.#path} could not be read, so the file was set aside as ${aside}; memory begins anew.`;
		this.#logger.error("memory.damaged", { problem: this.#problem, error });
		return true;
	}

	/** Gives the name that the file has now. */
	#rename(): string {
		let timestamp = this.#now();
		while (existsSync(`${this.#path}.damaged-${timestamp}`)) timestamp++;
		const aside = `${this.#path}.damaged-${timestamp}`;
		for (const end of FILES)
			if (existsSync(this.#path + end))
				renameSync(this.#path + end, aside + end);
		return aside;
	}
}
