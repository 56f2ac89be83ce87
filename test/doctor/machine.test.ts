import { expect, test } from "bun:test";
import { temporaryFolder } from "../support/home.ts";
import { foundOf, machineOf, patientOf, serviceOf } from "./rig.ts";

const NOW = Date.UTC(2026, 10, 23, 12, 0);

/** A getconf(1) of a kernel with pages of this size. */
const getconf = (pageSize: number) =>
	`#!/bin/sh\n[ "$1" = PAGESIZE ] && echo ${pageSize}\n`;

function meminfo(totalKb: number, availableKb: number, swapKb = 0): string {
	return `MemTotal: ${totalKb} kB\nMemAvailable: ${availableKb} kB\nSwapTotal: ${swapKb} kB\n`;
}

const elf = (wordClass: number) =>
	new Uint8Array([0x7f, 0x45, 0x4c, 0x46, wordClass]);

const CASES: [
	name: string,
	files: Record<string, string | Uint8Array>,
	found: string[],
][] = [
	[
		"machine",
		{ "proc/device-tree/model": "Raspberry Pi 5 Model B\0", "bin/sh": elf(2) },
		[`ok: ${process.arch}, 64-bit: Raspberry Pi 5 Model B`],
	],
	[
		"machine",
		{ "bin/sh": elf(1) },
		[
			`warning: ${process.arch}, 64-bit, but the programs of this system are 32-bit`,
		],
	],
	[
		"kernel",
		{
			"proc/sys/kernel/osrelease": "6.12.25+rpt\n",
			"bin/getconf": getconf(16_384),
		},
		["ok: Linux 6.12.25+rpt, pages of 16 KB"],
	],
	[
		"kernel",
		{
			"proc/sys/kernel/osrelease": "6.12.25\n",
			"bin/getconf": getconf(65_536),
		},
		[
			"warning: Linux 6.12.25, pages of 64 KB, which nobody has tried Aeon with",
		],
	],
	[
		"kernel",
		{ "proc/sys/kernel/osrelease": "6.12.25\n" },
		["ok: Linux 6.12.25, pages of an unknown size"],
	],
	[
		"kernel",
		{
			"proc/sys/kernel/osrelease": "6.12.25\n",
			"bin/getconf": "#!/nowhere\n",
		},
		["ok: Linux 6.12.25, pages of an unknown size"],
	],
	[
		"memory",
		{ "proc/meminfo": meminfo(430_000, 290_000, 102_400) },
		["ok: 296 MB of 440 MB available, 104 MB swap"],
	],
	[
		"memory",
		{ "proc/meminfo": meminfo(430_000, 100_000) },
		["warning: 102 MB of 440 MB available, no swap"],
	],
	[
		"memory",
		{ "proc/meminfo": meminfo(430_000, 60_000) },
		["problem: 61 MB of 440 MB available, no swap"],
	],
	[
		"memory",
		{
			"proc/meminfo": meminfo(4_000_000, 3_000_000),
			"proc/self/cgroup": "0::/system.slice/aeon.service\n",
			"sys/fs/cgroup/system.slice/aeon.service/memory.max": "max\n",
			"sys/fs/cgroup/system.slice/memory.max": "60000000\n",
		},
		["problem: 3072 MB of 4096 MB available, no swap, limited to 60 MB here"],
	],
	[
		"memory",
		{
			"proc/meminfo": meminfo(4_000_000, 3_000_000),
			"proc/self/cgroup": "12:cpu:/\n5:memory:/docker/1\n0::/system.slice\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": `${2n ** 63n - 4096n}\n`,
			"sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes": "100000000\n",
		},
		["warning: 3072 MB of 4096 MB available, no swap, limited to 100 MB here"],
	],
	[
		"memory",
		{
			"proc/meminfo": "MemTotal: 4000000 kB\nMemFree: 1000000 kB\n",
			"proc/self/cgroup": "5:memory:/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": `${2n ** 63n - 4096n}\n`,
		},
		["ok: 1024 MB of 4096 MB available, no swap"],
	],
	[
		"memory",
		{ "proc/meminfo": "Cached: 1 kB\n" },
		["ok: nobody here says how much there is"],
	],
	[
		"clock",
		{
			"run/systemd/system/there": "",
			"bin/timedatectl": "#!/bin/sh\nsleep 2\necho yes\n",
		},
		["ok: 2026-11-23T12:00Z, set by the network"],
	],
	[
		"clock",
		{ "run/systemd/timesync/synchronized": "" },
		["ok: 2026-11-23T12:00Z, set by the network"],
	],
	[
		"clock",
		{},
		[
			"ok: 2026-11-23T12:00Z; nobody here says whether it is set by the network",
		],
	],
	[
		"clock",
		{
			"run/systemd/system/there": "",
			"bin/timedatectl": "#!/bin/sh\necho no\n",
		},
		["warning: 2026-11-23T12:00Z, not set by the network yet"],
	],
	[
		"clock",
		{
			"run/systemd/system/there": "",
			"bin/timedatectl": "#!/bin/sh\necho yes\n",
		},
		["ok: 2026-11-23T12:00Z, set by the network"],
	],
];

for (const [index, [name, files, found]] of CASES.entries())
	test(`the machine is told as it is: ${name}, ${index}: ${found}`, async () => {
		using home = temporaryFolder();
		using machine = machineOf(files);
		const patient = patientOf(home.path, {
			root: machine.path,
			path: `${machine.path}/bin`,
			now: () => NOW,
		});
		expect(await foundOf(name, patient)).toEqual(found);
	});

test("a clock that begins before Aeon was made is a problem", async () => {
	using home = temporaryFolder();
	const patient = patientOf(home.path, { now: () => 60_000 });
	expect(await foundOf("clock", patient)).toEqual([
		"problem: it is 1970-01-01T00:01Z, says this machine: no certificate is good then",
	]);
});

test("a kernel that limits no memory is told where a service is to be limited", async () => {
	using home = temporaryFolder();
	using machine = machineOf({
		"proc/meminfo": meminfo(430_000, 290_000),
		"sys/fs/cgroup/cgroup.controllers": "cpuset cpu io pids\n",
	});
	const root = machine.path;
	const installation = serviceOf(home.path);
	const ok = "ok: 296 MB of 440 MB available, no swap";
	expect(await foundOf("memory", patientOf(home.path, { root }))).toEqual([ok]);
	const served = patientOf(home.path, { root, installation });
	expect(await foundOf("memory", served)).toEqual([
		ok,
		"warning: this kernel limits no service's memory: MemoryMax does nothing",
	]);
});
