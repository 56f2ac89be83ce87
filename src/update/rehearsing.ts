// What a new program shows before anything is changed: that it runs here, and that it can work with what there is.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { AeonError } from "../core/errors.ts";
import { asRecord, asText, parseJson } from "../core/json.ts";
import { type RunResult, run } from "../core/run.ts";
import { updateFolder } from "./journal.ts";
import type { Owner } from "./owner.ts";

/** What is rehearsed with. */
export interface RehearsalParts {
	owner: Owner;
	state: string;
	/** The configuration that the running server has, where it was named to it. */
	config: string;
	signal: AbortSignal;
}

const SELF_TEST_MS = 30_000;

/** Copying and migrating databases on a slow card. */
const REHEARSAL_MS = 20 * 60_000;

/** Has a program test itself and gives its version. Throws `conflict` where it does not run here. */
export async function testProgram(
	program: string,
	{ owner, signal }: RehearsalParts,
): Promise<string> {
	const { out } = await ask(
		`${program} cannot run on this machine`,
		[...owner.argv, program, "self-test"],
		{ env: owner.env, timeoutMs: SELF_TEST_MS, signal },
	);
	const version = asText(asRecord(parseJson(out.trim()))?.version);
	if (version !== "") return version;
	throw new AeonError("conflict", `${program} is no Aeon`);
}

/** The version of the program that is there; empty where it does not run. */
export async function versionOf(
	program: string,
	{ owner, signal }: RehearsalParts,
): Promise<string> {
	const { env } = owner;
	const options = { env, timeoutMs: SELF_TEST_MS, signal };
	const { code, out } = await run(
		[...owner.argv, program, "--version"],
		options,
	).catch(() => ({ code: 1, out: "" }));
	return code === 0 ? out.trim().replace(/^aeon /, "") : "";
}

/** Has the databases copied by one program and the copies served by the new one. Throws `conflict`, and leaves nothing. */
export async function rehearseWith(
	copier: string,
	program: string,
	{ owner, state, config, signal }: RehearsalParts,
): Promise<void> {
	const folder = join(updateFolder(state), "rehearsal");
	const flags = config === "" ? [] : ["--config", config];
	const options = { env: owner.env, timeoutMs: REHEARSAL_MS, signal };
	const clear = () =>
		owner.asNow(() =>
			rmSync(updateFolder(state), { recursive: true, force: true }),
		);
	clear();
	try {
		const copying = [copier, "self-test", "--copy", folder];
		await ask(
			"The databases could not be copied for a rehearsal",
			[...owner.argv, ...copying, ...flags],
			options,
		);
		await ask(
			"The new version cannot work with what is there",
			[...owner.argv, program, "self-test", "--rehearse", folder, ...flags],
			options,
		);
	} finally {
		clear();
	}
}

async function ask(
	failure: string,
	argv: string[],
	options: Parameters<typeof run>[1],
): Promise<RunResult> {
	const result = await run(argv, options).catch((error) => {
		options?.signal?.throwIfAborted();
		throw new AeonError("conflict", failure, { cause: error });
	});
	if (result.code === 0) return result;
	const said = result.err.trim().replace(/^aeon: /, "");
	throw new AeonError(
		"conflict",
		`${failure}: ${said || `it ended with ${result.code}`}`,
		{ hint: "Nothing was changed." },
	);
}
