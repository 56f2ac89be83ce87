// A process that may have 64 MB: a group of its own (cgroups), or where none can be made, a limit on its data.

import {
	existsSync,
	mkdirSync,
	readFileSync,
	rmdirSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";

/** A limit that a command can be put under. */
export interface Limit {
	/** What it is called in the table. */
	name: string;
	/** Stands before the command. */
	wrap: string[];
	/** The most that was used, in bytes, where that is counted. */
	peak(): number | undefined;
	remove(): void;
}

/** The versions of cgroups: where their groups lie, and what the limit and the peak are called there. */
const GROUPS = [
	{
		name: "cgroup v2, memory.max",
		folder: "/sys/fs/cgroup",
		limit: "memory.max",
		peak: "memory.peak",
	},
	{
		name: "cgroup v1, memory.limit_in_bytes",
		folder: "/sys/fs/cgroup/memory",
		limit: "memory.limit_in_bytes",
		peak: "memory.max_usage_in_bytes",
	},
];

/** The strictest limit that can be had here. */
export function limitMemory(bytes: number): Limit {
	for (const { name, folder, limit, peak } of GROUPS) {
		const group = join(folder, `aeon-bench-${process.pid}`);
		if (!makeGroup(group, limit, bytes)) continue;
		return {
			name,
			wrap: [
				"sh",
				"-c",
				`echo $$ > ${join(group, "cgroup.procs")} && exec "$@"`,
				"sh",
			],
			peak: () => Number(readFileSync(join(group, peak), "utf8")),
			remove: () => rmdirSync(group),
		};
	}
	return {
		name: "prlimit --data",
		wrap: ["prlimit", `--data=${bytes}`],
		peak: () => undefined,
		remove() {},
	};
}

/** False where there are no such groups here, or none may be made. */
function makeGroup(group: string, limit: string, bytes: number): boolean {
	try {
		mkdirSync(group);
	} catch {
		return false;
	}
	try {
		// The system makes the files of a group: where it has made none, this is an ordinary folder.
		if (existsSync(join(group, limit))) {
			writeFileSync(join(group, limit), String(bytes));
			return true;
		}
	} catch {
		// The group has to be removed in either case.
	}
	rmdirSync(group);
	return false;
}
