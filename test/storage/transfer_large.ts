// A process whose memory is measured: takes a session of a hundred megabytes through both stores and writes what that took.
// Started as: bun transfer_large.ts <driver that is first> <folder>

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { file, sqlite } from "../../src/storage/registry.ts";
import type { StoreEntry } from "../../src/storage/store.ts";
import { digestOf } from "../../src/storage/transfer_digest.ts";

const [first, folder = ""] = process.argv.slice(2);
const KEY = "agent:main:cli:local";
const MESSAGES = 20_000;
const LENGTH = 5_000;

async function* large(): AsyncGenerator<StoreEntry> {
	yield {
		kind: "session",
		session: { sessionKey: KEY, agentId: "main", createdAt: 1, updatedAt: 2 },
	};
	for (let id = 1; id <= MESSAGES; id++)
		yield {
			kind: "message",
			sessionKey: KEY,
			message: {
				role: "user",
				content: `${id} ${"x".repeat(LENGTH)}`,
				id,
				timestamp: 2,
			},
		};
	yield {
		kind: "message",
		sessionKey: KEY,
		message: {
			role: "summary",
			content: "in short",
			through: MESSAGES - 1,
			id: MESSAGES + 1,
			timestamp: 2,
		},
	};
}

const database = { sessions_db: join(folder, "sessions.db") };
const sessions = { directory: join(folder, "sessions") };
if (first === "sqlite") {
	await sqlite.load(database, large());
	await file.load(sessions, sqlite.dump(database));
} else {
	await file.load(sessions, large());
	await sqlite.load(database, file.dump(sessions));
}
const [one, other] = [
	await digestOf(sqlite.dump(database)),
	await digestOf(file.dump(sessions)),
];
const peak = /VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"));
console.log(
	JSON.stringify({
		messages: one.hash === other.hash ? one.messages : "they differ",
		peakMegabytes: Number(peak?.[1]) / 1024,
	}),
);
