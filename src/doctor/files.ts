// Who may read Aeon's files: they are their owner's alone.

import {
	accessSync,
	chmodSync,
	constants,
	existsSync,
	lstatSync,
	mkdirSync,
	readdirSync,
	realpathSync,
	statSync,
} from "node:fs";
import { join } from "node:path";
import { describeError } from "../core/errors.ts";
import { isWithin } from "../core/paths.ts";
import { codeOf } from "../database/failure.ts";
import { ownPaths } from "../settings/own_paths.ts";
import { type Check, type Found, ok, problem, warning } from "./check.ts";
import { literalSecrets } from "./configuration.ts";
import type { Patient } from "./patient.ts";

/** What a mode gives to everybody but the owner. */
const OTHERS = 0o077;
const OWNER_READS = 0o400;
const OWNER_WRITES = 0o200;

/** A file or folder of Aeon's own. */
interface Own {
	path: string;
	mode: number;
	uid: number;
}

/** Whether the state directory and what belongs to it can be read, and by its owner alone. */
export const files: Check = {
	name: "files",
	async look(patient) {
		if (!(await patient.isReachable())) return [];
		const { parts, state } = patient;
		const made = parts.isRepairing ? await makeFolders(patient) : [];
		const closed = parts.isRepairing ? await closeToOthers(patient) : [];
		const done = [
			...(made.length > 0 ? [`made ${list(patient, made)}`] : []),
			...(closed.length > 0
				? [`closed ${list(patient, closed)} to others`]
				: []),
		];
		const blocked = whyBlocked(patient);
		const found = blocked ? [blocked] : await judge(patient);
		const well = ok(`${patient.short(state)} is yours alone, with all in it`);
		const [first = well, ...rest] = found;
		const fixed = done.join("; ");
		return [{ ...first, ...(fixed && { fixed }) }, ...rest];
	},
};

/** Makes the folders that the configuration takes for granted; gives those. */
async function makeFolders(patient: Patient): Promise<string[]> {
	const { settings } = await patient.configured();
	const { home, uid } = patient.parts;
	const isMine = ownOf([home, patient.state]).every((own) => own.uid === uid);
	if (settings.file === undefined || !isMine) return [];
	// Beyond the home it may be the place of a disk that is not there now.
	const missing = [patient.state, settings.tools.workspace].filter(
		(folder) => isWithin(folder, home) && !existsSync(folder),
	);
	for (const folder of missing)
		mkdirSync(folder, { recursive: true, mode: 0o700 });
	return missing;
}

/** Takes what is too much from the modes of what is this user's; gives what was changed. */
async function closeToOthers(patient: Patient): Promise<string[]> {
	const { uid } = patient.parts;
	const changed: string[] = [];
	// In somebody else's folder another file can come into the place of one at any moment.
	if (ownOf([patient.state]).some((own) => own.uid !== uid)) return changed;
	// A folder that its owner cannot read hides more: it is opened first.
	for (const find of [
		async () => ownOf([patient.state]),
		() => findOwn(patient),
	])
		for (const own of await find()) {
			const wanted = wantedMode(own);
			if (own.uid !== uid || own.mode === wanted) continue;
			// A link may lead to what others use, too; that of the state directory itself is followed at every start.
			if (own.path !== patient.state && isLink(own.path)) continue;
			chmodSync(own.path, wanted);
			changed.push(own.path);
		}
	if (changed.length > 0) patient.forget();
	return changed;
}

/** The mode that a file or folder should have. */
function wantedMode({ path, mode }: Own): number {
	const own = statSync(path).isDirectory() ? 0o700 : OWNER_READS | OWNER_WRITES;
	return (mode & ~OTHERS) | own;
}

function isLink(path: string): boolean {
	return lstatSync(path).isSymbolicLink();
}

/** Why nothing can be said of what is in the state directory. */
function whyBlocked(patient: Patient): Found | undefined {
	const { state, parts } = patient;
	const name = patient.short(state);
	try {
		readdirSync(state);
		accessSync(state, constants.W_OK | constants.X_OK);
		return undefined;
	} catch (error) {
		const code = codeOf(error);
		if (code === "ENOENT") return ok(`there is no ${name} yet`);
		if (code === "ENOTDIR")
			return problem(`${name} is no folder`, `Move it aside: mv ${name} old`);
		const [own] = ownOf([state]);
		if (code === "EROFS") return undefined;
		if (!own || own.uid === parts.uid)
			return problem(
				`${name} cannot be used: ${describeError(error)}`,
				`chmod 700 ${name}, or ${patient.command("doctor --fix")}`,
			);
		return problem(
			`${name} belongs to ${patient.userName(own.uid)}: you cannot use it`,
			handOver(patient),
		);
	}
}

async function judge(patient: Patient): Promise<Found[]> {
	const { parts, state } = patient;
	const own = await findOwn(patient);
	const foreign = own.filter(({ uid }) => uid !== parts.uid);
	const isOpen = ({ mode }: Own) => (mode & OTHERS) !== 0;
	const open = own.filter(isOpen);
	const found: Found[] = [];
	const [first] = foreign;
	if (first)
		found.push(
			problem(
				`not yours but of ${patient.userName(first.uid)}: ${list(
					patient,
					foreign.map(({ path }) => path),
				)}`,
				handOver(patient),
			),
		);
	if (open.length === 0) return found;
	const paths = open.map(({ path }) => path);
	const text = `the modes let others in: ${list(patient, paths)}`;
	const isShut = !paths.includes(state);
	// The folder above keeps everybody out of what is in it.
	const isRead = open.some(
		({ path }) =>
			path !== state &&
			!(isShut && isWithin(realpathSync(path), realpathSync(state))),
	);
	const judged = isRead ? problem : warning;
	const isAllLinks = paths.every((path) => path !== state && isLink(path));
	found.push(
		judged(
			text,
			isAllLinks
				? "They are links: chmod go= what they lead to, where that is yours alone."
				: `${patient.command("doctor --fix")} makes them yours alone.`,
		),
	);
	return found;
}

/** The state directory, what lies right in it, and what the settings have elsewhere: what is there of it. */
async function findOwn(patient: Patient): Promise<Own[]> {
	const { state } = patient;
	const { settings, reading } = await patient.configured();
	const hasSecrets = reading && literalSecrets(reading).length > 0;
	const known = ownPaths(settings, state).filter(
		(path) => path !== settings.file || hasSecrets || isWithin(path, state),
	);
	return ownOf([...new Set([state, ...inside(state), ...known])]);
}

function inside(folder: string): string[] {
	try {
		return readdirSync(folder, { withFileTypes: true })
			.filter((entry) => !entry.isSymbolicLink())
			.map(({ name }) => join(folder, name));
	} catch {
		return [];
	}
}

function ownOf(paths: string[]): Own[] {
	return paths.flatMap((path) => {
		try {
			const { mode, uid } = statSync(path);
			return [{ path, mode: mode & 0o777, uid }];
		} catch {
			return []; // it is not there, or lies in what cannot be read
		}
	});
}

function handOver({ parts, state }: Patient): string {
	if (parts.uid === 0) return "Run aeon as its owner, or give it to root.";
	return `sudo chown -R ${parts.uid} ${state}, or run aeon as its owner.`;
}

/** Two of them, and how many more there are. */
function list(patient: Patient, paths: string[]): string {
	const shown = paths.slice(0, 2).map((path) => patient.short(path));
	const more = paths.length - shown.length;
	return [...shown, ...(more > 0 ? [`${more} more`] : [])].join(", ");
}
