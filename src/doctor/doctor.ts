// Everything that is looked at, in its order, and how that is done.

import { describeError } from "../core/errors.ts";
import { createRedactor } from "../core/redact.ts";
import { agents } from "./agents.ts";
import {
	type Check,
	type Finding,
	type Found,
	problem,
	warning,
	within,
} from "./check.ts";
import { configuration, secrets } from "./configuration.ts";
import { dialogs } from "./dialogs.ts";
import { files } from "./files.ts";
import { backups, facts, sessions } from "./kept.ts";
import { architecture, clock, kernel } from "./machine.ts";
import type { Patient } from "./patient.ts";
import { port } from "./port.ts";
import { disk, memory } from "./room.ts";
import { answer, holder } from "./server.ts";
import { confinement, service, update } from "./system.ts";

const CHECKS: readonly Check[] = [
	architecture,
	kernel,
	memory,
	disk,
	clock,
	files,
	configuration,
	secrets,
	sessions,
	facts,
	backups,
	holder,
	port,
	answer,
	agents,
	dialogs,
	confinement,
	service,
	update,
];

const LIMIT_MS = 5_000;

/**
 * Looks at everything. Each line comes as soon as it and those before it are known; those who are asked over a network are
 * asked at once. Never throws: a check that does is a problem. No secret is in what it says.
 */
export async function* examine(patient: Patient): AsyncGenerator<Finding> {
	const late: Promise<Finding[]>[] = [];
	for (const check of CHECKS) {
		const found = lookAt(check, patient);
		if (late.length === 0 && !check.isRemote) yield* await found;
		else late.push(found);
		// What is looked at here is looked at one by one: what one has put right, the next one finds right.
		if (!check.isRemote) await found;
	}
	for (const found of late) yield* await found;
}

async function canRead(patient: Patient): Promise<boolean> {
	return (await patient.isReachable()) && !patient.isClosed();
}

async function lookAt(check: Check, patient: Patient): Promise<Finding[]> {
	const { name, limitMs = LIMIT_MS } = check;
	let found: Found[];
	try {
		if (check.readsState && !(await canRead(patient))) return [];
		const late = `nothing came of it within ${limitMs / 1000} s`;
		found = await within(limitMs, late, () => check.look(patient));
	} catch (error) {
		found = [problem(describeError(error))];
	}
	const redact = createRedactor(await patient.secrets().catch(() => []));
	return found.map((one) => {
		const { text, hint, ...rest } = soften(patient, one);
		return {
			name,
			...rest,
			text: redact(text),
			...(hint && { hint: redact(hint) }),
		};
	});
}

/** What only the service can see is no problem of its. */
function soften(patient: Patient, found: Found): Found {
	if (found.state !== "problem") return found;
	const place = patient.openToService(found.text);
	return place === undefined
		? found
		: {
				...found,
				...warning(
					`only the service itself sees ${place}, so this is not looked at`,
				),
			};
}
