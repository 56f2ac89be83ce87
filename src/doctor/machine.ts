// The machine: its processor, its kernel, its clock.

import { closeSync, openSync, readSync } from "node:fs";
import { run } from "../core/run.ts";
import { type Check, ok, problem, warning } from "./check.ts";
import type { Patient } from "./patient.ts";

/** The byte of an ELF file that tells its word size, and the value that stands for 32 bits (elf(5), EI_CLASS). */
const EI_CLASS = 4;
const ELFCLASS32 = 1;

/** Bytes. */
const TRIED_PAGES = [4096, 16_384];

/** A machine without a clock of its own begins in 1970, or when its system was made. */
const EARLIEST = Date.UTC(2025, 0, 1);

/** Whom systemd starts to answer takes seconds for that on the slowest boards. */
const ASKING_MS = 8_000;

const COUNTING_MS = 4_000;

/** Whether this is a machine that Aeon is made for. A system of 32 bits cannot even start it. */
export const architecture: Check = {
	name: "machine",
	look(patient) {
		const model =
			patient.read("/proc/device-tree/model")?.replaceAll("\0", "").trim() ||
			/^model name\s*:\s*(.+)$/m.exec(patient.read("/proc/cpuinfo") ?? "")?.[1];
		const text = `${process.arch}, 64-bit${model ? `: ${model}` : ""}`;
		if (!["arm64", "x64"].includes(process.arch))
			return [warning(`${process.arch} is not tried`, "Use arm64 or x64.")];
		if (process.platform !== "linux")
			return [warning(`${text}, but ${process.platform}`, "Use Linux.")];
		if (wordClass(patient.at("/bin/sh")) !== ELFCLASS32) return [ok(text)];
		return [
			warning(
				`${text}, but the programs of this system are 32-bit`,
				"Install the 64-bit Raspberry Pi OS: this mixture is not tried.",
			),
		];
	},
};

/** The kernel, and the size of its pages. */
export const kernel: Check = {
	name: "kernel",
	async look(patient) {
		const release = patient.read("/proc/sys/kernel/osrelease")?.trim();
		const size = await pageSize(patient);
		const pages = size ? `${size / 1024} KB` : "an unknown size";
		const text = `Linux ${release ?? "of an unknown version"}, pages of ${pages}`;
		if (size === undefined || TRIED_PAGES.includes(size)) return [ok(text)];
		return [
			warning(
				`${text}, which nobody has tried Aeon with`,
				"Boot a kernel with pages of 4 or 16 KB where something crashes.",
			),
		];
	},
};

/** The clock: certificates and dates depend on it, and a Pi has none while it is off. */
export const clock: Check = {
	name: "clock",
	limitMs: ASKING_MS + 1_000,
	async look(patient) {
		const now = patient.parts.now();
		const time = `${new Date(now).toISOString().slice(0, 16)}Z`;
		if (now < EARLIEST)
			return [
				problem(
					`it is ${time}, says this machine: no certificate is good then`,
					"Connect it to the network and wait, or: sudo timedatectl set-ntp true",
				),
			];
		const isSet = await isInStep(patient);
		if (isSet === undefined)
			return [ok(`${time}; nobody here says whether it is set by the network`)];
		if (isSet) return [ok(`${time}, set by the network`)];
		return [
			warning(
				`${time}, not set by the network yet`,
				"sudo timedatectl set-ntp true; a Pi has no clock of its own while it is off.",
			),
		];
	},
};

/** Whether the network has set the clock; undefined where nobody knows. */
async function isInStep(patient: Patient): Promise<boolean | undefined> {
	if (patient.has("/run/systemd/timesync/synchronized")) return true;
	const timedatectl = patient.program("timedatectl");
	if (!patient.has("/run/systemd/system") || !timedatectl) return undefined;
	const { code, out } = await run(
		[timedatectl, "show", "--property=NTPSynchronized", "--value"],
		{ timeoutMs: ASKING_MS },
	);
	const word = out.trim();
	return code === 0 && word ? word === "yes" : undefined;
}

function wordClass(program: string): number | undefined {
	try {
		const head = Buffer.alloc(EI_CLASS + 1);
		const file = openSync(program, "r");
		try {
			readSync(file, head, 0, head.length, 0);
		} finally {
			closeSync(file);
		}
		return head.toString("latin1", 1, EI_CLASS) === "ELF"
			? head[EI_CLASS]
			: undefined;
	} catch {
		return undefined;
	}
}

/** Bytes, asked of another program: one that is hidden cannot look at itself. Undefined where nobody knows. */
async function pageSize(patient: Patient): Promise<number | undefined> {
	const getconf = patient.program("getconf");
	if (!getconf) return undefined;
	const { out } = await run([getconf, "PAGESIZE"], {
		timeoutMs: COUNTING_MS,
	}).catch(() => ({ out: "" }));
	return Number(out) || undefined;
}
