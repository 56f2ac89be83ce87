// A process to be killed: accepts messages, saves them and finishes them as fast as it can, and writes the number of each to
// stdout once that is safe: `<number>?` when it is accepted, `<number>!` when it is saved, `<number>` when it is finished.
// Every fourth one is accepted only, every fourth one not finished.
// Started as: bun saver.ts <driver> <path> <first number>

import { writeSync } from "node:fs";
import { file, sqlite } from "../../src/storage/registry.ts";

const [driver, path = "", first] = process.argv.slice(2);
const store = await (driver === "sqlite"
	? sqlite.open({ sessions_db: path })
	: file.open({ directory: path }));
const sessionKey = "agent:main:cli:local";
for (let number = Number(first); ; number++) {
	const text = `${number} ${"x".repeat(number % 3000)}`;
	const runId = `run ${number}`;
	await store.acceptMessage({
		runId,
		dialog: "cli",
		messageId: `${number}`,
		sessionKey,
		text,
		receivedAt: 0,
	});
	writeSync(1, `${number}?\n`);
	if (number % 4 === 3) continue;
	await store.saveMessage(sessionKey, { role: "user", content: text }, 0, [
		runId,
	]);
	writeSync(1, `${number}!\n`);
	if (number % 4 === 2) continue;
	await store.finishMessages(
		[runId],
		[
			{
				deliveryId: runId,
				part: 0,
				dialog: "cli",
				to: "local",
				content: { text },
				state: "pending",
				attempts: 0,
				createdAt: 0,
				dueAt: 0,
			},
		],
	);
	writeSync(1, `${number}\n`);
}
