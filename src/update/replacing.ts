// The new program takes the old one's place and is tried; where it does not come to answer, everything goes back.

import { renameSync } from "node:fs";
import { dirname } from "node:path";
import { AeonError, describeError } from "../core/errors.ts";
import { pause } from "../core/pause.ts";
import { findServer } from "../core/presence.ts";
import { syncFolder } from "../core/sync.ts";
import { awaitVersion } from "./health.ts";
import {
	endUpdate,
	type Journal,
	readJournal,
	writeJournal,
} from "./journal.ts";
import type { Owner } from "./owner.ts";
import { keepPrevious, putBack } from "./program.ts";
import {
	isRunning,
	lastWords,
	type Running,
	restart,
	startDetached,
	whyLost,
} from "./running.ts";

/** What is replaced, and who is told. */
export interface ReplacingParts {
	owner: Owner;
	state: string;
	running: Running;
	/** How long the new version may take to answer, in milliseconds. */
	patienceMs: number;
	/** A step begins. */
	say(line: string): void;
}

/** A server that is told to begin anew has done so within this time, or hangs. */
const ENDING_MS = 30_000;

/** The old version has so long at the least, however little patience there is with a new one. */
const BACK_MS = 90_000;

/** Writes down what is going to be done, and puts the program in its place. Nothing of it is lost wherever it is cut off. */
export async function replace(
	program: string,
	journal: Journal,
	{ owner, state, say }: ReplacingParts,
): Promise<void> {
	const { binary, previous } = journal;
	await owner.as(() => writeJournal(state, journal));
	try {
		say(`keeping ${binary} as ${previous}`);
		await keepPrevious(binary, previous);
		say(`putting Aeon ${journal.to} in its place`);
		renameSync(program, binary);
	} catch (error) {
		await owner.as(() => endUpdate(state));
		throw new AeonError(
			"storage_failed",
			`${binary} could not be replaced: ${describeError(error)}`,
			{ cause: error, hint: "Nothing was changed." },
		);
	}
	await syncFolder(dirname(binary));
}

/** Has what runs begin anew and waits until it answers; otherwise the old version runs again, and `conflict` is thrown. */
export async function tryOut(
	journal: Journal,
	parts: ReplacingParts,
): Promise<void> {
	const { owner, state, running, say } = parts;
	const since = Date.now();
	try {
		say("restarting");
		await restart(running);
		say(`waiting until Aeon ${journal.to} answers`);
		await awaitAnswer(journal, parts, { since, isNew: true });
	} catch (error) {
		const words = await lastWords(running, since);
		const problem = oneSentence(describeError(error));
		const reason = words === "" ? problem : `${problem} (${words})`;
		await goBack({ ...journal, reason }, parts);
	}
	await owner.as(() => endUpdate(state));
}

/** The old version runs again. Throws `conflict` with why, always. */
export async function goBack(
	journal: Journal,
	parts: ReplacingParts,
): Promise<never> {
	const { owner, state, running, say } = parts;
	const { binary, previous, from, to, reason = "it did not answer" } = journal;
	say(`going back to Aeon ${from}: ${reason}`);
	const back: Journal = { ...journal, phase: "back" };
	const isDone = !owner.asNow(() => readJournal(state));
	// The old program knows what to do without it, too: a disk that takes nothing must not keep it out.
	if (!isDone)
		await owner
			.as(() => writeJournal(state, back))
			.catch((error) => say(`${state}: ${describeError(error)}`));
	await putBack(binary, previous);
	const since = Date.now();
	let notices: readonly string[];
	try {
		if (!isDone) await runAgain(back, parts);
		notices = await awaitAnswer(back, parts, { since, isNew: false });
	} catch (error) {
		throw new AeonError(
			"conflict",
			`Aeon ${to} was taken back: ${reason}. Aeon ${from} is in its place again and does not answer either: ${describeError(error)}`,
			{ hint: "Look into its log, and start it by hand." },
		);
	}
	const runs = running.kind === "nothing" ? "is in its place" : "runs";
	throw new AeonError(
		"conflict",
		`Aeon ${to} was taken back: ${reason}. Aeon ${from} ${runs} again, with its databases as they were.`,
		isDone ? { hint: notices.join(" ") } : {},
	);
}

async function runAgain(
	{ binary, from }: Journal,
	{ owner, state, running, say }: ReplacingParts,
): Promise<void> {
	if (running.kind !== "process") return restart(running);
	const { pid, args } = running;
	if (isRunning(pid)) {
		await restart(running);
		const ended = awaitVersion({
			locate: () => owner.asNow(() => findServer(state)),
			version: from,
			timeoutMs: ENDING_MS,
			hopeless: () => whyLost(running),
		});
		if (await ended.then(Boolean, () => false)) return;
		if (isRunning(pid)) process.kill(pid, "SIGKILL");
		while (isRunning(pid)) await pause(50);
	}
	say(
		`starting Aeon ${from} without a terminal, since process ${pid} has ended`,
	);
	await startDetached([...owner.argv, binary, ...args], owner.env);
}

async function awaitAnswer(
	{ from, to }: Journal,
	parts: ReplacingParts,
	{ since, isNew }: { since: number; isNew: boolean },
): Promise<readonly string[]> {
	const { owner, state, running, patienceMs } = parts;
	if (running.kind === "nothing" || running.kind === "foreign") return [];
	const locate = () => owner.asNow(() => findServer(state));
	// It counts its start before it does anything else.
	const hasBegun = () =>
		(owner.asNow(() => readJournal(state))?.attempts ?? 0) > 0;
	const { notices } = await awaitVersion({
		locate,
		version: isNew ? to : from,
		timeoutMs: isNew ? patienceMs : Math.max(patienceMs, BACK_MS),
		isAtWork: () => isNew && !locate() && hasBegun(),
		...(isNew && {
			hopeless: async () => whyBack(parts) ?? (await whyLost(running)),
		}),
		// Otherwise the version tells, and no clock that is set meanwhile.
		...(from === to && { since }),
	});
	return notices;
}

/** Why a server has gone back by itself, which nobody else confirms while this process lives; undefined while it has not. */
function whyBack({ owner, state }: ReplacingParts): string | undefined {
	const journal = owner.asNow(() => readJournal(state));
	if (journal?.phase === "trying") return undefined;
	return journal?.reason ?? "it has gone back by itself, as its log tells";
}

/** What goes into one line, and before a full stop. */
function oneSentence(text: string): string {
	return text
		.trim()
		.replace(/\s*\n\s*/g, " ")
		.replace(/\.+$/, "");
}
