// What is done so that nothing of a service is left, and nothing of what it kept is lost.

import {
	existsSync,
	readdirSync,
	readFileSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { userInfo } from "node:os";
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
	must,
	processesOf,
	removeAccount,
	type Systemd,
	systemd,
} from "./machine.ts";
import {
	besides,
	copyFolder,
	freeName,
	giveFolder,
	isThere,
	type Move,
	ownerOf,
	removeEmpty,
	removeFolder,
} from "./moving.ts";
import { obstacle } from "./reachable.ts";
import { isOwner, numbersOf, type Owner } from "./rights.ts";
import type { Step } from "./steps.ts";

/** What uninstalling comes to. */
export interface UninstallPlan {
	/** All or none of it. */
	steps: Step[];
	/** Then each of these. */
	last: Step[];
	/** And where all of them went well, this: as long as there is a unit, uninstalling can be gone on with. */
	end: Step;
}

/** Where the state goes when the folder that it came from is no more. */
const LAST_RESORT = "/root";

const ROOT: Owner = "0:0";

/** In the service's home: its state, and what a moving that was killed has left. */
const OWN_NAMES = [".aeon", ".aeon.moving"];

/** Plans the end of a service. Changes nothing. */
export function planUninstall(installed: Installation): UninstallPlan {
	const { scope, unit, binary, notes } = installed;
	const control = systemd(scope);
	const isSystem = scope === "system";
	const program = [binary, join(dirname(binary), "aeon.prev")];
	const files = [
		...(notes.BinaryMade ? [...program, ...besides(binary)] : []),
		...(isSystem ? [SYSTEM.secrets, ...besides(SYSTEM.secrets)] : []),
	].filter(isThere);
	const units = [unit, `${unit}.d`, ...besides(unit)].filter(isThere);
	return {
		steps: [
			stop(installed, control),
			...(isSystem && existsSync(stateDirectory(installed.home))
				? moveBack(installed)
				: []),
		],
		last: [
			...(isSystem && existsSync(SYSTEM.home)
				? [
						{
							title: `Remove ${SYSTEM.home}`,
							run: () => removeFolder(SYSTEM.home, ROOT),
						},
					]
				: []),
			...(files.length > 0 ? [removal(files)] : []),
			...giveBack(installed),
			...(notes.AccountMade
				? [
						{
							title: `Remove the user ${SYSTEM.user}`,
							run: () => removeAccount(SYSTEM.user),
						},
					]
				: []),
			...(notes.LingerMade ? [stopLingering()] : []),
		],
		end: {
			title: `Remove ${units.join(", ")}`,
			async run() {
				for (const one of units) rmSync(one, { recursive: true, force: true });
				const made = listed(notes.FoldersMade);
				removeEmpty([
					...(made.length > 0 ? [`${dirname(unit)}/default.target.wants`] : []),
					...made,
				]);
				if (!isBooted()) return;
				await control.control("daemon-reload");
				await control.control("reset-failed", UNIT).catch(() => {});
			},
		},
	};
}

/** What the service has made elsewhere, so that it belongs to nobody who comes after its user. */
function giveBack({ user = "", notes }: Installation): Step[] {
	const { StateOwner: owner } = notes;
	const folders = listed(notes.Written).filter((one) => existsSync(one));
	if (folders.length === 0 || !isOwner(owner)) return [];
	return [
		{
			title: `Give what is the user ${user}'s in ${folders.join(", ")} to whom the state is given`,
			async run() {
				const account = await findAccount(user);
				if (!account) return;
				for (const one of folders) await giveFolder(one, owner, account.uid);
			},
		},
	];
}

function removal(files: readonly string[]): Step {
	return {
		title: `Remove ${files.join(", ")}`,
		run() {
			for (const file of files) rmSync(file, { force: true });
			removeEmpty([dirname(SYSTEM.secrets)]);
		},
	};
}

function stop({ user }: Installation, control: Systemd): Step {
	const now = isBooted() ? ["--now"] : [];
	return {
		title: "Stop the service, and do not start it with the machine any more",
		async run() {
			await control.control("disable", "--quiet", ...now, UNIT);
			if (user && isBooted()) await checkIdle(user);
		},
		undo: async () =>
			void (await control.control("enable", "--quiet", ...now, UNIT)),
	};
}

/** Throws `conflict` where a command such as `sudo aeon chat` still works on the state. */
async function checkIdle(user: string): Promise<void> {
	const account = await findAccount(user);
	const [pid] = account ? processesOf(account.uid) : [];
	if (pid !== undefined)
		throw new AeonError(
			"conflict",
			`process ${pid} of the user ${user} runs still, such as a sudo aeon chat: end it, and try again`,
		);
}

/** The state, with its secrets in it again; and what else has come into the service's home. */
function moveBack({ home, secrets, notes }: Installation): Step[] {
	const { StateFrom: from, StateOwner } = notes;
	const owner = isOwner(StateOwner) ? StateOwner : ROOT;
	const folder = from && canWrite(dirname(from), owner) && dirname(from);
	const to =
		folder && !isThere(from)
			? from
			: freeName(join(folder || LAST_RESORT, ".aeon-from-service"));
	const writer = folder ? owner : ROOT;
	const state = stateDirectory(home);
	const back = moving(
		`Move ${state} to ${to}${describe(to, from)}`,
		{ from: state, reader: ownerOf(home), to, writer },
		secrets,
		notes,
	);
	const rest = readdirSync(home).filter((name) => !OWN_NAMES.includes(name));
	if (rest.length === 0) return [back];
	const place = freeName(`${to}-home`);
	return [
		back,
		moving(`Move what else lies in ${home} to ${place}`, {
			...{ from: home, reader: ownerOf(home), to: place, writer },
			without: OWN_NAMES,
		}),
	];
}

function moving(
	title: string,
	move: Move,
	secrets?: string,
	notes?: Notes,
): Step {
	let isMoved = false;
	return {
		title,
		async run() {
			await giveFolder(move.from, move.reader);
			const text = secretsText(secrets, notes);
			const given = text !== undefined && {
				without: [SECRETS_FILE],
				adapt: (copy: string) =>
					writeFileSync(join(copy, SECRETS_FILE), text, { mode: 0o600 }),
			};
			await copyFolder({ ...move, ...given });
			isMoved = true;
		},
		async undo() {
			if (isMoved) await removeFolder(move.to, move.writer);
		},
	};
}

/** Undefined where there are none; a file that was never filled was not there before. */
function secretsText(
	secrets: string | undefined,
	notes: Notes | undefined,
): string | undefined {
	if (!secrets || !existsSync(secrets)) return undefined;
	const text = readFileSync(secrets, "utf8");
	return text !== "" || notes?.SecretsMoved ? text : undefined;
}

function canWrite(folder: string, owner: Owner): boolean {
	const [uid, gid] = numbersOf(owner);
	if (uid === 0) return existsSync(folder);
	const how = { isWritten: true, isBound: false };
	return obstacle(folder, { uid, gid }, how) === undefined;
}

function describe(to: string, from: string | undefined): string {
	if (to === from) return ", where it came from";
	if (from && isThere(from)) return `, since there is a new ${from}`;
	return ", since where it came from is no more";
}

function stopLingering(): Step {
	const { username } = userInfo();
	return {
		title: `Let nothing of ${username} run without a login any more`,
		run: async () =>
			void (await must(["loginctl", "disable-linger", username])),
	};
}
