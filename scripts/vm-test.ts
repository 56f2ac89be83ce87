// Aeon's arm64 binary in a small machine that is emulated whole: it boots, talks, is killed, starts again and ends, and its
// figures are printed. `bun scripts/vm-test.ts [--memory MB] [--cpu NAME] [--pages 4k|16k] [--binary FILE]
// [--packages FOLDER] [--power-cut] [--json]`; needs Debian's qemu-system-arm, e2fsprogs and xz-utils, and a network once.

import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { makeDisk } from "./vm/disk.ts";
import { table } from "./vm/figures.ts";
import { writeInitramfs } from "./vm/initramfs.ts";
import { GUEST_PORT } from "./vm/machine.ts";
import { KERNELS, unpack } from "./vm/packages.ts";
import { play } from "./vm/scenario.ts";

const BINARY = join(import.meta.dir, "..", "dist", "aeon-linux-arm64");

/** Signals that end this script; each adds its number to 128 for the exit code. */
const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };

await main();

async function main(): Promise<void> {
	const folder = mkdtempSync(join(tmpdir(), "aeon-vm-"));
	process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
	for (const [name, number] of Object.entries(SIGNALS))
		process.on(name, () => process.exit(128 + number));
	try {
		await testIn(folder);
	} catch (error) {
		console.error(`vm-test: ${error instanceof Error ? error.message : error}`);
		process.exit(1);
	}
}

async function testIn(folder: string): Promise<void> {
	const { values } = parseArgs({
		options: {
			memory: { type: "string", default: "512" },
			cpu: { type: "string", default: "cortex-a53" },
			pages: { type: "string", default: "4k" },
			binary: { type: "string", default: BINARY },
			/** Where Debian's packages are kept for the next time. */
			packages: {
				type: "string",
				default: join(tmpdir(), "aeon-ci-vm-packages"),
			},
			"power-cut": { type: "boolean", default: false },
			json: { type: "boolean", default: false },
		},
	});
	const { memory, cpu, pages } = values;
	const binary = resolve(values.binary);
	if (!existsSync(binary))
		throw new Error(
			`${binary} is not there: bun scripts/cross-compile.ts linux-arm64 makes it.`,
		);
	const kernel = Object.hasOwn(KERNELS, pages) ? KERNELS[pages] : undefined;
	if (!kernel)
		throw new Error(`--pages is one of ${Object.keys(KERNELS).join(", ")}.`);
	const began = performance.now();
	const report = (step: string) => {
		const seconds = (performance.now() - began) / 1000;
		console.error(`${seconds.toFixed(1).padStart(6)} s  ${step}`);
	};
	const kept = join(resolve(values.packages), pages);
	mkdirSync(kept, { recursive: true });
	const packages = unpack(kernel, kept);
	const initramfs = join(folder, "initramfs.gz");
	writeInitramfs(initramfs, packages);
	const token = crypto.getRandomValues(new Uint8Array(32)).toHex();
	const disk = makeDisk(folder, binary, {
		agents: { main: { provider: "demo" } },
		server: { host: "0.0.0.0", port: GUEST_PORT, token },
		tools: { exec: { approval: "allow" } },
	});
	report("disk made");
	const port = freePort();
	const figures = await play({
		parts: {
			kernel: packages.kernel,
			initramfs,
			disk,
			megabytes: Number(memory),
			cpu,
			port,
		},
		address: { url: `ws://127.0.0.1:${port}`, token },
		folder,
		withPowerCut: values["power-cut"],
		report,
	});
	console.log(
		`aeon-linux-arm64 in QEMU's virt machine: ${cpu}, 4 cores, ${memory} MB`,
	);
	console.log(table(figures));
	if (values.json)
		console.log(JSON.stringify({ cpu, megabytes: Number(memory), ...figures }));
}

function freePort(): number {
	const server = Bun.serve({ port: 0, fetch: () => new Response() });
	const { port = 0 } = server;
	void server.stop(true);
	return port;
}
