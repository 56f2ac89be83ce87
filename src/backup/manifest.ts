// What a backup says of itself: `manifest.json`, the first file in it.

import * as z from "zod/mini";
import { AeonError } from "../core/errors.ts";
import { asRecord, parseJson } from "../core/json.ts";

/** The name of the manifest in a backup. */
export const MANIFEST = "manifest.json";

/** How backups are laid out; it grows when an older Aeon could no longer read them. */
const FORMAT = 1;

/** What a file in a backup may be. */
const KINDS = ["config", "state", "prompt", "sessions", "memory"] as const;

/** What a file in a backup is. */
export type FileKind = (typeof KINDS)[number];

/** Where the files of a kind lie in a backup. */
const NAMES: Record<FileKind, RegExp> = {
	config: /^aeon\.json$/,
	state: /^state\/[^/]+$/,
	prompt: /^prompts\/[^/]+$/,
	sessions: /^sessions(\.db|\/.+)$/,
	memory: /^memory\.db$/,
};

const fileSchema = z
	.object({
		name: z
			.string()
			.check(z.refine(isPlain, { error: "is no name of a file in a backup" })),
		kind: z.enum(KINDS),
		/** Bytes. */
		size: z.int().check(z.minimum(0)),
		sha256: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
	})
	.check(
		z.refine(({ name, kind }) => NAMES[kind].test(name), {
			error: "is not what its name says",
		}),
	);

const manifestSchema = z.object({
	format: z.int(),
	/** The version of the Aeon that made it. */
	aeon: z.string(),
	/** As 2026-11-23T04:15:00.000Z. */
	made_at: z.iso.datetime(),
	/** The word `storage.driver` of the store that the sessions are from. */
	driver: z.string(),
	files: z
		.array(fileSchema)
		.check(
			z.refine(
				(files) => new Set(files.map(({ name }) => name)).size === files.length,
				{ error: "has a name twice" },
			),
		),
});

/** A file in a backup. */
export type BackedUpFile = z.infer<typeof fileSchema>;

/** What a backup says of itself. */
export type Manifest = z.infer<typeof manifestSchema>;

/** The manifest of these files. */
export function describeFiles(
	made: { version: string; madeAt: number; driver: string },
	files: BackedUpFile[],
): Manifest {
	return {
		format: FORMAT,
		aeon: made.version,
		made_at: new Date(made.madeAt).toISOString(),
		driver: made.driver,
		files,
	};
}

/** Reads a manifest. Throws `conflict` where a newer Aeon made it than this one, which is of this version, and plain errors where it makes no sense. */
export function parseManifest(text: string, version: string): Manifest {
	const value = parseJson(text);
	const { format, aeon } = asRecord(value) ?? {};
	// Before the rest, which may then look different.
	if (
		(typeof format === "number" && format > FORMAT) ||
		(typeof aeon === "string" && isNewer(aeon, version))
	)
		throw new AeonError(
			"conflict",
			`the backup was made by a newer Aeon, ${aeon}, and this one is ${version}`,
			{ hint: "Restore it with that version, or a later one." },
		);
	const read = manifestSchema.safeParse(value);
	if (read.success) return read.data;
	const [issue] = read.error.issues;
	throw new Error(
		`its manifest makes no sense: ${issue?.path.join(".")} ${issue?.message}`,
	);
}

/** True of a version as 0.2.1 that comes after another one; what stands behind the numbers does not count. */
function isNewer(one: string, other: string): boolean {
	const [left, right] = [one, other].map((version) =>
		(/^\d+(\.\d+)*/.exec(version)?.[0] ?? "0").split(".").map(Number),
	);
	for (let place = 0; place < 3; place++) {
		const difference = (left?.[place] ?? 0) - (right?.[place] ?? 0);
		if (difference !== 0) return difference > 0;
	}
	return false;
}

/** True of a path that stays in the folder that it is put into. */
function isPlain(name: string): boolean {
	return (
		!/[\0\\]/.test(name) &&
		name.split("/").every((part) => !["", ".", ".."].includes(part))
	);
}
