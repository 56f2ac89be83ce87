// How somebody gets to talk to Aeon without an entry in aeon.json: a code that its owner gives them, good once.

import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod/mini";
import { AeonError, describeError } from "./errors.ts";
import { writeJsonFile } from "./json_file.ts";
import type { Logger } from "./logger.ts";
import { pause } from "./pause.ts";
import { type ProcessLock, platform } from "./platform.ts";

/** What a dialog calls a person by: some have numbers, some have texts. */
export type PersonId = number | string;

/** Somebody who was let in by a code. */
export interface PairedPerson {
	id: PersonId;
	/** What they called themselves then. */
	name: string;
	/** Milliseconds since 1970. */
	pairedAt: number;
}

/**
 * The codes and the people of one dialog. They lie in files of the state directory, so that the command that makes a code
 * and the process that takes it in need not know of each other. What writes throws `storage_failed`.
 */
export interface Pairing {
	/** Makes a code in the place of an earlier one: good for an hour, once, and until three wrong ones were tried. */
	makeCode(): Promise<string>;
	/** Takes a text for the code: true where it is, and they are let in from now on. A wrong one of the right form counts as a try. */
	redeem(
		text: string,
		person: Omit<PairedPerson, "pairedAt">,
	): Promise<boolean>;
	isPaired(id: PersonId): boolean;
	/** Those who were let in, the first first. Throws where that cannot be read. */
	list(): PairedPerson[];
	/** The same without reading what has not changed; nobody where it cannot be read, which is logged. */
	people(): readonly PairedPerson[];
	/** Takes somebody out again; who that was, undefined where they were not in. */
	remove(id: PersonId): Promise<PairedPerson | undefined>;
}

/** Whose pairing it is. */
export interface PairingParts {
	/** The state directory. */
	state: string;
	dialog: string;
	/** Milliseconds since 1970. */
	now(): number;
	/** Is told of files that cannot be read. */
	logger?: Pick<Logger, "warn">;
}

/** Without 0 O 1 I L, which look alike. */
const ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ";
const CODE_LENGTH = 8;
/** With a figure in it, as every code has: so that no word is taken for a try. */
const CODE_FORM = new RegExp(`^(?=.*\\d)[${ALPHABET}]{${CODE_LENGTH}}$`);

const HOUR_MS = 60 * 60_000;
const ATTEMPTS = 3;

const LOCK_TRIES = 40;
const LOCK_PAUSE_MS = 25;

/** By dialog, the code that is open. */
const codesSchema = z.record(
	z.string(),
	z.object({ hash: z.string(), expiresAt: z.number(), attemptsLeft: z.int() }),
);

const peopleSchema = z.array(
	z.object({
		id: z.union([z.int(), z.string()]),
		name: z.string(),
		pairedAt: z.number(),
	}),
);

/** The pairing of a dialog. */
export function openPairing(parts: PairingParts): Pairing {
	const { state, dialog, now, logger } = parts;
	const codesFile = join(state, "pairing.json");
	const peopleFile = join(state, `${dialog}-allowed.json`);
	const readCodes = () => readFile(codesFile, codesSchema, {}, logger);
	const readPeople = () => readFile(peopleFile, peopleSchema, [], logger);
	const people = rereading(peopleFile, readPeople, (problem) =>
		logger?.warn("pairing.unreadable", { file: peopleFile, problem }),
	);

	/** Changes the files while no other process does. */
	const change = async <T>(work: () => Promise<T>): Promise<T> => {
		let lock: ProcessLock | undefined;
		try {
			lock = await takeLock(join(state, "pairing.lock"));
			return await work();
		} catch (error) {
			throw new AeonError(
				"storage_failed",
				`The pairing in ${state} cannot be changed: ${describeError(error)}`,
				{ cause: error },
			);
		} finally {
			lock?.release();
		}
	};

	return {
		makeCode: () =>
			change(async () => {
				const code = randomCode();
				const open = {
					hash: platform.sha256(code),
					expiresAt: now() + HOUR_MS,
					attemptsLeft: ATTEMPTS,
				};
				await writeJsonFile(codesFile, { ...readCodes(), [dialog]: open });
				return code;
			}),
		async redeem(text, { id, name }) {
			const code = text.replace(/[\s\p{Pd}]/gu, "").toUpperCase();
			if (!CODE_FORM.test(code) || !Object.hasOwn(readCodes(), dialog))
				return false;
			return change(async () => {
				const { [dialog]: open, ...others } = readCodes();
				if (!open) return false;
				const isOpen = now() < open.expiresAt && open.attemptsLeft > 0;
				const isRight = isOpen && platform.sha256(code) === open.hash;
				const attemptsLeft = open.attemptsLeft - 1;
				const isOver = !isOpen || isRight || attemptsLeft <= 0;
				// Before anything comes of it: what cannot be counted is no try.
				await writeJsonFile(codesFile, {
					...others,
					...(!isOver && { [dialog]: { ...open, attemptsLeft } }),
				});
				if (!isRight) return false;
				const rest = readPeople().filter((one) => one.id !== id);
				await writeJsonFile(peopleFile, [
					...rest,
					{ id, name, pairedAt: now() },
				]);
				return true;
			});
		},
		isPaired: (id) => people().some((one) => one.id === id),
		list: readPeople,
		people,
		remove: (id) =>
			change(async () => {
				const all = readPeople();
				const person = all.find((one) => one.id === id);
				if (person)
					await writeJsonFile(
						peopleFile,
						all.filter((one) => one.id !== id),
					);
				return person;
			}),
	};
}

function randomCode(): string {
	for (;;) {
		const bytes = crypto.getRandomValues(new Uint8Array(8 * CODE_LENGTH));
		// Numbers beyond the last whole round of the alphabet would make its first letters likelier.
		const fair = [...bytes].filter(
			(byte) => byte < 256 - (256 % ALPHABET.length),
		);
		const code = fair
			.slice(0, CODE_LENGTH)
			.map((byte) => ALPHABET[byte % ALPHABET.length])
			.join("");
		if (CODE_FORM.test(code)) return code;
	}
}

/** What a file holds; where it is missing or broken, as if it had never been written. Throws where it cannot be read. */
function readFile<Shape extends z.ZodMiniType>(
	path: string,
	schema: Shape,
	missing: z.infer<Shape>,
	logger: Pick<Logger, "warn"> | undefined,
): z.infer<Shape> {
	let text: string;
	try {
		text = readFileSync(path, "utf8");
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "ENOENT") return missing;
		throw error;
	}
	try {
		return z.parse(schema, JSON.parse(text));
	} catch {
		logger?.warn("pairing.unreadable", { file: path });
		return missing;
	}
}

/** Reads again where the file is another one than the last time, since another process may have written it. */
function rereading<T>(
	path: string,
	read: () => T[],
	failed: (problem: string) => void,
): () => T[] {
	let seen = "";
	let value: T[] = [];
	return () => {
		try {
			const status = statSync(path, { throwIfNoEntry: false });
			const { ino, mtimeMs, size } = status ?? { ino: 0, mtimeMs: 0, size: 0 };
			const state = `${ino} ${mtimeMs} ${size}`;
			if (state !== seen) value = read();
			seen = state;
		} catch (error) {
			failed(describeError(error));
			// Nobody is let in by a list that cannot be read.
			value = [];
			seen = "";
		}
		return value;
	};
}

async function takeLock(path: string): Promise<ProcessLock> {
	for (let tries = 1; tries <= LOCK_TRIES; tries++) {
		const lock = platform.lock(path);
		if (lock) return lock;
		await pause(LOCK_PAUSE_MS);
	}
	throw new Error("another process is about to");
}
