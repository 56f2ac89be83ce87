// Takes the terminal's dialog through the contract, on the terminal that this script is run on, and writes down its conduct.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { print } from "../../src/core/terminal.ts";
import { cli } from "../../src/dialogs/registry.ts";
import { conductOf } from "./provider_contract.ts";

const [, , folder = ""] = process.argv;
let shown = "";
const dialog = await cli.open({
	hasColour: false,
	sessionKey: "agent:main:cli:somebody",
	historyFile: join(folder, "history"),
	write(text: string) {
		shown += text;
		print(text);
	},
});
const conduct = await conductOf(dialog, () => shown);
const ending = await dialog.ended;
writeFileSync(
	join(folder, "conduct.json"),
	JSON.stringify({ ...conduct, ending }),
);
process.exit();
