// Which program is updated, and for whose state directory.

import { accessSync, constants, existsSync, realpathSync } from "node:fs";
import { dirname } from "node:path";
import type { Surroundings } from "../core/config.ts";
import { AeonError } from "../core/errors.ts";
import { stateDirectory } from "../core/paths.ts";
import { platform } from "../core/platform.ts";
import { run } from "../core/run.ts";
import {
	findInstallation,
	type Installation,
} from "../service/installation.ts";
import { another, type Owner, self, serviceUser } from "./owner.ts";

/** What an update is about. */
export interface UpdatePlace {
	/** The program's file, behind links. */
	binary: string;
	home: string;
	state: string;
	installation: Installation | undefined;
	owner: Owner;
}

/** The program of the service that is installed, else this very one. Throws `conflict` where Aeon runs from its source. */
export async function findPlace({
	home: own,
	env,
}: Surroundings): Promise<UpdatePlace> {
	if (platform.self().argv.length > 1)
		throw new AeonError(
			"conflict",
			"This Aeon runs from its source: there is no program that could be replaced",
		);
	const installation = findInstallation(own);
	const { user } = installation ?? {};
	const isRoot = process.getuid?.() === 0;
	const person = isRoot && !installation ? await findPerson(env) : undefined;
	const home = installation?.home ?? person?.home ?? own;
	const whole = self({ ...env, HOME: home });
	const owner =
		installation && user !== undefined && isRoot
			? await serviceUser(user, installation)
			: person
				? await another(person.user, whole.env)
				: whole;
	const binary = realPath(installation?.binary ?? process.execPath);
	return { binary, home, state: stateDirectory(home), installation, owner };
}

/** Who has become root by sudo, to replace the program: their Aeon it is that is tried; undefined where nobody has. */
async function findPerson({ SUDO_USER: user }: Surroundings["env"]) {
	if (!user || user === "root") return undefined;
	const { code, out } = await run(["getent", "passwd", user]);
	const home = out.trim().split(":")[5];
	if (code !== 0 || !home) return undefined;
	// A service of their own is for their own systemd to restart.
	return findInstallation(home) ? undefined : { user, home };
}

/** Throws `forbidden` where the program may not be replaced, with what helps. */
export function checkWritable(binary: string, from: string): void {
	const folder = dirname(binary);
	try {
		accessSync(folder, constants.W_OK | constants.X_OK);
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		const hint = isContainer()
			? "This is a container: pull the new image, and make the container anew."
			: code === "EROFS"
				? "Its disk is mounted read-only."
				: `Run it with sudo: sudo ${binary} update --from ${from}`;
		throw new AeonError("forbidden", `${folder} may not be written`, {
			cause: error,
			hint,
		});
	}
}

function isContainer(): boolean {
	const marks = ["/.dockerenv", "/run/.containerenv"];
	return !!process.env.container || marks.some((mark) => existsSync(mark));
}

function realPath(path: string): string {
	return existsSync(path) ? realpathSync(path) : path;
}
