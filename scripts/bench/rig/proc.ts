// What Linux tells of a process.

import { readFileSync, writeFileSync } from "node:fs";

/** Memory in megabytes (1,000,000 bytes): what is resident, its share of pages that others use, too, and what no file backs. */
export interface Memory {
	resident: number;
	proportional: number;
	anonymous: number;
}

/** The memory of a process now. */
export function memoryOf(pid: number): Memory {
	const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
	const of = (name: string) =>
		(Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1]) * 1024) /
		1e6;
	return {
		resident: of("Rss"),
		proportional: of("Pss"),
		anonymous: of("Anonymous"),
	};
}

/** What a process has written: to files and pipes by its own count, and to disks by the system's. */
export function writtenBy(pid: number): { bytes: number; toDisk: number } {
	const text = readFileSync(`/proc/${pid}/io`, "utf8");
	const of = (name: string) =>
		Number(new RegExp(`^${name}: (\\d+)`, "m").exec(text)?.[1]);
	return { bytes: of("wchar"), toDisk: of("write_bytes") };
}

/** The processor's time that a process has had, in milliseconds; told in ticks of 10 ms (proc(5), utime and stime). */
export function processorMsOf(pid: number): number {
	const text = readFileSync(`/proc/${pid}/stat`, "utf8");
	const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
	return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Empties the system's file cache, which resident memory depends on. False where that is not allowed. */
export function dropCaches(): boolean {
	try {
		Bun.spawnSync(["sync"]);
		writeFileSync("/proc/sys/vm/drop_caches", "3\n");
		return true;
	} catch {
		return false;
	}
}
