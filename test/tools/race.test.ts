import { expect, test } from "bun:test";
import {
	linkSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { CANARY, openSandbox, type Sandbox } from "./sandbox.ts";

/** Renames two things for each other as fast as it can, until it is killed. */
const SWAPPER = `
	const { renameSync, rmSync } = require("node:fs");
	const [honest, link] = process.argv.slice(1);
	const put = (from, to) => {
		// It ends by itself where the folder is gone.
		for (let tries = 0; tries < 1000; tries++) {
			try {
				return renameSync(from, to);
			} catch {
				// A write made its directory in the gap.
				rmSync(to, { recursive: true, force: true });
			}
		}
		throw new Error("no way from " + from + " to " + to);
	};
	process.stdout.write("started\\n");
	for (;;) {
		put(honest, honest + ".aside");
		put(link, honest);
		put(honest, link);
		put(honest + ".aside", honest);
	}
`;

/** Calls the work again and again while another process swaps `honest` and `link`, until both have been met often. */
async function whileSwapping(
	box: Sandbox,
	[honest, link]: [string, string],
	work: () => Promise<{ success: boolean }>,
): Promise<void> {
	const swapper = Bun.spawn(
		[
			process.execPath,
			"-e",
			SWAPPER,
			join(box.root, honest),
			join(box.root, link),
		],
		{ stdout: "pipe" },
	);
	try {
		await swapper.stdout.getReader().read();
		let [done, refused] = [0, 0];
		const deadline = Date.now() + 15_000;
		while ((done < 200 || refused < 200) && Date.now() < deadline) {
			if ((await work()).success) done++;
			else refused++;
		}
		expect(swapper.exitCode).toBeNull();
		// Else nothing was raced, and the test shows nothing.
		expect(done).toBeGreaterThan(20);
		expect(refused).toBeGreaterThan(20);
	} finally {
		swapper.kill("SIGKILL");
		await swapper.exited;
	}
}

test("a directory swapped for a link while files are read never shows what lies outside", async () => {
	using box = openSandbox();
	mkdirSync(join(box.root, "d"));
	writeFileSync(join(box.root, "d", "canary.txt"), "inside");
	symlinkSync(box.outside, join(box.root, "link"));
	await whileSwapping(box, ["d", "link"], async () => {
		const result = await box.run("file_read", { path: "d/canary.txt" });
		expect(JSON.stringify(result)).not.toContain(CANARY);
		return result;
	});
}, 30_000);

test("a directory swapped for a link while files are written changes nothing outside", async () => {
	using box = openSandbox();
	mkdirSync(join(box.root, "d"));
	symlinkSync(box.outside, join(box.root, "link"));
	let count = 0;
	await whileSwapping(box, ["d", "link"], () => {
		count++;
		const mode = count % 2 ? "write" : "append";
		const path =
			["d/canary.txt", "d/new.txt", "d/deep/new.txt"][count % 3] ?? "";
		return box.run("file_write", { path, content: "changed", mode });
	});
	expect(readdirSync(box.outside)).toEqual(["canary.txt"]);
	expect(readFileSync(join(box.outside, "canary.txt"), "utf8")).toBe(CANARY);
}, 30_000);

for (const [kind, makeLink] of [
	["link", symlinkSync],
	["hard link", linkSync],
] as const)
	test(`a file swapped for a ${kind} is never read or changed through it`, async () => {
		using box = openSandbox();
		writeFileSync(join(box.root, "f"), "inside");
		makeLink(join(box.outside, "canary.txt"), join(box.root, "link"));
		let count = 0;
		await whileSwapping(box, ["f", "link"], async () => {
			count++;
			const result =
				count % 2
					? await box.run("file_read", { path: "f" })
					: await box.run("file_write", {
							path: "f",
							content: "changed",
							mode: "append",
						});
			expect(JSON.stringify(result)).not.toContain(CANARY);
			return result;
		});
		expect(readFileSync(join(box.outside, "canary.txt"), "utf8")).toBe(CANARY);
	}, 30_000);

test("a file swapped for a named pipe never holds a call up", async () => {
	using box = openSandbox();
	writeFileSync(join(box.root, "f"), "inside");
	Bun.spawnSync(["mkfifo", join(box.root, "link")]);
	let count = 0;
	await whileSwapping(box, ["f", "link"], () => {
		count++;
		return count % 2
			? box.run("file_read", { path: "f" })
			: box.run("file_write", { path: "f", content: "x", mode: "append" });
	});
}, 30_000);
