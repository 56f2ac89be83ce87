// What was found out about Aeon in a machine, and how it is shown.

import type { Memory } from "./serve.ts";

/** The figures of one machine. Sizes are megabytes (10^6 bytes), times are emulated seconds, which are none of a board's. */
export interface Figures {
	/** Its version. */
	kernel: string;
	pageKilobytes: number;
	memTotal: number;
	/** MemAvailable before Aeon is started for the first time. */
	availableBefore: number;
	/** At the first answer of /health, after a rest, after the turns. */
	memory: { healthy: Memory; rested: Memory; used: Memory };
	/** From the first program to the first answer of /health. */
	userSpaceToHealth: number;
	/** From the start of the binary to that, when nothing of it has been read before. */
	coldStart: number;
	/** The same after a kill -9. */
	warmStart: number;
	/** One turn, as a client outside sees it. */
	turn: number;
}

/** The figures as a table for people. */
export function table(figures: Figures): string {
	const { memory, memTotal, availableBefore } = figures;
	const ofMoment = (name: string, of: Memory) => [
		name,
		...[of.resident, of.proportional, of.anonymous, of.available].map(round),
	];
	const rows = [
		["MB", "RSS", "Pss", "anonymous", "MemAvailable"],
		["before the first start", "", "", "", round(availableBefore)],
		ofMoment("at the first /health", memory.healthy),
		ofMoment("after 10 s at rest", memory.rested),
		ofMoment("after 100 turns", memory.used),
	];
	const times: Record<string, number> = {
		"user space to /health": figures.userSpaceToHealth,
		"start to /health, from cold": figures.coldStart,
		"start to /health, after kill -9": figures.warmStart,
		"a turn, seen from outside": figures.turn,
	};
	return [
		`MemTotal ${round(memTotal)} MB, Linux ${figures.kernel}, pages of ${figures.pageKilobytes} KB`,
		...rows.map(([name = "", ...cells]) =>
			[name.padEnd(32), ...cells.map((cell) => cell.padStart(13))].join(""),
		),
		"seconds, EMULATED (QEMU's TCG, not a Pi's speed)",
		...Object.entries(times).map(
			([name, seconds]) => name.padEnd(32) + seconds.toFixed(2).padStart(13),
		),
	].join("\n");
}

function round(megabytes: number): string {
	return megabytes.toFixed(1);
}
