// `aeon service install`: what is to be installed, from what, and whether it can be.

import { existsSync, realpathSync, rmSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { AeonError } from "../core/errors.ts";
import { stateDirectory } from "../core/paths.ts";
import { claimState } from "../core/presence.ts";
import { readSecrets } from "../core/secrets_file.ts";
import { print, printable } from "../core/terminal.ts";
import type { InstallPlan, InstallRequest } from "../service/install.ts";
import {
	findSystemInstallation,
	findUserInstallation,
	type Installation,
	SYSTEM,
} from "../service/installation.ts";
import { type Account, countsMemory, findAccount } from "../service/machine.ts";
import { isThere, ownerOf } from "../service/moving.ts";
import { numbersOf, type Owner, withRights } from "../service/rights.ts";
import { finishSteps, takeSteps } from "../service/steps.ts";
import { ask } from "./asking.ts";
import { programName } from "./init_place.ts";
import { checkMachine, type InstallFlags } from "./service_machine.ts";
import { outsideOf, readForService } from "./service_settings.ts";

/** Left in a state directory by whoever looks whether it is served. */
const LOCK = "serve.lock";

/** Installs the service, or brings it up to date, after a yes. */
export async function install(flags: InstallFlags): Promise<void> {
	const version = await checkMachine(flags);
	if (flags.user) return installForUser(flags, version);
	const account = await findAccount(SYSTEM.user);
	const found = findSystemInstallation();
	checkForeign(found, account);
	const state = stateDirectory(SYSTEM.home);
	const request = { version, program: process.execPath, starts: flags.starts };
	const existing = found && existsSync(state) ? found : undefined;
	if (existing || flags.from === SYSTEM.home)
		return update(
			{ ...request, ...(existing && { existing }) },
			flags,
			account,
		);
	if (existsSync(state))
		throw new AeonError(
			"conflict",
			`${state} is there already, of a service that is no more`,
			{
				hint: `Use it with --from ${SYSTEM.home}, or move it out of the way.`,
			},
		);
	const source = await findSource(flags.from);
	const begun = found && { begun: found };
	await moveIn({ ...request, ...begun }, source, flags, account);
}

/** The service keeps the state that it has. */
async function update(
	request: Omit<InstallRequest, "outside">,
	flags: InstallFlags,
	account: Account | undefined,
): Promise<void> {
	const { existing } = request;
	if (existing && flags.from !== undefined && flags.from !== SYSTEM.home)
		throw new AeonError(
			"conflict",
			`the service has its state already, in ${stateDirectory(SYSTEM.home)}`,
			{
				hint: "Leave out --from to bring it up to date, or begin with: aeon service uninstall",
			},
		);
	const secrets = existing?.secrets;
	const env = secrets && existsSync(secrets) ? readSecrets(secrets) : {};
	const { outside, remarks } = await examine(
		SYSTEM.home,
		account,
		env,
		secrets,
	);
	const before = existing?.notes.StateFrom;
	if (before && existsSync(before))
		remarks.push(
			`Mind: there is a ${before}, too. The service uses its own ${stateDirectory(SYSTEM.home)}.`,
		);
	const { planSystemInstall } = await import("../service/install.ts");
	const plan = await planSystemInstall({ ...request, outside });
	await carryOut(plan, flags, remarks);
}

/** A person's state becomes the service's. It is looked at with no more rights than that person has. */
async function moveIn(
	request: Omit<InstallRequest, "outside">,
	{ home, owner }: Source,
	flags: InstallFlags,
	account: Account | undefined,
): Promise<void> {
	const from = realpathSync(stateDirectory(home));
	const [uid] = numbersOf(owner);
	if (statSync(from).uid !== uid)
		throw new AeonError(
			"conflict",
			`${from} does not belong to the owner of ${home}`,
			{ hint: "Give that folder to them by chown, if it is theirs." },
		);
	const user = findUserInstallation(home);
	if (user)
		throw new AeonError(
			"conflict",
			`${user.unit} runs Aeon there as a user's own service`,
			{ hint: "Run aeon service uninstall --user as that user first." },
		);
	const { outside, remarks } = await withRights(owner, () =>
		examine(home, account),
	);
	const lock = join(from, LOCK);
	const hadLock = existsSync(lock);
	const claim = await withRights(owner, () => claimState(from));
	try {
		const { checkUnused } = await import("../database/in_use.ts");
		await withRights(owner, () => {
			for (const name of ["sessions.db", "memory.db"])
				checkUnused(join(from, name));
		});
		const { planSystemInstall } = await import("../service/install.ts");
		const leave = hadLock ? [] : [LOCK];
		const plan = await planSystemInstall({
			...request,
			outside,
			moving: { from, owner, leave },
		});
		await carryOut(plan, flags, remarks);
	} finally {
		await withRights(owner, () => {
			claim.release();
			if (!hadLock) rmSync(lock, { force: true });
		});
	}
}

/** What of a configuration lies elsewhere. Throws `config_invalid` where a service could not start with it. */
async function examine(
	home: string,
	account: Account | undefined,
	env: Record<string, string> = {},
	secrets?: string,
) {
	if (!hasConfiguration(home)) throw noConfiguration(home);
	await readForService({ home, env, secrets });
	return outsideOf(home, env, account);
}

/** Throws `conflict` where what has the service's names is not Aeon's. */
function checkForeign(
	found: Installation | undefined,
	account: Account | undefined,
): void {
	if (!found && isThere(SYSTEM.unit))
		throw new AeonError(
			"conflict",
			`${SYSTEM.unit} is there already, and not of aeon service install`,
			{ hint: "If you can do without it, move it out of the way." },
		);
	if (account && account.home !== SYSTEM.home)
		throw new AeonError(
			"conflict",
			`there is a user ${account.name} with the home ${account.home}, and the service takes a user of that name for itself`,
			{ hint: "Have a service of your own: aeon service install --user" },
		);
}

function noConfiguration(home: string, user?: string): AeonError {
	const who = user ? `, as ${user} and without sudo` : "";
	return new AeonError(
		"not_found",
		`${stateDirectory(home)} has no aeon.json`,
		{
			hint: `Type ${programName(process.cwd())} init first${who}; or say with --from HOME whose state the service is to have.`,
		},
	);
}

async function installForUser(
	flags: InstallFlags,
	version: number,
): Promise<void> {
	const home = homedir();
	if (findSystemInstallation())
		throw new AeonError(
			"conflict",
			"Aeon runs here as the service of the whole machine already",
			{ hint: "To have your own, end that first: sudo aeon service uninstall" },
		);
	if (!hasConfiguration(home))
		throw new AeonError(
			"not_found",
			`${stateDirectory(home)} has no aeon.json`,
			{ hint: `Type ${programName(process.cwd())} init first.` },
		);
	await readForService({ home, env: {} });
	const existing = findUserInstallation(home);
	// The one that runs by hand would have the port and the state.
	if (!existing) (await claimState(stateDirectory(home))).release();
	const { planUserInstall } = await import("../service/install_user.ts");
	const remarks: string[] = [];
	const plan = planUserInstall({
		version,
		program: process.execPath,
		home,
		...(existing && { existing }),
		warn: (line) => remarks.push(line),
	});
	await carryOut(plan, flags, []);
	for (const line of remarks) print(`${line}\n`);
}

/** Shows the plan, asks, does it, and says how it goes on. */
async function carryOut(
	plan: InstallPlan,
	{ printsUnit, yes, user, starts }: InstallFlags,
	remarks: readonly string[],
): Promise<void> {
	const { steps, last, unit } = plan;
	print("This will be done:\n");
	for (const { title } of [...steps, ...last]) print(`  ${printable(title)}\n`);
	for (const line of remarks) print(`${printable(line)}\n`);
	if (printsUnit) print(`The unit:\n${unit}\n`);
	if (!yes && !(await ask("Go on? [y/N] ")))
		return print("Nothing was changed.\n");
	const stopping = new AbortController();
	const stop = () =>
		stopping.abort(new AeonError("cancelled", "it was interrupted"));
	const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
	for (const signal of signals) process.on(signal, stop);
	const say = (line: string) => print(`${printable(line)}\n`);
	try {
		await takeSteps(steps, say, stopping.signal);
		for (const line of await finishSteps(last, say)) print(`${line}\n`);
	} finally {
		for (const signal of signals) process.off(signal, stop);
	}
	print(describeEnd(user, starts));
	if (!countsMemory())
		print(
			"This kernel keeps no account of memory, so that MemoryMax= has no effect:\ndocs/service.md says how that is changed.\n",
		);
}

function describeEnd(user: boolean, starts: boolean): string {
	const sudo = user ? "" : "sudo ";
	const what = starts
		? "Aeon runs as a service"
		: "Aeon will run as a service from the next start of the machine on";
	return `${what}.
  ${sudo}aeon service status  shows how it is
  ${sudo}aeon service logs    shows what it says
  ${sudo}aeon chat            talks to it
`;
}

/** Whose state moves in. */
interface Source {
	home: string;
	owner: Owner;
}

/** Who is named, who typed sudo, or root. */
async function findSource(from: string | undefined): Promise<Source> {
	const { SUDO_USER: user } = process.env;
	const account = from === undefined && user ? await findAccount(user) : false;
	if (account && hasConfiguration(account.home)) {
		const { home, uid, gid } = account;
		return { home, owner: `${uid}:${gid}` };
	}
	if (account && account.uid !== 0 && !hasConfiguration(homedir()))
		throw noConfiguration(account.home, account.name);
	const named = resolve(from ?? homedir());
	const home = named.endsWith("/.aeon") ? resolve(named, "..") : named;
	if (!hasConfiguration(home)) throw noConfiguration(home);
	return { home, owner: ownerOf(realpathSync(home)) };
}

function hasConfiguration(home: string): boolean {
	return existsSync(join(stateDirectory(home), "aeon.json"));
}
