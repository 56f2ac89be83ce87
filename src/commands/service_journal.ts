// What the journal has of the service, for whoever may read it.

import { AeonError } from "../core/errors.ts";
import type { Installation } from "../service/installation.ts";
import { systemd } from "../service/machine.ts";

/** The command that shows the service's journal, whoever asks. */
export function logsCommand(scope: Installation["scope"]): string {
	if (isRoot()) return "aeon service logs";
	return scope === "system"
		? "sudo aeon service logs"
		: `sudo journalctl _SYSTEMD_USER_UNIT=aeon.service _UID=${process.getuid?.()}`;
}

/** Becomes journalctl. Throws `forbidden` or `not_found` where it would have nothing to show to whoever asks. */
export async function showLogs(
	{ scope }: Installation,
	lines: string,
	follow: boolean,
): Promise<never> {
	const isEmpty = (await systemd(scope).journal(1)) === "";
	if (isEmpty && !isRoot())
		throw new AeonError(
			"forbidden",
			"the journal has nothing of the service that you may read",
			{ hint: `Type: ${logsCommand(scope)}` },
		);
	if (isEmpty && !follow)
		throw new AeonError("not_found", "the journal has nothing of the service");
	const { becomeProgram } = await import("../core/platform_linux.ts");
	return becomeProgram("/usr/bin/journalctl", [
		...["journalctl", "--quiet"],
		scope === "user" ? "--user-unit=aeon" : "--unit=aeon",
		`--lines=${lines}`,
		...(follow ? ["--follow"] : []),
	]);
}

function isRoot(): boolean {
	return process.getuid?.() === 0;
}
