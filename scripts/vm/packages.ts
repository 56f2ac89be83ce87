// Debian's arm64 packages, unpacked beside this system: its own package lists and architectures stay as they are.

import {
	existsSync,
	mkdirSync,
	readdirSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { run } from "./process.ts";

/** What a machine is made of. */
export interface Packages {
	/** The folder that they are unpacked in. */
	root: string;
	/** The kernel's image. */
	kernel: string;
	/** The folder of the kernel's modules. */
	modules: string;
}

/** A kernel of Debian's. */
interface Kernel {
	/** The package that depends on the newest one. */
	package: string;
	/** Where this system's own suite may not have it. */
	suite?: string;
}

/** The kernels by the size of their pages. */
export const KERNELS: Record<string, Kernel> = {
	"4k": { package: "linux-image-cloud-arm64" },
	"16k": { package: "linux-image-arm64-16k", suite: "trixie" },
};

const LIBRARIES = ["busybox-static", "libc6"];
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** Unpacks a kernel, busybox and the C library into a folder, the first time; needs apt and the network only then. */
export function unpack(kernel: Kernel, folder: string): Packages {
	const root = join(folder, "root");
	const ready = join(folder, "ready");
	if (!existsSync(ready)) {
		download(kernel, folder, root);
		writeFileSync(ready, "");
	}
	const image = readdirSync(join(root, "boot")).find((name) =>
		name.startsWith("vmlinuz-"),
	);
	if (!image) throw new Error(`There is no kernel in ${root}/boot.`);
	const version = image.slice("vmlinuz-".length);
	return {
		root,
		kernel: join(root, "boot", image),
		modules: findIn(root, [`lib/modules/${version}`]),
	};
}

/** The first of these paths that a root has; also where all of it lies below usr (merged-usr). */
export function findIn(root: string, paths: string[]): string {
	const all = paths.flatMap((path) => [
		join(root, path),
		join(root, "usr", path),
	]);
	const found = all.find((path) => existsSync(path));
	if (!found) throw new Error(`There is no ${paths.join(" or ")} in ${root}.`);
	return found;
}

function download(kernel: Kernel, folder: string, root: string): void {
	const debs = join(folder, "debs");
	// What an earlier try has left behind may be of another version.
	for (const old of [debs, root]) rmSync(old, { recursive: true, force: true });
	for (const made of ["debs", "lists/partial", "cache/archives/partial"])
		mkdirSync(join(folder, made), { recursive: true });
	const options = [
		"-oAPT::Architecture=arm64",
		"-oAPT::Architectures=arm64",
		// Its own user may not write here.
		"-oAPT::Sandbox::User=root",
		`-oDir::State::Lists=${join(folder, "lists")}`,
		`-oDir::Cache=${join(folder, "cache")}`,
		...(kernel.suite ? sourceOf(kernel.suite, folder) : []),
	];
	run(["apt-get", ...options, "update", "-qq"], folder);
	const depends = run(
		["apt-cache", ...options, "depends", kernel.package],
		folder,
	);
	const image = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
	if (!image) throw new Error(`apt knows no ${kernel.package}: ${depends}`);
	run(["apt-get", ...options, "download", "-qq", image, ...LIBRARIES], debs);
	for (const deb of readdirSync(debs))
		run(["dpkg-deb", "-x", join(debs, deb), root], folder);
}

/** A list of sources with another suite, from where this system has its own packages. */
function sourceOf(suite: string, folder: string): string[] {
	const [mirror] = run(
		["apt-get", "indextargets", "--format", "$(REPO_URI)"],
		folder,
	).split("\n");
	const file = join(folder, "sources.list");
	writeFileSync(file, `deb [signed-by=${KEYRING}] ${mirror} ${suite} main\n`);
	return [
		`-oDir::Etc::SourceList=${file}`,
		"-oDir::Etc::SourceParts=/dev/null",
	];
}
