import { existsSync } from "node:fs";
import { isatty } from "node:tty";
import { defineCommand } from "citty";
import { AeonError } from "../core/errors.ts";
import { print, printable, printError } from "../core/terminal.ts";
import { findPlace, type UpdatePlace } from "../update/place.ts";
import { configFlag, surroundings } from "./options.ts";

/** The exit code of --check where there is another version. */
const THERE_IS_ANOTHER = 10;

const STDERR = 2;

const MB = 1_000_000;

/** Between two lines of progress. */
const STEP_MB = 2;

const HINT =
	"Write --from FILE-OR-URL, or set update.from in aeon.json to where releases lie.";

/** `aeon update`: another version, tried before it stays. */
export const update = defineCommand({
	meta: {
		name: "update",
		description: "Replace Aeon by another version, unless that does not work",
	},
	args: {
		from: {
			type: "string",
			description: "Where it lies: a file or folder, or an https:// address",
			valueHint: "FILE-OR-URL",
		},
		check: {
			type: "boolean",
			description: "Only say whether there is another version; exit code 10",
		},
		json: { type: "boolean", description: "With --check: one JSON object" },
		force: {
			type: "boolean",
			description: "Also the same version again, or an older one",
		},
		patience: {
			type: "string",
			description: "How long the new version may take to answer; 90",
			valueHint: "SECONDS",
		},
		...configFlag,
	},
	async run({ args }) {
		const { check = false, json = false, force = false, config } = args;
		if (json && !check)
			throw new AeonError("usage", "--json goes with --check");
		const patienceMs = Number(args.patience ?? 90) * 1000;
		if (!(patienceMs > 0))
			throw new AeonError("usage", "--patience takes seconds");
		const place = await findPlace(surroundings());
		const aborting = new AbortController();
		const { signal } = aborting;
		const from = args.from ?? (await configured(place, config, check));
		if (check) return checkOnly(place, from, json, signal);
		const { Updating } = await import("../update/updating.ts");
		const progress = progressLine();
		const updating = new Updating(place, {
			...{ from, isForced: force, patienceMs, signal },
			say(line) {
				progress.end();
				printError(`${printable(line)}\n`);
			},
			...(isatty(STDERR) && { progress: progress.told }),
		});
		for (const name of ["SIGINT", "SIGTERM", "SIGHUP"])
			process.on(name, () => aborting.abort(interrupted()));
		try {
			print(`${printable(await updating.run())}\n`);
		} finally {
			progress.end();
		}
	},
});

/** Where releases lie by the configuration. */
async function configured(
	{ home, owner }: UpdatePlace,
	configFlag: string | undefined,
	isCheck: boolean,
): Promise<string> {
	const { loadSettings } = await import("../settings/settings.ts");
	const isOther = owner.uid !== process.getuid?.();
	const where = {
		...{ ...surroundings(), home, env: owner.env },
		// What lies where root happens to be is nobody's configuration.
		...(isOther && { cwd: "/" }),
	};
	const { update } = await owner.as(() =>
		loadSettings({ ...where, configFlag, needs: "nothing" }),
	);
	const { from } = update ?? {};
	if (from && (isCheck || !isOther)) return from;
	if (from)
		throw new AeonError(
			"usage",
			"Where a program for root comes from is not for the aeon.json of another user to say",
			{ hint: `If you trust that address: sudo aeon update --from ${from}` },
		);
	throw new AeonError("usage", "It is not known where new versions lie", {
		hint: HINT,
	});
}

async function checkOnly(
	{ binary }: UpdatePlace,
	from: string,
	isJson: boolean,
	signal: AbortSignal,
): Promise<void> {
	const [{ findRelease }, { sumOf }] = await Promise.all([
		import("../update/release.ts"),
		import("../update/program.ts"),
	]);
	const release = await findRelease(from, signal);
	const own = existsSync(binary) ? await sumOf(binary) : "";
	const isUpToDate = own === release.sum;
	const { place, version } = release;
	const named = version === undefined ? "" : ` Aeon ${version}`;
	if (isJson)
		print(
			`${JSON.stringify({ upToDate: isUpToDate, binary, place, version })}\n`,
		);
	else if (isUpToDate)
		print(`${binary} is up to date:${printable(named) || " it is"} ${place}\n`);
	else print(`There is another version:${printable(named)} ${place}\n`);
	if (!isUpToDate) process.exitCode = THERE_IS_ANOTHER;
}

/** Shows in one line of a terminal how much is there. */
function progressLine() {
	let shown = 0;
	let isOpen = false;
	return {
		told(done: number, size: number | undefined) {
			const megabytes = Math.floor(done / MB);
			if (megabytes < shown + STEP_MB && done !== size) return;
			shown = megabytes;
			isOpen = true;
			const all = size === undefined ? "" : ` of ${Math.ceil(size / MB)}`;
			printError(`\r  ${megabytes}${all} MB`);
		},
		/** Something else is said from now on. */
		end() {
			if (isOpen) printError("\n");
			isOpen = false;
		},
	};
}

function interrupted(): AeonError {
	return new AeonError("cancelled", "It was interrupted. Nothing was changed.");
}
