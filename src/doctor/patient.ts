// What all checks know of the Aeon that they look at; found once, when it is first asked for.

import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { substitute } from "../core/config.ts";
import { stateDirectory } from "../core/paths.ts";
import { findServer, type ServerPresence } from "../core/presence.ts";
import { collectSecrets } from "../core/secret.ts";
import { findSecretsFile, readSecrets } from "../core/secrets_file.ts";
import type { Schema } from "../database/migrate.ts";
import type { Installation } from "../service/installation.ts";
import { unquoteWord } from "../service/quoting.ts";
import { DEFAULTS, type Settings, settingsSchema } from "../settings/schema.ts";
import { type Reading, readSettings } from "../settings/settings.ts";
import { within } from "./check.ts";

/** What a patient is made of. */
export interface PatientParts {
	env: Record<string, string | undefined>;
	cwd: string;
	home: string;
	/** `--config`. */
	config?: string | undefined;
	/** The version of this Aeon. */
	version: string;
	/** The user that looks. */
	uid: number;
	/** What may be asked over the network: platforms for nothing, and models, which costs. */
	asks: { platforms: boolean; models: boolean };
	/** What can be put right safely is. */
	isRepairing: boolean;
	/** Milliseconds since 1970. */
	now(): number;
	/** Where the machine is seen, with `/proc`, `/sys` and `/run` in it. */
	root: string;
	/** How this program is called. */
	program: string;
	/** Where the machine's programs are: a PATH. */
	path: string;
	/** The service of this machine or user. */
	installation: Installation | undefined;
	/** The program that is updated. */
	binary: string;
	/** What the databases must have in them. */
	schemas: { sessions: Schema; facts: Schema };
	/** The daily backups in a folder, the newest first; `madeAt` in milliseconds since 1970. */
	backups(folder: string): { madeAt: number }[];
	/** Throws where settings that can be read would lay Aeon open to others. */
	review(settings: Settings): void;
	/** Looks whether a path is there; for tests of a file system that does not answer. */
	probe?(path: string): Promise<unknown>;
}

/** What could be read of the configuration. */
export interface Configured {
	/** The defaults where it could not be read. */
	settings: Settings;
	/** None where it could not be read at all. */
	reading?: Reading;
	/** Why it cannot be used. */
	error?: unknown;
}

const PROBE_MS = 2_000;

const DENIED = /EACCES|permission denied/i;
/** What a unit binds into the place where its service sees it (systemd.exec(5), "BindPaths"). */
const BOUND = /^Bind(?:ReadOnly)?Paths=(.*)$/gm;

/** The Aeon that is looked at. */
export class Patient {
	readonly parts: PatientParts;
	readonly state: string;
	#configured: Promise<Configured> | undefined;
	#isReachable: Promise<boolean> | undefined;

	constructor(parts: PatientParts) {
		this.parts = parts;
		this.state = stateDirectory(parts.home);
	}

	/** False where the file system of the state directory does not answer, as that of a server that is off. */
	isReachable(): Promise<boolean> {
		const { probe = stat } = this.parts;
		const look = () => probe(this.state).catch(() => {});
		this.#isReachable ??= within(PROBE_MS, "silent", look).then(
			() => true,
			() => false,
		);
		return this.#isReachable;
	}

	/** True where the state directory is there, and this user may not look into it. */
	isClosed(): boolean {
		try {
			accessSync(this.state, constants.R_OK | constants.X_OK);
			return false;
		} catch (error) {
			return (error as NodeJS.ErrnoException).code === "EACCES";
		}
	}

	/** The configuration, as far as it can be read. */
	configured(): Promise<Configured> {
		this.#configured ??= readConfiguration(this);
		return this.#configured;
	}

	/** Reads the configuration once more when it is asked for next. */
	forget(): void {
		this.#configured = undefined;
	}

	/** The secrets that systemd hands to the service alone, where this process has not been given them. */
	secretsOutOfReach(): string | undefined {
		const { installation, env, home } = this.parts;
		const file = installation?.secrets;
		// Root has become the service's user and has them in its environment.
		if (env.AEON_ACTING) return undefined;
		if (!file || installation.home !== home) return undefined;
		return findSecretsFile(env, home) === undefined ? file : undefined;
	}

	/** The place that a text says is closed to this process, where the unit opens it to the service alone. */
	openToService(text: string): string | undefined {
		const { installation, home } = this.parts;
		if (installation?.home !== home || !DENIED.test(text)) return undefined;
		const unit = this.read(installation.unit) ?? "";
		return [...unit.matchAll(BOUND)]
			.map(([, word = ""]) => unquoteWord(word).replace(/^-/, ""))
			.find((path) => text.includes(path));
	}

	/** The server of the state directory. Throws `storage_failed` where its lock cannot be looked at. */
	server(): ServerPresence | undefined {
		// Looking would make the file.
		return existsSync(this.lockFile) ? findServer(this.state) : undefined;
	}

	/** What a server locks as long as it runs. */
	get lockFile(): string {
		return join(this.state, "serve.lock");
	}

	/** What a file of the machine holds, such as `/proc/meminfo`; undefined where it cannot be read. */
	read(path: string): string | undefined {
		try {
			return readFileSync(this.at(path), "utf8");
		} catch {
			return undefined;
		}
	}

	/** True where the machine has such a file or folder. */
	has(path: string): boolean {
		return existsSync(this.at(path));
	}

	/** Where a path of the machine is seen. */
	at(path: string): string {
		return join(this.parts.root, path);
	}

	/** Where one of the machine's programs is; undefined where it is not. */
	program(name: string): string | undefined {
		return this.parts.path
			.split(":")
			.map((folder) => join(folder, name))
			.find(isRunnable);
	}

	/** One of Aeon's commands as it is typed here: by sudo where only root may, and where root looks at the service. */
	command(words: string, isForRoot = false): string {
		const { env, program } = this.parts;
		return `${isForRoot || env.AEON_ACTING ? "sudo " : ""}${program} ${words}`;
	}

	/** What a user is called. */
	userName(uid: number): string {
		const line = new RegExp(`^([^:]+):[^:]*:${uid}:`, "m");
		return line.exec(this.read("/etc/passwd") ?? "")?.[1] ?? `user ${uid}`;
	}

	/** A path as a person of this home writes it. */
	short(path: string): string {
		const { home } = this.parts;
		return path === home || path.startsWith(`${home}/`)
			? `~${path.slice(home.length)}`
			: path;
	}

	/** Everything that must not be shown. */
	async secrets(): Promise<string[]> {
		if (!(await this.isReachable())) return [];
		const { reading } = await this.configured();
		const { env, home } = this.parts;
		const file = findSecretsFile(env, home);
		let kept: string[] = [];
		try {
			kept = file === undefined ? [] : Object.values(readSecrets(file));
		} catch {
			// A check of its own says so.
		}
		// What a variable would be, were it set, is no secret.
		const given = collectSecrets(reading?.settings).filter(
			(secret) => !/^\$\{\w+\}$/.test(secret),
		);
		return [...given, ...kept];
	}
}

async function readConfiguration(patient: Patient): Promise<Configured> {
	const { env, cwd, home, config } = patient.parts;
	const where = { env, cwd, home, configFlag: config };
	const wanted = patient.secretsOutOfReach() ? "nothing" : "everything";
	const failures: unknown[] = [];
	for (const needs of [wanted, "nothing"] as const)
		try {
			const reading = await readSettings({ ...where, needs });
			const { settings } = reading;
			return { settings, reading, error: failures[0] };
		} catch (error) {
			failures.push(error);
		}
	return { settings: usualSettings(patient.parts), error: failures[0] };
}

/** What Aeon does where nothing is written. */
function usualSettings({ env, cwd, home }: PatientParts): Settings {
	const bare = { ...DEFAULTS, agents: {} };
	const { value } = substitute(bare, { env, cwd, home, directory: cwd });
	const sections: unknown = settingsSchema.parse(value);
	return {
		...(sections as Settings),
		file: undefined,
		unusable: new Map(),
	};
}

function isRunnable(path: string): boolean {
	try {
		accessSync(path, constants.X_OK);
		return true;
	} catch {
		return false;
	}
}
