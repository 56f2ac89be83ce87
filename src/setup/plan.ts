// What set-up says of its files: before it writes, and what comes next when it has written.

import type { Composition } from "./configuration.ts";
import type { Destination, Earlier } from "./earlier.ts";

/** With a longer command, what it is for does not fit beside it into a box of 80 columns. */
const MAX_COMMAND = 32;

/** What is going to be written, a line each; never what a secret is. */
export function describePlan(
	place: Destination,
	earlier: Earlier,
	{ secrets, dropped }: Composition,
): string {
	const names = Object.keys(secrets).map((name) =>
		earlier.secrets.includes(name)
			? `${name} (instead of the one there)`
			: name,
	);
	const aside = earlier.isBroken
		? "what is there is no JSON object: it is set aside as .bak"
		: "your answers go into what is there; a copy is kept as .bak";
	return [
		place.file,
		...(earlier.isThere ? [`  ${aside}`] : []),
		...(dropped.length > 0
			? [`  without ${dropped.join(", ")}, which were of another provider`]
			: []),
		...(names.length > 0
			? [place.secretsFile, ...names.map((name) => `  ${name}`)]
			: []),
	].join("\n");
}

/** What makes a change count that a running Aeon does not know of; undefined where none runs. */
export function describeRestart(running: {
	service?: "system" | "user";
	pid?: number;
}): string | undefined {
	const { service, pid } = running;
	if (service)
		return `To make it count: ${service === "user" ? "systemctl --user" : "sudo systemctl"} restart aeon`;
	return pid === undefined
		? undefined
		: `Aeon runs already: kill -HUP ${pid}, or a restart, makes it count.`;
}

/** The commands that come next, by the name that this program was called by; fewer where a service runs it already, or cannot be. */
export function describeNext(
	program: string,
	service: "system" | "user" | undefined,
	canInstall: boolean,
): string {
	const sudo = `sudo ${program}`;
	const talk = service === "system" ? sudo : program;
	const commands: [command: string, purpose: string][] = [
		[`${talk} chat`, "talk to it here"],
		...(service
			? []
			: ([
					[`${program} serve`, "let it run while this terminal is open"],
				] satisfies [string, string][])),
		...(service || !canInstall
			? []
			: ([[`${sudo} service install`, "let it run always"]] satisfies [
					string,
					string,
				][])),
	];
	const width = Math.max(...commands.map(([command]) => command.length));
	const isWide = width > MAX_COMMAND;
	return commands
		.map(([command, purpose]) =>
			isWide
				? `${command}\n  ${purpose}`
				: `${command.padEnd(width)}  ${purpose}`,
		)
		.join("\n");
}
