import { defineCommand } from "citty";
import { AeonError, hasCode } from "../core/errors.ts";
import { stateDirectory } from "../core/paths.ts";
import { type Claim, claimState } from "../core/presence.ts";
import { openStateDirectory } from "../core/state.ts";
import { print } from "../core/terminal.ts";
import { type Reading, readSettings } from "../settings/settings.ts";
import * as registry from "../storage/registry.ts";
import type { StoreDriver } from "../storage/store.ts";
import { confirmMove, moveStore, placeOf } from "../storage/transfer.ts";
import type { Digest } from "../storage/transfer_digest.ts";
import { configFlag, surroundings } from "./options.ts";
import { checkSwitch, switchDriver } from "./storage_setting.ts";

const DRIVERS: Record<string, StoreDriver> = registry;
const WORDS = Object.keys(DRIVERS).join(" or ");

const migrate = defineCommand({
	meta: {
		name: "migrate",
		description: "Move everything into another kind of store, and use that",
	},
	args: {
		to: {
			type: "string",
			description: `The kind of store: ${WORDS}`,
			valueHint: "DRIVER",
			required: true,
		},
		...configFlag,
	},
	async run({ args: { to, config } }) {
		if (!Object.hasOwn(DRIVERS, to))
			throw new AeonError("usage", `--to ${to}: write ${WORDS}`);
		const state = stateDirectory(surroundings().home);
		openStateDirectory(state);
		const claim = await takeClaim(state);
		try {
			const reading = await readSettings({
				...surroundings(),
				configFlag: config,
				needs: "storage",
			});
			await migrateTo(to, reading);
		} finally {
			claim.release();
		}
	},
});

/** `aeon storage`: where conversations are kept. */
export const storage = defineCommand({
	meta: {
		name: "storage",
		description: "Move the conversations into another kind of store",
	},
	subCommands: { migrate },
});

/** No server may write into the store meanwhile, or start. */
async function takeClaim(state: string): Promise<Claim> {
	try {
		return await claimState(state);
	} catch (error) {
		if (!hasCode(error, "conflict")) throw error;
		throw new AeonError("conflict", error.message, {
			cause: error,
			hint: "Stop it first: it writes into the store that is to be moved.",
		});
	}
}

async function migrateTo(to: string, reading: Reading): Promise<void> {
	const { file, storage } = reading.settings;
	const inUse = storeOf(storage.driver, storage);
	const next = storeOf(to, storage);
	if (to === storage.driver)
		throw new AeonError(
			"conflict",
			`conversations are in the ${to} store already, in ${placeOf(inUse)}`,
		);
	if (file === undefined) throw noFile(reading.raw);
	checkSwitch(file, to);
	// A kill may have come between the setting and this.
	confirmMove(inUse);
	const begin = performance.now();
	const moved = await moveStore(inUse, next, (step) => print(`${step} …\n`));
	const seconds = (performance.now() - begin) / 1000;
	const kept = await switchDriver(file, to);
	confirmMove(next);
	print(
		`Moved ${describe(moved)} from ${placeOf(inUse)} to ${placeOf(next)} in ${seconds.toFixed(1)} s.
Both hold the same: SHA-256 ${moved.hash}.
${file} names the ${to} store now; ${kept} is the file as it was.
The old store stays where it is, ${placeOf(inUse)}: nothing reads it any more, but an aeon chat that is still open. Close that, and remove it when you like.
`,
	);
}

function storeOf(driver: string, options: Record<string, unknown>) {
	return { driver: DRIVERS[driver] as StoreDriver, options };
}

/** A file that names only a store would have no agent, and one that Aeon wrote would no longer follow the environment. */
function noFile(raw: unknown): AeonError {
	return new AeonError(
		"config_invalid",
		"there is no aeon.json that could name the new store; nothing was moved",
		{
			hint: `Write one, ~/.aeon/aeon.json, and try again. What is used without a file is:\n${JSON.stringify(raw, undefined, 2)}`,
		},
	);
}

function describe({ sessions, messages, accepted, parts }: Digest): string {
	return [
		[sessions, "session"],
		[messages, "message"],
		[accepted, "message of the inbox", "messages of the inbox"],
		[parts, "part of the outbox", "parts of the outbox"],
	]
		.map(
			([count, one, many = `${one}s`]) =>
				`${count} ${count === 1 ? one : many}`,
		)
		.join(", ");
}
