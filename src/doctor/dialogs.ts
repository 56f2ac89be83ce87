// The dialogs that are switched on: whether their platforms know Aeon, and whether anybody may talk to it there.

import { describeError } from "../core/errors.ts";
import { asList, asRecord } from "../core/json.ts";
import { openPairing } from "../core/pairing.ts";
import type { DialogDriver } from "../dialogs/provider.ts";
import {
	type DialogSettings,
	dialogDrivers,
} from "../settings/dialogs_schema.ts";
import { type Check, type Found, ok, problem, warning } from "./check.ts";
import type { Patient } from "./patient.ts";

const LIMIT_MS = 10_000;

/** The keys under which a section names those who may talk. */
const GUESTS = ["allowed_users", "allowed_groups"];

/** Every dialog that is switched on. */
export const dialogs: Check = {
	name: "dialogs",
	readsState: true,
	isRemote: true,
	limitMs: LIMIT_MS + 2_000,
	async look(patient) {
		const { settings } = await patient.configured();
		const enabled = Object.entries(settings.dialogs).filter(
			([, section]) => section.enabled,
		);
		if (enabled.length === 0)
			return [ok("none is switched on: aeon chat is there always")];
		const found = await Promise.all(
			enabled.map(async ([name, section]) => {
				const driver = dialogDrivers[name];
				if (!driver) return [];
				const said = [
					...(await askPlatform(patient, name, driver, section)),
					...checkGuests(patient, name, driver, section),
				];
				return said.map((one) => ({ ...one, name }));
			}),
		);
		return found.flat();
	},
};

async function askPlatform(
	patient: Patient,
	name: string,
	driver: DialogDriver,
	section: DialogSettings,
): Promise<Found[]> {
	const { reading } = await patient.configured();
	const open = (reading?.templates ?? []).filter(
		({ isOpen, path }) => isOpen && path[0] === "dialogs" && path[1] === name,
	);
	const lacks = driver.requiredKeys.filter(
		(key) => asRecord(section)?.[key] === undefined,
	);
	// That this is so, and why, is said of the configuration and of the secrets.
	const missing = [...lacks, ...open.flatMap(({ unset }) => unset)];
	if (missing.length > 0)
		return [warning(`not asked without ${missing.join(", ")}`)];
	if (!patient.parts.asks.platforms || !driver.check)
		return [ok("switched on; the platform was not asked")];
	const signal = AbortSignal.timeout(LIMIT_MS);
	try {
		// The section was checked against the options of this very driver.
		const findings = await driver.check(section as never, signal);
		return findings.map(({ name, state, text, hint }) => ({
			state,
			text: `${name}: ${text}`,
			...(hint && { hint }),
		}));
	} catch (error) {
		return [
			problem(
				signal.aborted
					? `the platform said nothing within ${LIMIT_MS / 1000} s`
					: describeError(error),
				"Look at the network of this machine.",
			),
		];
	}
}

/** Nobody may talk to a dialog unless somebody was let in. */
function checkGuests(
	patient: Patient,
	name: string,
	{ pairing }: DialogDriver,
	section: DialogSettings,
): Found[] {
	if (!pairing) return [];
	const { state, parts } = patient;
	const listed = GUESTS.flatMap((key) => asList(asRecord(section)?.[key]));
	const people = openPairing({ state, dialog: name, now: parts.now }).list();
	if (listed.length + people.length > 0) return [];
	return [
		warning(
			"nobody may talk to it yet",
			`${patient.command(`pair ${name}`)} gives a code to send ${pairing.where}.`,
		),
	];
}
