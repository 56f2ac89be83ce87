// A process that writes into a store while that is copied: accepts messages, saves them in one of several sessions and
// finishes them, as fast as it can, and writes the number of each to stdout once it is accepted. Now and then it resets a
// session.
// Started as: bun copy_writer.ts <driver> <path> <first number>

import { writeSync } from "node:fs";
import { file, sqlite } from "../../src/storage/registry.ts";

const SESSIONS = 6;
const MESSAGES_BETWEEN_RESETS = 7;

const [driver, path = "", first] = process.argv.slice(2);
const store = await (driver === "sqlite"
	? sqlite.open({ sessions_db: path })
	: file.open({ directory: path }));
for (let number = Number(first); ; number++) {
	const sessionKey = `agent:main:cli:${number % SESSIONS}`;
	const runId = `run ${number}`;
	const text = `${number} ${"x".repeat(number % 2000)}`;
	await store.acceptMessage({
		runId,
		dialog: "cli",
		messageId: `${number}`,
		sessionKey,
		text,
		receivedAt: number,
	});
	writeSync(1, `${number}\n`);
	await store.saveMessage(sessionKey, { role: "user", content: text }, number, [
		runId,
	]);
	await store.finishMessages([runId]);
	if (number % MESSAGES_BETWEEN_RESETS === 0)
		await store.resetSession(sessionKey, number);
}
