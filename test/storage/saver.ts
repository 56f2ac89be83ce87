// A process to be killed: accepts and saves messages as fast as it can, and writes the number of each to stdout once it is
// safe. Every third one is accepted only, as `<number>?`.
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
	if (number % 3 === 2) continue;
	await store.saveMessage(
		sessionKey,
		{ role: "user", content: text },
		0,
		runId,
	);
	writeSync(1, `${number}\n`);
}
