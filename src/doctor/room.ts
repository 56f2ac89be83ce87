// Room: memory, and the disk that Aeon's files are on.

import { accessSync, constants, existsSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { codeOf } from "../database/failure.ts";
import { type Check, type Found, ok, problem, warning } from "./check.ts";
import type { Patient } from "./patient.ts";

const KB = 1024;
const MB = 1_000_000;

/** What Aeon needs, with a command or two of its own beside it. */
const LITTLE_MEMORY = 128 * MB;
const LEAST_MEMORY = 64 * MB;

const LITTLE_DISK = 200 * MB;
const LEAST_DISK = 50 * MB;

/** What version 1 of cgroups has for no limit is close to 2 ** 63. */
const NO_LIMIT = 2 ** 62;

/** statfs(2) */
const TMPFS_MAGIC = 0x01021994;

const CGROUPS = "/sys/fs/cgroup";

/** How much memory there is for Aeon, and whether it can be limited. */
export const memory: Check = {
	name: "memory",
	look(patient) {
		const info = patient.read("/proc/meminfo");
		if (info === undefined) return [ok("nobody here says how much there is")];
		const bytes = (key: string) => {
			const found = new RegExp(`^${key}:\\s+(\\d+) kB`, "m").exec(info)?.[1];
			return found === undefined ? undefined : Number(found) * KB;
		};
		const available = bytes("MemAvailable") ?? bytes("MemFree");
		const total = bytes("MemTotal");
		if (available === undefined || total === undefined)
			return [ok("nobody here says how much there is")];
		const swap = bytes("SwapTotal") ?? 0;
		const limit = memoryLimit(patient);
		const room = Math.min(available, limit ?? available);
		const text = [
			`${inMb(available)} of ${inMb(total)} available`,
			swap > 0 ? `${inMb(swap)} swap` : "no swap",
			...(limit === undefined ? [] : [`limited to ${inMb(limit)} here`]),
		].join(", ");
		const hint = "End other programs, or give this machine more swap.";
		if (room < LEAST_MEMORY) return [problem(text, hint)];
		return [room < LITTLE_MEMORY ? warning(text, hint) : ok(text)].concat(
			checkController(patient),
		);
	},
};

/** Room on the disk of the state directory. */
export const disk: Check = {
	name: "disk",
	async look(patient) {
		const { state } = patient;
		if (!(await patient.isReachable()))
			return [
				problem(
					`the file system of ${patient.short(state)} does not answer`,
					"A network drive whose server is off, or a card that fails: see dmesg.",
				),
			];
		const folder = nearest(state);
		const { bavail, blocks, bsize, type } = await statfs(folder);
		const free = bavail * bsize;
		const text = `${inMb(free)} free of ${inMb(blocks * bsize)}`;
		if (isReadOnly(folder))
			return [
				problem(
					`${patient.short(folder)} is on a file system that is mounted read-only`,
					"A card that fails becomes so: see dmesg, and make a backup.",
				),
			];
		return [judgeDisk(text, free, type === TMPFS_MAGIC)];
	},
};

/** What so many bytes that are free are good for. */
export function judgeDisk(
	text: string,
	free: number,
	isInMemory: boolean,
): Found {
	if (free < LEAST_DISK)
		return problem(text, "Free some space; Aeon cannot keep anything.");
	if (isInMemory)
		return warning(
			`${text}, in memory: all is lost when the machine is switched off`,
			"Let HOME lie on a disk, or mount a volume there.",
		);
	if (free < LITTLE_DISK)
		return warning(text, "Free some space: it will be full soon.");
	return ok(text);
}

/** Raspberry Pi OS switches off what limits memory. */
function checkController(patient: Patient): Found[] {
	const controllers = patient.read(`${CGROUPS}/cgroup.controllers`);
	const { installation } = patient.parts;
	if (!installation || controllers === undefined) return [];
	if (/\bmemory\b/.test(controllers)) return [];
	return [
		warning(
			"this kernel limits no service's memory: MemoryMax does nothing",
			"Add cgroup_enable=memory to the line in /boot/firmware/cmdline.txt, and reboot.",
		),
	];
}

/** The tightest limit of the groups that this process is in, in bytes (cgroups(7)); undefined where there is none. */
function memoryLimit(patient: Patient): number | undefined {
	const groups = patient.read("/proc/self/cgroup") ?? "";
	const [, old] =
		/^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(\/.*)$/m.exec(groups) ?? [];
	const [, now = "/"] = /^0::(\/.*)$/m.exec(groups) ?? [];
	const [folder, group, file] = old
		? [join(CGROUPS, "memory"), old, "memory.limit_in_bytes"]
		: [CGROUPS, now, "memory.max"];
	const limits: number[] = [];
	for (let at = group; ; at = dirname(at)) {
		const text = patient.read(join(folder, at, file))?.trim();
		if (text && /^\d+$/.test(text)) limits.push(Number(text));
		if (at === "/" || at === ".") break;
	}
	// Version 1 has no word for none, but a number that no machine has.
	const tightest = Math.min(...limits);
	return tightest < NO_LIMIT ? tightest : undefined;
}

function nearest(path: string): string {
	return existsSync(path) || dirname(path) === path
		? path
		: nearest(dirname(path));
}

function isReadOnly(folder: string): boolean {
	try {
		accessSync(folder, constants.W_OK);
		return false;
	} catch (error) {
		return codeOf(error) === "EROFS";
	}
}

/** Bytes as a person reads them. */
function inMb(bytes: number): string {
	return bytes >= 10_000 * MB
		? `${Math.round(bytes / (1000 * MB))} GB`
		: `${Math.floor(bytes / MB)} MB`;
}
