// A process to be killed: saves messages as fast as it can and writes the number of each to stdout once it is safe.
// Started as: bun saver.ts <driver> <path> <first number>

import { writeSync } from "node:fs";
import { file, sqlite } from "../../src/storage/registry.ts";

const [driver, path = "", first] = process.argv.slice(2);
const store = await (driver === "sqlite"
	? sqlite.open({ sessions_db: path })
	: file.open({ directory: path }));
for (let number = Number(first); ; number++) {
	const content = `${number} ${"x".repeat(number % 3000)}`;
	await store.saveMessage("agent:main:cli:local", { role: "user", content }, 0);
	writeSync(1, `${number}\n`);
}
