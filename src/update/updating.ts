// An update from its beginning to its end, step by step; each is said before it begins.

import { existsSync, rmSync } from "node:fs";
import { AeonError, describeError } from "../core/errors.ts";
import { findServer } from "../core/presence.ts";
import { openStateDirectory } from "../core/state.ts";
import {
	endUpdate,
	type Journal,
	lockUpdates,
	readJournal,
} from "./journal.ts";
import { checkWritable, type UpdatePlace } from "./place.ts";
import { bring, newProgram, previousProgram, sumOf, sweep } from "./program.ts";
import {
	type RehearsalParts,
	rehearseWith,
	testProgram,
	versionOf,
} from "./rehearsing.ts";
import { findRelease, type Release } from "./release.ts";
import { goBack, type ReplacingParts, replace, tryOut } from "./replacing.ts";
import { findRunning } from "./running.ts";

/** How an update is wanted. */
export interface UpdateOptions {
	/** Where the release lies. */
	from: string;
	/** Also the same version, or an older one. */
	isForced: boolean;
	patienceMs: number;
	/** Ends it as long as nothing is changed. */
	signal: AbortSignal;
	/** A step begins. */
	say(line: string): void;
	/** So many bytes of the new program are there. */
	progress?(done: number, size: number | undefined): void;
}

/** One update. */
export class Updating {
	readonly #place: UpdatePlace;
	readonly #options: UpdateOptions;

	constructor(place: UpdatePlace, options: UpdateOptions) {
		this.#place = place;
		this.#options = options;
	}

	/** Does it, and gives what has come of it as a sentence. Whatever it throws, a version that works is in place. */
	async run(): Promise<string> {
		const { binary, state, owner } = this.#place;
		checkWritable(binary, this.#options.from);
		if (binary === previousProgram(binary))
			throw new AeonError(
				"conflict",
				`${binary} is the program that an update has kept: update the one beside it`,
			);
		const lock = await owner.as(async () => {
			openStateDirectory(state);
			return lockUpdates(state);
		});
		if (!lock)
			throw new AeonError("conflict", "Another aeon update is going on");
		const program = newProgram(binary);
		try {
			sweep(binary);
			await this.#finishOther();
			return await this.#update(program);
		} finally {
			rmSync(program, { force: true });
			lock.release();
		}
	}

	async #update(program: string): Promise<string> {
		const { binary, state, owner } = this.#place;
		const { from, isForced, signal, say } = this.#options;
		const release = await findRelease(from, signal, (place) =>
			say(`looking for a release in ${place}`),
		);
		if (!isForced && (await sumOf(binary)) === release.sum)
			return `${binary} is up to date`;
		say(`fetching ${release.place}`);
		await bringSafely(release, program, binary, this.#options.progress);
		signal.throwIfAborted();
		const rehearsal: RehearsalParts = {
			...{ owner, state, signal },
			config: owner.asNow(() => findServer(state))?.config ?? "",
		};
		say("testing it");
		const to = await testProgram(program, rehearsal);
		const previously = await versionOf(binary, rehearsal);
		if (!isForced && isOlder(to, previously))
			throw new AeonError(
				"conflict",
				`Aeon ${to} is older than Aeon ${previously}, which is there`,
				{ hint: "Nothing was changed. --force goes back to it all the same." },
			);
		say("rehearsing with copies of the databases");
		// Not by this process's own file, which the service's user may not be able to reach.
		const copier = previously === "" ? program : binary;
		await rehearseWith(copier, program, rehearsal);
		signal.throwIfAborted();
		const journal: Journal = {
			phase: "trying",
			binary,
			previous: previousProgram(binary),
			from: previously,
			to,
			startedAt: Date.now(),
			attempts: 0,
		};
		const parts = await this.#replacingParts();
		await replace(program, journal, parts);
		return this.#tryOut(journal, parts);
	}

	async #tryOut(journal: Journal, parts: ReplacingParts): Promise<string> {
		const { to } = journal;
		const { running } = parts;
		const kept = `the old one is ${journal.previous}`;
		if (running.kind === "nothing")
			return `Aeon ${to} is in place and starts the next time; ${kept}`;
		if (running.kind === "foreign")
			return `Aeon ${to} is in place; process ${running.pid} has to be ended and started again by whoever has started it; ${kept}`;
		await tryOut(journal, parts);
		return `Aeon ${to} runs; ${kept}`;
	}

	/** One that was cut off is brought to its end first. */
	async #finishOther(): Promise<void> {
		const { binary, state, owner } = this.#place;
		const { isForced, say, signal } = this.#options;
		const end = () => owner.as(() => endUpdate(state));
		const found = owner.asNow(() => readJournal(state));
		if (!found) return end();
		// What root replaces by what is not for the owner of a state directory to say.
		const previous = previousProgram(binary);
		const journal: Journal = { ...found, binary, previous };
		const parts = await this.#replacingParts();
		const config = "";
		const there = await versionOf(binary, { owner, state, config, signal });
		const isThere = there === journal.to && existsSync(previous);
		if (journal.phase === "trying" && !isThere) return end();
		const isTrying = journal.phase === "trying";
		if (parts.running.kind === "nothing" || parts.running.kind === "foreign") {
			// Where nobody serves, none is ever tried; one that has begun must come to its end.
			if (isTrying && (isForced || journal.attempts === 0)) return end();
			throw new AeonError(
				"conflict",
				`The update to Aeon ${journal.to} is not over: the next start of aeon serve finishes it`,
				{
					hint: isTrying
						? "Start that, or write --force to forget it."
						: "Start that first.",
				},
			);
		}
		say(`finishing the update to Aeon ${journal.to}, which was cut off`);
		if (journal.phase === "trying") await tryOut(journal, parts);
		else await goBack(journal, parts);
	}

	async #replacingParts(): Promise<ReplacingParts> {
		const { binary, state, owner, installation } = this.#place;
		const { patienceMs, say } = this.#options;
		const server = owner.asNow(() => findServer(state));
		const running = await findRunning(binary, installation, server, owner.uid);
		return { owner, state, running, patienceMs, say };
	}
}

/** A disk that has become full is told as such. */
async function bringSafely(
	release: Release,
	program: string,
	binary: string,
	told: UpdateOptions["progress"] = () => {},
): Promise<void> {
	try {
		await bring(release, program, binary, told);
	} catch (error) {
		if (error instanceof AeonError) throw error;
		throw new AeonError(
			"storage_failed",
			`${release.place} could not be brought to ${program}: ${describeError(error)}`,
			{ cause: error, hint: "Nothing was changed." },
		);
	}
}

/** True where a version, as `0.1.0 (commit)`, comes before another one. */
function isOlder(one: string, other: string): boolean {
	const numbers = (version: string) =>
		(/^\d+(\.\d+)*/.exec(version)?.[0] ?? "").split(".").map(Number);
	const [left, right] = [numbers(one), numbers(other)];
	for (let index = 0; index < Math.max(left.length, right.length); index++) {
		const difference = (left[index] ?? 0) - (right[index] ?? 0);
		if (difference !== 0) return difference < 0;
	}
	return false;
}
