// A process to be killed: saves a hundred facts, has them embedded, and writes a line when they are saved.
// Started as: bun keeper.ts <path> <url of the endpoint>

import { writeSync } from "node:fs";
import { openMemory } from "../../src/memory/open.ts";

const [path = "", base_url = ""] = process.argv.slice(2);
const nothing = () => {};
const logger = {
	debug: nothing,
	info: nothing,
	warn: nothing,
	error: nothing,
	hide: nothing,
	close: nothing,
};
const memory = openMemory(path, { logger });
const owner = { agentId: "main", user: "telegram:777" };
for (let n = 0; n < 100; n++) await memory.of(owner).save(`Fact number ${n}`);
memory.use({ base_url, model: "small", send_dimensions: false });
await memory.of(owner).save("The last fact");
writeSync(1, "saved\n");
setInterval(nothing, 60_000);
