// What a machine starts with: busybox, the C library, the drivers, and a shell on the console.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { archive, type Entry } from "./cpio.ts";
import { findIn, type Packages } from "./packages.ts";

/** What QEMU's virt machine needs, in the order that it is loaded. */
const DRIVERS = [
	"virtio_mmio",
	"virtio_pci",
	"virtio_blk",
	"virtio_net",
	"crc32c_generic",
	"ext4",
];

/** All that an arm64 binary of Bun's asks for. */
const LIBC = [
	"ld-linux-aarch64.so.1",
	"libc.so.6",
	"libm.so.6",
	"libpthread.so.0",
	"libdl.so.2",
];

const FOLDERS = [
	"bin",
	"dev",
	"disk",
	"etc",
	"lib",
	"modules",
	"proc",
	"sys",
	"tmp",
];

const FOLDER = 0o40755;
const PROGRAM = 0o100755;
const FILE = 0o100644;

/** A line that is read is run, and what it printed is followed by its exit code: see `Machine.run`. */
const INIT = (modules: string[]) => `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin HOME=/disk
mount -t proc proc /proc
read began rest < /proc/uptime
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
mkdir -p /dev/pts
mount -t devpts pts /dev/pts
${modules.map((name) => `insmod /modules/${name}.ko`).join("\n")}
mount -t ext4 /dev/vda /disk && cd /disk || echo "There is no disk."
ip link set lo up
ip link set eth0 up
ip addr add 10.0.2.15/24 dev eth0
stty -echo
echo "<up $began>"
while IFS= read -r line; do
	# The console is this shell's alone.
	eval "$line" < /dev/null 2>&1
	echo "<ended $?>"
done
`;

/** Writes it to a file. */
export function writeInitramfs(file: string, packages: Packages): void {
	const { root } = packages;
	const modules = withDependencies(packages.modules);
	const program = (name: string, paths: string[]): Entry => ({
		name,
		mode: PROGRAM,
		bytes: readFileSync(findIn(root, paths)),
	});
	const bytes = archive([
		...FOLDERS.map((name) => ({ name, mode: FOLDER })),
		program("bin/busybox", ["bin/busybox"]),
		...LIBC.map((name) =>
			program(`lib/${name}`, [`lib/aarch64-linux-gnu/${name}`, `lib/${name}`]),
		),
		...[...modules].map(([name, module]) => ({
			name: `modules/${name}.ko`,
			mode: FILE,
			bytes: module,
		})),
		{
			name: "etc/passwd",
			mode: FILE,
			bytes: Buffer.from("root:x:0:0::/disk:/bin/sh\n"),
		},
		{
			name: "init",
			mode: PROGRAM,
			bytes: Buffer.from(INIT([...modules.keys()])),
		},
	]);
	writeFileSync(file, Bun.gzipSync(Buffer.from(bytes), { level: 1 }));
}

/** The drivers and what they need, in an order in which they can be loaded. What is built into the kernel has no file. */
function withDependencies(folder: string): Map<string, Uint8Array> {
	const files = new Map<string, string>();
	for (const path of readdirSync(folder, {
		recursive: true,
		encoding: "utf8",
	})) {
		const name = /^(.+)\.ko(?:\.xz)?$/.exec(basename(path))?.[1];
		if (name) files.set(name.replaceAll("-", "_"), join(folder, path));
	}
	const loaded = new Map<string, Uint8Array>();
	const load = (name: string) => {
		const file = files.get(name);
		if (!file || loaded.has(name)) return;
		const bytes = readModule(file);
		const text = Buffer.from(bytes).toString("latin1");
		const needed = /\0depends=([^\0]*)\0/.exec(text)?.[1] ?? "";
		for (const one of needed.split(",")) load(one.replaceAll("-", "_"));
		loaded.set(name, bytes);
	};
	for (const name of DRIVERS) load(name);
	return loaded;
}

function readModule(file: string): Uint8Array {
	if (!file.endsWith(".xz")) return readFileSync(file);
	const { success, stdout } = Bun.spawnSync(["xz", "-dc", file]);
	if (!success) throw new Error(`xz cannot unpack ${file}.`);
	return stdout;
}
