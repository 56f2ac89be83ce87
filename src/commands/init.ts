import { existsSync } from "node:fs";
import { isatty } from "node:tty";
import { defineCommand } from "citty";
import { AeonError, hasCode } from "../core/errors.ts";
import { canAsk, print, printable, printError } from "../core/terminal.ts";
import {
	type Given,
	type Listener,
	readUsers,
	wrongKey,
	wrongToken,
	wrongUrl,
} from "../setup/answers.ts";
import { CHOICES, isChoice } from "../setup/choices.ts";
import { findPlace, programName } from "./init_place.ts";
import { configFlag } from "./options.ts";
import { INTERRUPTED, withSignals } from "./signals.ts";
import { firstLine, readSecretFile } from "./token.ts";

/** What stands for standard input in the place of a file. */
const STDIN = "-";

const ROOT_HOME = "/root";

/** More than any key has, in characters. */
const MAX_SECRET = 10_000;

const SEEN = "others on this machine can see it while this runs";

const args = {
	provider: {
		type: "string",
		description: `Who answers: ${Object.keys(CHOICES).join(", ")}`,
		valueHint: "NAME",
	},
	model: { type: "string", description: "The model", valueHint: "NAME" },
	"base-url": {
		type: "string",
		description: `Where the API is; of local ${CHOICES.local.baseUrl} by default`,
		valueHint: "URL",
	},
	"api-key-file": {
		type: "string",
		description: "A file with the key; - is standard input",
		valueHint: "FILE",
	},
	"api-key": {
		type: "string",
		description: `The key itself: ${SEEN}`,
		valueHint: "KEY",
	},
	"telegram-token-file": {
		type: "string",
		description: "A file with the token of @BotFather; - is standard input",
		valueHint: "FILE",
	},
	"telegram-token": {
		type: "string",
		description: `That token itself: ${SEEN}`,
		valueHint: "TOKEN",
	},
	"telegram-users": {
		type: "string",
		description: "Numeric ids of those who may talk to the bot, as 1,2",
		valueHint: "IDS",
	},
	"no-telegram": { type: "boolean", description: "Without Telegram" },
	offline: {
		type: "boolean",
		description: "Try nothing: neither key nor token",
	},
	yes: {
		type: "boolean",
		description:
			"Ask nothing, and replace an aeon.json that is there (a copy is kept)",
	},
	config: { ...configFlag.config, description: "Where the configuration goes" },
} as const;

/** `aeon init`: from a key to a configuration that works. */
export const init = defineCommand({
	meta: {
		name: "init",
		description: "Set Aeon up: the model, its key, Telegram",
	},
	args,
	async run({ args: flags, rawArgs }) {
		const stopping = new AbortController();
		const left = new AeonError("cancelled", "Aeon was told to stop");
		try {
			// citty takes what begins with `no-` for the denial of another flag.
			const noTelegram = rawArgs.includes("--no-telegram");
			const given = await readFlags(flags, noTelegram);
			const { exitCode } = await withSignals(
				() => stopping.abort(left),
				() => setUp(given, flags.config, stopping.signal),
			);
			process.exitCode = exitCode ?? 0;
		} catch (error) {
			if (!hasCode(error, "cancelled")) throw error;
			printError("Nothing was written.\n");
			process.exitCode = INTERRUPTED;
		}
	},
});

/** Loads what it needs only now: most of it is needed by nobody else. */
async function setUp(
	given: Given,
	config: string | undefined,
	signal: AbortSignal,
): Promise<void> {
	const { place, service, besideServiceOf } = findPlace(config);
	const { runSetup } = await import("../setup/setup.ts");
	const { checkExposure } = await import("../app_listening.ts");
	// The questions are drawn, which a terminal that knows no escapes would show as rubbish.
	const isAsking = !given.isYes && canAsk() && process.env.TERM !== "dumb";
	const person = isAsking
		? (await import("../setup/prompts.ts")).openPrompts(signal)
		: undefined;
	const listener = person ?? script;
	const { SUDO_USER: user = "root" } = process.env;
	if (user !== "root" && place.home === ROOT_HOME)
		listener.warn(
			`This sets Aeon up for root, in ${place.state}. For ${user}, leave sudo out.`,
		);
	await runSetup({
		given,
		place,
		service: service?.scope,
		besideServiceOf,
		hasSystemd: existsSync("/run/systemd/system"),
		program: programName(place.cwd),
		person,
		listener,
		check: checkExposure,
		signal,
	});
}

/** Says to standard output and standard error what nobody is asked about. */
const script: Listener = {
	say: (text) => print(`${printable(text)}\n`),
	warn: (text) => printError(`${printable(text)}\n`),
};

type Flags = { [Name in keyof typeof args]?: string | boolean | undefined };

/** What the flags say. Throws `usage` where one of them makes no sense. */
async function readFlags(flags: Flags, noTelegram: boolean): Promise<Given> {
	const text = (name: keyof Flags) => {
		const value = flags[name];
		return typeof value === "string" ? value : undefined;
	};
	const provider = text("provider");
	if (provider !== undefined && !isChoice(provider))
		throw new AeonError(
			"usage",
			`--provider ${provider}: write one of ${Object.keys(CHOICES).join(", ")}`,
		);
	const model = text("model");
	const baseUrl = text("base-url");
	const keyFile = text("api-key-file");
	const tokenFile = text("telegram-token-file");
	if (keyFile === STDIN && tokenFile === STDIN)
		throw new AeonError(
			"usage",
			"standard input can be the key or the token, not both",
		);
	const key = await readSecret("api-key", text("api-key"), keyFile, "key");
	const token = await readSecret(
		"telegram-token",
		text("telegram-token"),
		tokenFile,
		"token",
	);
	const ids = text("telegram-users");
	const users = ids === undefined ? undefined : readUsers(ids);
	refuse(
		"--telegram-users",
		ids !== undefined &&
			!users &&
			`write numeric ids, as 1,2; an @name is none, and ${programName(process.cwd())} pair telegram does without`,
	);
	refuse("--model", model?.trim() === "" && "is blank");
	refuse("--base-url", baseUrl !== undefined && wrongUrl(baseUrl));
	refuse("the key", key !== undefined && wrongKey(key));
	refuse("the Telegram token", token !== undefined && wrongToken(token));
	refuse(
		"--no-telegram",
		noTelegram &&
			(token ?? users) !== undefined &&
			"does not go with the other flags of Telegram",
	);
	refuse(
		"--provider demo",
		provider === "demo" &&
			(key ?? model ?? baseUrl) !== undefined &&
			"takes no key, no model and no address",
	);
	return {
		...(provider !== undefined && { choice: provider }),
		...(model && { model }),
		...(baseUrl && { baseUrl }),
		...(key && { key }),
		...(token && { token }),
		...(users && { users }),
		noTelegram,
		isOffline: flags.offline === true,
		isYes: flags.yes === true,
	};
}

function refuse(what: string, problem: string | false | undefined): void {
	if (problem) throw new AeonError("usage", `${what}: ${problem}`);
}

/** A secret by the one flag or the other. */
async function readSecret(
	flag: string,
	value: string | undefined,
	file: string | undefined,
	what: string,
): Promise<string | undefined> {
	if (value !== undefined && file !== undefined)
		throw new AeonError(
			"usage",
			`--${flag} and --${flag}-file do not go together`,
		);
	if (file === undefined) return value?.trim();
	if (file !== STDIN) return readSecretFile(`--${flag}-file`, file, what);
	return readStdin(`--${flag}-file -`);
}

/** The first line of standard input. Throws `usage` where that is a terminal, which would show it. */
async function readStdin(flag: string): Promise<string> {
	refuse(
		flag,
		isatty(0) && "what is typed here would be seen: leave it out, to be asked",
	);
	let text = "";
	for await (const chunk of process.stdin) {
		text += String(chunk);
		if (text.includes("\n", text.length - text.trimStart().length)) break;
		refuse(flag, text.length > MAX_SECRET && "no secret is as long");
	}
	const secret = firstLine(text.trimStart());
	refuse(flag, secret === "" && "there is nothing in it");
	return secret;
}
