// Follows docs/pi.md, command by command, on a machine that it makes: a clean Debian for arm64 under qemu-user, with its own users,
// processes and network, and a model and Telegram in it. `bun scripts/pi-test.ts [--page FILE] [--binary FILE] [--root FOLDER]`;
// needs root, Linux 6.7, Debian's mmdebstrap, qemu-user-static, tmux and openssl, and a network once.
// Not as on the page: systemd, which a stand-in plays (scripts/pi/systemd.ts), and what scripts/pi/follow.ts lists.

import {
	chmodSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readFileSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "./compile.ts";
import { startFarSides } from "./pi/far_sides.ts";
import { CERTIFICATE, ENDED, follow, furnish, TRUST } from "./pi/follow.ts";
import { Machine } from "./pi/machine.ts";
import { Phone } from "./pi/phone.ts";
import { makeRoot, USER } from "./pi/root.ts";
import { Systemd } from "./pi/systemd.ts";
import { Terminal } from "./pi/terminal.ts";

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };

await main();

async function main(): Promise<void> {
	const { values } = parseArgs({
		options: {
			page: { type: "string", default: join(ROOT, "docs", "pi.md") },
			binary: {
				type: "string",
				default: join(ROOT, "dist", "aeon-linux-arm64"),
			},
			/** Where the clean system is kept for the next time. */
			root: { type: "string", default: join(tmpdir(), "aeon-ci-pi-root") },
		},
	});
	const folder = mkdtempSync(join(tmpdir(), "aeon-pi-"));
	process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
	for (const [name, number] of Object.entries(SIGNALS))
		process.on(name, () => process.exit(128 + number));
	try {
		const binary = resolve(values.binary);
		if (!existsSync(binary))
			throw new Error(
				`${binary} is not there: bun scripts/cross-compile.ts linux-arm64 makes it.`,
			);
		const page = readFileSync(values.page, "utf8");
		await followIn(folder, page, binary, makeRoot(resolve(values.root)));
		process.exit(0);
	} catch (error) {
		console.error(`pi-test: ${error instanceof Error ? error.message : error}`);
		process.exit(1);
	}
}

async function followIn(
	folder: string,
	page: string,
	binary: string,
	root: string,
): Promise<void> {
	const began = performance.now();
	const report = (step: string) => {
		const seconds = (performance.now() - began) / 1000;
		console.log(`${seconds.toFixed(1).padStart(6)} s  ${step}`);
	};
	const newer = buildNewer(folder);
	report("a newer version built");
	const place = join(folder, "machine");
	mkdirSync(place);
	const machine = await Machine.start(root, place);
	process.on("exit", () => machine.stop());
	const sides = await startFarSides(machine, folder);
	furnish(machine, sides);
	const trust = { [TRUST]: join("/", CERTIFICATE) };
	const systemd = new Systemd(machine, trust);
	const terminal = new Terminal(
		machine.inside("su", "-", USER),
		join(machine.root, ENDED),
	);
	process.on("exit", () => terminal.close());
	await terminal.ready();
	report("logged in");
	await follow({
		...{ page, machine, terminal, sides, systemd, binary, newer, report },
		phone: new Phone(sides.telegram),
	}).catch((error) => {
		const wrote = systemd.log && `\n\nThe service wrote:\n${systemd.log}`;
		throw new Error(`${error}${wrote}`);
	});
	const { violations } = sides.telegram;
	const breaches = [...violations, ...sides.llm.breaches];
	if (breaches.length > 0) throw new Error(breaches.join("\n"));
	report("the page was followed to its end");
}

/** A binary of the same source that calls itself another version: of a commit that there is not. */
function buildNewer(folder: string): string {
	const git = join(folder, "git");
	writeFileSync(git, "#!/bin/sh\necho newer00\n");
	chmodSync(git, 0o755);
	const { success, stderr } = Bun.spawnSync(
		[
			...[process.execPath, join(import.meta.dir, "cross-compile.ts")],
			...["--out", folder, "--no-xz", "linux-arm64"],
		],
		{ env: { ...process.env, PATH: `${folder}:${process.env.PATH}` } },
	);
	if (!success) throw new Error(stderr.toString());
	return join(folder, "aeon-linux-arm64");
}
