// Set-up as a whole: what is there, what is wanted, what is written, what comes next.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { AeonError } from "../core/errors.ts";
import { asList, asRecord } from "../core/json.ts";
import { openPairing } from "../core/pairing.ts";
import { findServer } from "../core/presence.ts";
import type { Settings } from "../settings/schema.ts";
import type { Answers, Given, Listener, Person } from "./answers.ts";
import { compose } from "./configuration.ts";
import { type Destination, readEarlier } from "./earlier.ts";
import { interview } from "./interview.ts";
import { describeNext, describePlan, describeRestart } from "./plan.ts";
import { workAs } from "./rights.ts";
import { writeSetup } from "./writing.ts";

/** What a set-up is made of. */
export interface SetupRequest {
	given: Given;
	place: Destination;
	/** The service that runs on what is written. */
	service: "system" | "user" | undefined;
	/** The user of a service of this machine that runs on something else. */
	besideServiceOf?: string | undefined;
	/** systemd runs this machine. */
	hasSystemd: boolean;
	/** How this program is called. */
	program: string;
	/** Undefined where nobody can be asked. */
	person: Person | undefined;
	listener: Listener;
	/** Refuses settings that `aeon serve` would not run with. */
	check(settings: Settings): void;
	/** Aborted with `cancelled`, it ends with nothing written. */
	signal: AbortSignal;
}

/** Asks, tries, writes, and says what comes next. Throws what `interview` and `writeSetup` throw. */
export async function runSetup(request: SetupRequest): Promise<void> {
	const { given, place, person, listener, signal } = request;
	await tellOfService(request);
	if (place.owner) workAs(place.owner);
	const earlier = await readEarlier(place);
	if (earlier.isThere) person?.say(`There is ${place.file} already.`);
	const answers = await interview({ given, earlier, person, listener, signal });
	const composed = compose(earlier, answers);
	const plan = describePlan(place, earlier, composed);
	if (person) {
		person.show("This is going to be written", plan);
		if (!(await person.agree("Write it?")))
			throw new AeonError("cancelled", "You said no");
	}
	signal.throwIfAborted();
	const { settings, backup, moved } = await writeSetup(
		place,
		earlier,
		composed,
		request.check,
	);
	const hasSecrets = Object.keys(composed.secrets).length + moved.length > 0;
	const wrote = [
		`Wrote ${place.file}`,
		...(hasSecrets ? [`and ${place.secretsFile}`] : []),
		...(backup === undefined ? [] : [`The earlier one is ${backup}`]),
	];
	listener.say(wrote.join("\n"));
	if (earlier.isBroken)
		listener.warn(
			"What was there was no JSON object (JSON has no comments): nothing of it was kept.",
		);
	if (moved.length > 0)
		listener.warn(
			`Secrets that stood in aeon.json lie in ${place.secretsFile} now, as ${moved.join(", ")}. The earlier file still has them: delete it when all is well.`,
		);
	for (const [name, value] of Object.entries(composed.secrets))
		if (place.env[name] && place.env[name] !== value)
			listener.warn(
				`${name} is set in the environment to something else, and that wins over ${place.secretsFile}.`,
			);
	tellOfOthers(request);
	await finish(request, answers, settings);
}

/** A second Aeon beside that of the machine is seldom what is meant. Throws `cancelled` where it is not. */
async function tellOfService(request: SetupRequest): Promise<void> {
	const { place, person, listener, program, besideServiceOf } = request;
	if (besideServiceOf === undefined) return;
	listener.warn(
		`Aeon runs here already, as the service of the user ${besideServiceOf}: sudo ${program} init changes that one. This sets up another one, in ${place.state}.`,
	);
	if (person && !(await person.agree("Set up another one?", false)))
		throw new AeonError("cancelled", "You said no");
}

/** What may make that something else counts than what was written. */
function tellOfOthers({ place, service, listener }: SetupRequest): void {
	const { file, state, cwd, env } = place;
	const near = join(cwd, "aeon.json");
	const isFound = [near, join(state, "aeon.json")].includes(file);
	if (!env.AEON_CONFIG && service !== "system") {
		if (!isFound) listener.say(`Aeon reads it with --config ${file}`);
		else if (near !== file && existsSync(near))
			listener.warn(
				`Started in this folder, Aeon reads ${near} in place of what was written.`,
			);
	}
	const pid = findServer(state)?.pid;
	const restart = describeRestart({
		...(service && { service }),
		...(pid !== undefined && { pid }),
	});
	if (restart) listener.say(restart);
}

/** Says what comes next, with a code where a bot is set up that nobody may talk to yet. */
async function finish(
	request: SetupRequest,
	{ telegram }: Answers,
	{ dialogs }: Settings,
): Promise<void> {
	const { place, program, service, person, listener } = request;
	const canInstall = request.hasSystemd && !request.besideServiceOf;
	const lines = [describeNext(program, service, canInstall)];
	const named = asList(asRecord(dialogs.telegram)?.allowed_users);
	const isOpen = typeof telegram === "object" && named.length === 0;
	const { state } = place;
	const pairing = openPairing({ state, dialog: "telegram", now: Date.now });
	if (isOpen && pairing.list().length === 0) {
		const code = await pairing.makeCode();
		const sudo = service === "system" ? "sudo " : "";
		lines.push(
			"",
			`Pairing code: ${code}`,
			`Whoever sends it to ${telegram.name ?? "your bot"} within an hour, while Aeon runs,`,
			`may talk to it from then on. Another code: ${sudo}${program} pair telegram`,
		);
	}
	if (person) person.show("What comes next", lines.join("\n"));
	else listener.say(`\n${lines.join("\n")}`);
}
