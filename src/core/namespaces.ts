// Keeping a command from files where the kernel has no Landlock: it gets a view of the file system in which they are covered
// (mount_namespaces(7), user_namespaces(7)), by util-linux's unshare and mount.

import { existsSync, realpathSync, statSync } from "node:fs";
import type { Confiner, Reach } from "./confinement.ts";
import { isWithin } from "./paths.ts";
import { platform } from "./platform.ts";
import { type Launch, shellArguments } from "./shell.ts";

const UNSHARE = "/usr/bin/unshare";
const SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin";

/** A name in a covered folder: the file without any right that covers files. */
const CLOSED = ".closed";

/** What macOS, some kernels and systems of busybox alone lack. */
const NEEDED = [UNSHARE, "/proc/self/ns/user"];

/**
 * A command sees an empty folder in the place of each protected one, a file without rights in the place of each protected
 * file, and the workspace as it is. What is protected and not there yet is not kept from it. Other users' files seem to be
 * nobody's, and root has power over its own only.
 */
export const namespaces: Confiner = {
	works(reach) {
		if (!NEEDED.every((path) => existsSync(path))) return false;
		const { argv, cwd } = start(reach, "true", reach.workspace);
		return platform.succeeds(argv, { cwd, env: { PATH: SYSTEM_PATH } });
	},
	start,
};

/** Throws where something protected lies in the workspace. */
function start(
	{ workspace, protectedPaths }: Reach,
	command: string,
	cwd: string,
): Launch {
	const open = realpathSync(workspace);
	const paths = outermost(
		protectedPaths
			.filter((path) => existsSync(path))
			.map((path) => realpathSync(path)),
	);
	const exposed = paths.find((path) => isWithin(path, open));
	if (exposed) throw new Error(`${exposed} lies in the workspace`);
	const isFolder = (path: string) => statSync(path).isDirectory();
	const folders = paths.filter(isFolder);
	const files = paths.filter((path) => !isFolder(path));
	const closed = `${folders[0]}/${CLOSED}`;
	const steps = [
		// Once its folder is covered, the workspace is found by this descriptor only.
		`command exec 3< ${quote(open)}`,
		...folders.map(
			(path) => `mount -n -t tmpfs -o mode=0755,size=64k aeon ${quote(path)}`,
		),
		`: > ${quote(closed)}`,
		`chmod 0 ${quote(closed)}`,
		`mkdir -p ${quote(open)}`,
		`mount -n -c --rbind /proc/self/fd/3 ${quote(open)}`,
		...folders.map((path) => `mount -n -o remount,bind,ro ${quote(path)}`),
		...files.map((path) => `mount -n --bind ${quote(closed)} ${quote(path)}`),
		"exec 3<&-",
	];
	const script = `path=$PATH PATH=${SYSTEM_PATH}
${steps.join(" &&\n")} || { echo "aeon: the command did not run, since it could not be confined" >&2; exit 126; }
PATH=$path
exec "$@"`;
	// In a user namespace below, under its own id again, the command may no longer uncover anything.
	const user = `--map-user=${process.getuid?.()}`;
	const group = `--map-group=${process.getgid?.()}`;
	const enter = [UNSHARE, "-U", "-r", "-m", "--propagation", "private"];
	const shell = ["/bin/sh", "-c", script, "sh"];
	const leave = [UNSHARE, "-U", user, group, `--wd=${cwd}`];
	const argv = [...enter, ...shell, ...leave, ...shellArguments(command)];
	return { argv, cwd: "/", env: {} };
}

/** The paths without those that lie in another of them. */
function outermost(paths: string[]): string[] {
	return [...new Set(paths)].filter(
		(path) => !paths.some((one) => one !== path && isWithin(path, one)),
	);
}

/** A word that the shell takes as it is (POSIX, "Single-Quotes"). */
function quote(word: string): string {
	return `'${word.replaceAll("'", "'\\''")}'`;
}
