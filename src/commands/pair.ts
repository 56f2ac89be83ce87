import { defineCommand } from "citty";
import { AeonError } from "../core/errors.ts";
import { asRecord } from "../core/json.ts";
import { openPairing, type Pairing } from "../core/pairing.ts";
import { stateDirectory } from "../core/paths.ts";
import { openStateDirectory } from "../core/state.ts";
import { print, printable } from "../core/terminal.ts";
import { loadSettings } from "../settings/settings.ts";
import { configFlag, surroundings } from "./options.ts";

/** The dialogs whose people can be let in by a code. */
const PAIRABLE = ["telegram"];

/** `aeon pair`: lets somebody talk to Aeon in a dialog, without an entry in aeon.json. */
export const pair = defineCommand({
	meta: {
		name: "pair",
		description: "Let somebody talk to Aeon in Telegram, by a code",
	},
	args: {
		dialog: {
			type: "positional",
			description: "Where they talk to it: telegram",
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
		if (!PAIRABLE.includes(dialog))
			throw new AeonError(
				"usage",
				`there is no pairing for ${dialog}; write aeon pair telegram`,
			);
		if (list && remove !== undefined)
			throw new AeonError("usage", "--list and --remove do not go together");
		const state = stateDirectory(surroundings().home);
		const pairing = openPairing({ state, dialog, now: Date.now });
		if (list) return showPeople(pairing);
		if (remove === undefined) await checkEnabled(dialog, config);
		openStateDirectory(state);
		return remove === undefined
			? giveCode(pairing)
			: removePerson(pairing, remove);
	},
});

async function giveCode(pairing: Pairing): Promise<void> {
	const code = await pairing.makeCode();
	print(
		`${code}\nWhoever sends this code to your bot within an hour may talk to Aeon from then on. It is good once, and void after three wrong ones.\n`,
	);
}

function showPeople(pairing: Pairing): void {
	const people = pairing.list();
	if (people.length === 0) print("Nobody was let in by a code.\n");
	for (const { id, name, pairedAt } of people) {
		const time = new Date(pairedAt).toISOString().slice(0, 16);
		print(`${id}  ${time.replace("T", " ")}  ${printable(name)}\n`);
	}
}

async function removePerson(pairing: Pairing, text: string): Promise<void> {
	if (!/^[1-9]\d{0,15}$/.test(text))
		throw new AeonError("usage", `--remove ${text}: write a numeric id`);
	const person = await pairing.remove(Number(text));
	if (!person)
		throw new AeonError("not_found", `nobody with the id ${text} was let in`, {
			hint: "--list shows who was. Those in aeon.json are removed there.",
		});
	print(`${text} (${printable(person.name)}) may no longer talk to Aeon.\n`);
}

/** A code would be of no use where the dialog does not run. Throws `config_invalid`. */
async function checkEnabled(
	dialog: string,
	configFlag: string | undefined,
): Promise<void> {
	const settings = await loadSettings({
		...surroundings(),
		configFlag,
		needs: "nothing",
	});
	const section = asRecord(asRecord(settings.dialogs)?.[dialog]);
	if (section?.enabled === true) return;
	throw new AeonError(
		"config_invalid",
		`${dialog} is not enabled in ${settings.file ?? "aeon.json, which there is none of"}`,
		{
			hint: `Write there "dialogs": {"${dialog}": {"enabled": true, "bot_token": "\${TELEGRAM_BOT_TOKEN}"}} with the token of @BotFather, and start aeon serve.`,
		},
	);
}
