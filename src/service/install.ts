// What is done to a machine so that its systemd runs Aeon as a user of its own.

import {
	chmodSync,
	chownSync,
	existsSync,
	mkdirSync,
	readFileSync,
	realpathSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { AeonError } from "../core/errors.ts";
import { stateDirectory } from "../core/paths.ts";
import { SECRETS_FILE } from "../core/secrets_file.ts";
import {
	type Installation,
	listed,
	type Notes,
	SYSTEM,
	UNIT,
} from "./installation.ts";
import {
	findAccount,
	isBooted,
	makeAccount,
	removeAccount,
	type Systemd,
	systemd,
} from "./machine.ts";
import {
	copyFolder,
	discardFolder,
	giveFolder,
	isThere,
	removeEmpty,
	removeFolder,
	replacement,
} from "./moving.ts";
import { numbersOf, type Owner, withRights } from "./rights.ts";
import type { Step } from "./steps.ts";
import { type Outside, SINCE, unitText } from "./unit.ts";
import { copyBinary, enable, start, writeUnit } from "./unit_steps.ts";

/** What is to be installed. */
export interface InstallRequest {
	/** The version of systemd. */
	version: number;
	/** The program that is copied to its place. */
	program: string;
	/** The state that moves in, and whose it is; undefined where the service has one already. */
	moving?: { from: string; owner: Owner; leave: readonly string[] };
	outside: Outside;
	/** False where nothing is to be started. */
	starts: boolean;
	/** What is there already, which is brought up to date. */
	existing?: Installation;
	/** What an installing that was killed has left; it is done once more. */
	begun?: Installation;
}

/** What installing comes to. */
export interface InstallPlan {
	unit: string;
	steps: Step[];
	/** What is left to do once the service runs: what fails of it does no harm. */
	last: Step[];
}

/**
 * Plans a service of the whole machine. Changes nothing. The unit is written first and enabled last: it remembers how things
 * were, so that whatever a kill leaves can be installed once more, or uninstalled.
 */
export async function planSystemInstall(
	request: InstallRequest,
): Promise<InstallPlan> {
	const { version, program, moving, outside, starts, existing } = request;
	const account = await findAccount(SYSTEM.user);
	const copies = realpathSync(program) !== SYSTEM.binary;
	const hasCredentials = version >= SINCE.credentials;
	const secrets = moving
		? hasCredentials && SYSTEM.secrets
		: existsSync(SYSTEM.secrets) && SYSTEM.secrets;
	const own = moving && join(moving.from, SECRETS_FILE);
	const isMade = copies || request.begun?.notes.BinaryMade;
	const written = [...listed(existing?.notes.Written), ...outside.written];
	const before: Notes = existing?.notes ?? {
		...(moving && { StateFrom: moving.from, StateOwner: moving.owner }),
		...(secrets && own && isThere(own) && { SecretsMoved: "yes" }),
		...((!account || account.isOwn) && { AccountMade: "yes" }),
		...(isMade && { BinaryMade: "yes" }),
	};
	const unit = unitText({
		scope: "system",
		version,
		binary: SYSTEM.binary,
		outside,
		...(secrets && { secrets }),
		notes: {
			...before,
			...(written.length > 0 && {
				Written: JSON.stringify([...new Set(written)]),
			}),
		},
	});
	const control = systemd("system");
	const isInstalled = existing !== undefined;
	const steps = [
		...(existing ? [keeping(control, starts)] : []),
		writeUnit(SYSTEM.unit, unit, control),
		...(account ? [] : [makeUser()]),
		...(own && secrets ? [handSecrets(own, moving.owner)] : []),
		moving ? moveState(moving, hasCredentials) : ownState(),
		...(copies ? [copyBinary(program, SYSTEM.binary)] : []),
		enable(control, isInstalled),
		...(starts ? [start(control, isInstalled)] : []),
	];
	const last = moving
		? [
				{
					title: `Remove ${moving.from}, whose copy the service has`,
					run: () => discardFolder(moving.from, moving.owner),
				},
			]
		: [];
	return { unit, steps, last };
}

/** Is undone last, when the old files are there again. */
function keeping(control: Systemd, starts: boolean): Step {
	return {
		title: "Keep what is installed until the new one runs",
		run() {},
		async undo() {
			if (isBooted()) await control.control("daemon-reload");
			if (starts) await control.control("restart", UNIT);
		},
	};
}

function makeUser(): Step {
	return {
		title: `Make the user ${SYSTEM.user}, who cannot log in`,
		run: () => makeAccount(SYSTEM.user, SYSTEM.home),
		undo: () => removeAccount(SYSTEM.user),
	};
}

function moveState(
	{ from, owner, leave }: NonNullable<InstallRequest["moving"]>,
	hasCredentials: boolean,
): Step {
	const state = stateDirectory(SYSTEM.home);
	const hadHome = existsSync(SYSTEM.home);
	let moved: Owner | undefined;
	return {
		title: `Move ${from} to ${state}`,
		async run() {
			const writer = await serviceOwner();
			mkdirSync(SYSTEM.home, { recursive: true, mode: 0o700 });
			chmodSync(SYSTEM.home, 0o700);
			chownSync(SYSTEM.home, ...numbersOf(writer));
			await copyFolder({
				...{ from, reader: owner, to: state, writer },
				without: [...leave, ...(hasCredentials ? [SECRETS_FILE] : [])],
			});
			moved = writer;
		},
		async undo() {
			if (moved) await removeFolder(state, moved);
			if (!hadHome) removeEmpty([SYSTEM.home]);
		},
	};
}

/** What was left there by a service that is no more, or is one still. */
function ownState(): Step {
	return {
		title: `Give ${SYSTEM.home} to the user ${SYSTEM.user}`,
		run: async () => giveFolder(SYSTEM.home, await serviceOwner()),
	};
}

function handSecrets(own: string, owner: Owner): Step {
	const file = replacement(SYSTEM.secrets);
	return {
		title: `Put the secrets into ${SYSTEM.secrets}, which only root can read`,
		async run() {
			// With the owner's rights: it could be a link to what is not theirs.
			const text = await withRights(owner, () =>
				existsSync(own) ? readFileSync(own, "utf8") : "",
			);
			mkdirSync(dirname(SYSTEM.secrets), { recursive: true, mode: 0o700 });
			await file.put({ text }, 0o600);
		},
		undo() {
			file.undo();
			removeEmpty([dirname(SYSTEM.secrets)]);
		},
		settled: file.keep,
	};
}

async function serviceOwner(): Promise<Owner> {
	const found = await findAccount(SYSTEM.user);
	if (!found)
		throw new AeonError("conflict", `there is no user ${SYSTEM.user}`);
	return `${found.uid}:${found.gid}`;
}
