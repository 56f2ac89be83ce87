// Everything out of a folder of sessions, entry by entry.

import { closeSync, existsSync } from "node:fs";
import { basename, join } from "node:path";
import { guarded } from "../database/failure.ts";
import { asWaiting } from "./accepted.ts";
import { openExisting, reading } from "./existing.ts";
import { fileName, suffixOf } from "./file_name.ts";
import { Summaries } from "./file_summaries.ts";
import { InboxFile } from "./inbox_file.ts";
import type { AcceptedLine } from "./inbox_lines.ts";
import { messagesForward, readHeader } from "./session_file.ts";
import type { Session, StoreEntry } from "./store.ts";

/** Everything in a folder of sessions; nothing where there is none. Writes nothing. Throws `storage_failed`. */
export async function* dumpFolder(
	directory: string,
): AsyncGenerator<StoreEntry> {
	if (!existsSync(directory)) return;
	for (const session of await guarded(directory, () => listSessions(directory)))
		yield* dumpSession(directory, session);
	const { accepted, parts } = await guarded(directory, () =>
		new InboxFile(directory).contents(),
	);
	for (const line of accepted) yield* asAccepted(line);
	for (const { parts: saved, settled_at: settledAt } of parts)
		for (const part of saved)
			yield {
				kind: "part",
				part,
				...(settledAt !== undefined && { settledAt }),
			};
}

/** The one used last comes last, as in a store that numbers the messages of all its sessions. */
function listSessions(directory: string): Session[] {
	const summaries = new Summaries(directory);
	return summaries
		.paths()
		.flatMap((path) => {
			const header = reading(path, readHeader);
			const suffix = suffixOf(basename(path));
			return (header && summaries.find(header.session_key + suffix)) ?? [];
		})
		.sort(
			(a, b) =>
				a.updatedAt - b.updatedAt ||
				Number(a.sessionKey > b.sessionKey) -
					Number(a.sessionKey < b.sessionKey),
		);
}

async function* dumpSession(
	directory: string,
	session: Session,
): AsyncGenerator<StoreEntry> {
	yield { kind: "session", session };
	const { sessionKey } = session;
	const path = join(directory, fileName(sessionKey));
	const opened = await guarded(path, () => openExisting(path));
	if (opened === undefined) return;
	try {
		const messages = messagesForward(opened);
		const next = () => guarded(path, () => messages.next());
		for (let step = await next(); !step.done; step = await next())
			yield { kind: "message", sessionKey, message: step.value };
	} finally {
		closeSync(opened);
	}
}

/** None where the line is damaged. */
function* asAccepted(line: AcceptedLine): Generator<StoreEntry> {
	const { taken_at: takenAt, done_at: finishedAt, ...rest } = line;
	const message = asWaiting(
		finishedAt === undefined ? rest : { ...rest, text: "" },
	);
	if (!message) return;
	yield {
		kind: "accepted",
		message,
		...(takenAt !== undefined && { takenAt }),
		...(finishedAt !== undefined && { finishedAt }),
	};
}
