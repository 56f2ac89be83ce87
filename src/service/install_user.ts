// What is done so that a user's own systemd runs Aeon, from the state that the user has.

import { existsSync, realpathSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname, join } from "node:path";
import { run } from "../core/run.ts";
import type { InstallPlan } from "./install.ts";
import { type Installation, type Notes, userUnit } from "./installation.ts";
import { systemd } from "./machine.ts";
import { makeFolders, removeEmpty } from "./moving.ts";
import type { Step } from "./steps.ts";
import { unitText } from "./unit.ts";
import { copyBinary, enable, start, writeUnit } from "./unit_steps.ts";

/** What is to be installed. */
export interface UserInstallRequest {
	version: number;
	program: string;
	home: string;
	existing?: Installation;
	/** Is told what a person has to do beside. */
	warn(line: string): void;
}

/** Plans a user's own service. Changes nothing. */
export function planUserInstall(request: UserInstallRequest): InstallPlan {
	const { version, program, home, existing, warn } = request;
	const path = userUnit(home);
	const real = realpathSync(program);
	const own = join(home, ".local", "bin", "aeon");
	const binary = isLasting(real, home) ? real : own;
	const lingers = existsSync(lingerFile());
	const missing = [dirname(path), ...(binary === own ? [dirname(own)] : [])];
	const notes: Notes = existing?.notes ?? {
		...(binary !== real && { BinaryMade: "yes" }),
		...(!lingers && { LingerMade: "yes" }),
		FoldersMade: JSON.stringify(missingFolders(missing)),
	};
	const unit = unitText({
		scope: "user",
		version,
		binary,
		outside: { written: [], read: [] },
		notes: { ...notes },
	});
	const control = systemd("user");
	const isInstalled = existing !== undefined;
	const steps = [
		folders(missing),
		...(binary === real ? [] : [copyBinary(program, binary)]),
		writeUnit(path, unit, control),
		enable(control, isInstalled),
		...(lingers ? [] : [linger(warn)]),
		start(control, isInstalled),
	];
	return { unit, steps, last: [] };
}

/** There while systemd keeps this user's services running after a logout (loginctl(1), "enable-linger"). */
function lingerFile(): string {
	return `/var/lib/systemd/linger/${userInfo().username}`;
}

/** Where programs are kept: what lies elsewhere may be gone tomorrow. */
function isLasting(path: string, home: string): boolean {
	const folders = ["/usr/local/bin", "/usr/bin", "/opt", `${home}/.local/bin`];
	return [...folders, `${home}/bin`].some((one) => path.startsWith(`${one}/`));
}

function missingFolders(folders: readonly string[]): string[] {
	const missing = new Set<string>();
	for (const folder of folders)
		for (let one = folder; !existsSync(one); one = dirname(one))
			missing.add(one);
	return [...missing].sort((a, b) => b.length - a.length);
}

function folders(all: readonly string[]): Step {
	let made: string[] = [];
	return {
		title: `Make sure of ${all.join(" and ")}`,
		run() {
			made = all.flatMap((one) => makeFolders(one, 0o755));
		},
		undo: () => removeEmpty(made),
	};
}

function linger(warn: (line: string) => void): Step {
	const { username } = userInfo();
	let isMade = false;
	return {
		title: `Let it run while ${username} is not logged in (loginctl enable-linger)`,
		async run() {
			const { code } = await run([
				...["loginctl", "--no-ask-password", "enable-linger", username],
			]);
			isMade = code === 0;
			if (!isMade)
				warn(
					`It ends when you log out, since nothing of yours may run without a login. Type:\nsudo loginctl enable-linger ${username}`,
				);
		},
		async undo() {
			if (isMade) await run(["loginctl", "disable-linger", username]);
		},
	};
}
