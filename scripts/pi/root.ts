// A clean Debian for arm64 with the user `pi`, as Raspberry Pi OS has it, made of Debian's packages beside this system.

import {
	chmodSync,
	chownSync,
	cpSync,
	existsSync,
	mkdirSync,
	readFileSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { run } from "../vm/process.ts";

/** What is there beside what these need; nothing of it is there for Aeon. */
const PACKAGES = [
	...["base-files", "base-passwd", "dash", "bash", "coreutils", "debianutils"],
	...["findutils", "grep", "sed", "mawk", "tar", "gzip", "hostname", "procps"],
	...["login", "passwd", "adduser", "sudo", "util-linux", "mount", "iproute2"],
	...["systemd", "libpam-modules", "libpam-runtime", "libc-bin"],
	...["ncurses-base", "ca-certificates"],
];

const SUITE = "bookworm";

const HOOKS = "/usr/share/mmdebstrap/hooks/merged-usr";

/** The only user that can log in. */
export const USER = "pi";
export const USER_ID = 1000;

/** What the machine is called. */
export const HOST = "raspberrypi";

/** The root below this folder, which is made the first time; needs mmdebstrap and a network only then. Throws. */
export function makeRoot(folder: string): string {
	const root = join(folder, "root");
	const ready = join(folder, "ready");
	// One that was made in another way is made anew.
	const recipe = readFileSync(import.meta.path, "utf8");
	if (existsSync(ready) && readFileSync(ready, "utf8") === recipe) return root;
	rmSync(root, { recursive: true, force: true });
	mkdirSync(folder, { recursive: true });
	const packages = PACKAGES.join();
	run(
		[
			...["mmdebstrap", "--quiet", "--variant=extract"],
			...["--architectures=arm64", `--hook-dir=${HOOKS}`],
			...[`--include=${packages}`, SUITE, root],
		],
		folder,
	);
	configure(root);
	writeFileSync(ready, recipe);
	return root;
}

/** Does what the packages would do when they are set up: no program of theirs has to run for it. */
function configure(root: string): void {
	const write = (path: string, text: string, mode = 0o644) => {
		writeFileSync(join(root, path), text);
		chmodSync(join(root, path), mode);
	};
	const masterOf = (name: string) =>
		readFileSync(join(root, `usr/share/base-passwd/${name}.master`), "utf8");
	const people = masterOf("passwd").replaceAll(":*:", ":x:");
	write(
		"etc/passwd",
		`${people}${USER}:x:${USER_ID}:${USER_ID}::/home/${USER}:/bin/bash\n`,
	);
	const names = people.match(/^[^:]+/gm) ?? [];
	const shadows = [...names, USER].map(
		(name) => `${name}:*:20000:0:99999:7:::`,
	);
	write("etc/shadow", `${shadows.join("\n")}\n`, 0o640);
	const groups = masterOf("group")
		.replaceAll(":*:", ":x:")
		.replace(/^sudo:.*$/m, `$&${USER}`);
	write("etc/group", `${groups}${USER}:x:${USER_ID}:\n`);
	write("etc/gshadow", groups.replace(/^([^:]+):.*$/gm, "$1:*::"), 0o640);
	write("etc/sudoers.d/010_pi-nopasswd", `${USER} ALL=(ALL) NOPASSWD: ALL\n`);
	for (const kind of ["auth", "account", "password", "session"])
		write(`etc/pam.d/common-${kind}`, `${kind} required pam_permit.so\n`);
	write(
		"etc/pam.d/common-session-noninteractive",
		"session required pam_permit.so\n",
	);
	mkdirSync(join(root, "usr/local/bin"), { recursive: true });
	write("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n");
	write("etc/hostname", `${HOST}\n`);
	const home = join(root, "home", USER);
	cpSync(join(root, "etc/skel"), home, { recursive: true });
	for (const path of ["", ".bashrc", ".profile", ".bash_logout"])
		chownSync(join(home, path), USER_ID, USER_ID);
	chmodSync(home, 0o700);
}
