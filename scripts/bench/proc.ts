// What Linux tells of a process.

import { readFileSync, writeFileSync } from "node:fs";

/** Memory in megabytes: what is resident, and of that what no file backs. */
export interface Memory {
	resident: number;
	anonymous: number;
}

/** The memory of a process now. */
export function memoryOf(pid: number): Memory {
	const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
	const of = (name: string) =>
		(Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1]) * 1024) /
		1e6;
	return { resident: of("Rss"), anonymous: of("Anonymous") };
}

/** What a process has written: to files and pipes by its own count, and to disks by the system's. */
export function writtenBy(pid: number): { bytes: number; toDisk: number } {
	const text = readFileSync(`/proc/${pid}/io`, "utf8");
	const of = (name: string) =>
		Number(new RegExp(`^${name}: (\\d+)`, "m").exec(text)?.[1]);
	return { bytes: of("wchar"), toDisk: of("write_bytes") };
}

/** The processor's time that a process has had, in ticks of 10 ms (proc(5), utime and stime). */
export function ticksOf(pid: number): number {
	const text = readFileSync(`/proc/${pid}/stat`, "utf8");
	const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
	return Number(fields[11]) + Number(fields[12]);
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

export function median(values: number[]): number {
	return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}
