import { defineCommand } from "citty";
import { AeonError } from "../core/errors.ts";
import { asRecord } from "../core/json.ts";
import { openPairing, type Pairing } from "../core/pairing.ts";
import { stateDirectory } from "../core/paths.ts";
import { openStateDirectory } from "../core/state.ts";
import { print, printable } from "../core/terminal.ts";
import type { DialogDriver, DialogPairing } from "../dialogs/provider.ts";
import * as registry from "../dialogs/registry.ts";
import { loadSettings } from "../settings/settings.ts";
import { programName } from "./init_place.ts";
import { configFlag, surroundings } from "./options.ts";

/** The dialogs whose people can be let in by a code. */
const PAIRABLE = new Map(
	Object.entries<Pick<DialogDriver, "pairing"> | object>(registry).flatMap(
		([name, driver]): [string, DialogPairing][] =>
			"pairing" in driver && driver.pairing ? [[name, driver.pairing]] : [],
	),
);

/** `aeon pair`: lets somebody talk to Aeon in a dialog, without an entry in aeon.json. */
export const pair = defineCommand({
	meta: {
		name: "pair",
		description: "Let somebody talk to Aeon in a dialog, by a code",
	},
	args: {
		dialog: {
			type: "positional",
			description: `Where they talk to it: ${[...PAIRABLE.keys()].join(" or ")}`,
			required: true,
		},
		list: { type: "boolean", description: "Show who was let in by a code" },
		remove: {
			type: "string",
			description: "Take somebody out again",
			valueHint: "ID",
		},
		...configFlag,
	},
	async run({ args: { dialog, list, remove, config } }) {
		const form = PAIRABLE.get(dialog);
		if (!form)
			throw new AeonError(
				"usage",
				`there is no pairing for ${dialog}; write ${[...PAIRABLE.keys()].map((name) => `aeon pair ${name}`).join(" or ")}`,
			);
		if (list && remove !== undefined)
			throw new AeonError("usage", "--list and --remove do not go together");
		const state = stateDirectory(surroundings().home);
		const pairing = openPairing({ state, dialog, now: Date.now });
		if (list) return showPeople(pairing);
		if (remove === undefined) await checkEnabled(dialog, form, config);
		openStateDirectory(state);
		return remove === undefined
			? giveCode(pairing, form)
			: removePerson(pairing, form, remove);
	},
});

async function giveCode(
	pairing: Pairing,
	{ where }: DialogPairing,
): Promise<void> {
	const code = await pairing.makeCode();
	print(
		`${code}\nWhoever sends this code ${where} within an hour may talk to Aeon from then on. It is good once, and void after three wrong ones.\n`,
	);
}

function showPeople(pairing: Pairing): void {
	const people = pairing.list();
	if (people.length === 0) print("Nobody was let in by a code.\n");
	for (const { id, name, pairedAt } of people) {
		const time = new Date(pairedAt).toISOString().slice(0, 16);
		print(
			`${printable(`${id}`)}  ${time.replace("T", " ")}  ${printable(name)}\n`,
		);
	}
}

async function removePerson(
	pairing: Pairing,
	{ idForm, readId }: DialogPairing,
	text: string,
): Promise<void> {
	const id = readId(text);
	if (id === undefined)
		throw new AeonError("usage", `--remove ${text}: write ${idForm}`);
	const person = await pairing.remove(id);
	if (!person)
		throw new AeonError("not_found", `nobody with the id ${id} was let in`, {
			hint: "--list shows who was. Those in aeon.json are removed there.",
		});
	print(`${id} (${printable(person.name)}) may no longer talk to Aeon.\n`);
}

/** A code would be of no use where the dialog does not run. Throws `config_invalid`. */
async function checkEnabled(
	dialog: string,
	{ section: keys, source }: DialogPairing,
	configFlag: string | undefined,
): Promise<void> {
	const settings = await loadSettings({
		...surroundings(),
		configFlag,
		needs: "nothing",
	});
	const section = asRecord(asRecord(settings.dialogs)?.[dialog]);
	if (section?.enabled === true) return;
	const program = programName(process.cwd());
	const sudo = process.env.AEON_ACTING ? "sudo " : "";
	const byInit =
		dialog === "telegram"
			? `${sudo}${program} init sets it up. By hand: w`
			: "W";
	throw new AeonError(
		"config_invalid",
		`${dialog} is not enabled in ${settings.file ?? "aeon.json, which there is none of"}`,
		{
			hint: `${byInit}rite there "dialogs": {"${dialog}": {"enabled": true, ${keys}}} ${source}, and start aeon serve.`,
		},
	);
}
