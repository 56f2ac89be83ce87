import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "../../src/core/logger.ts";
import type { RemoteFile } from "../../src/core/message.ts";
import { Prefetch } from "../../src/media/prefetch.ts";
import type { MediaWorkspace } from "../../src/media/workspace.ts";
import { fakeClock } from "../support/fake_clock.ts";
import { openSandbox } from "../tools/sandbox.ts";
import { type Served, startFileHost } from "./file_host.ts";

async function prefetching(files: Record<string, Served | Served[]>) {
	const box = openSandbox();
	const host = await startFileHost(files);
	const logged: string[] = [];
	const clock = fakeClock();
	const parts = {
		fetch: host.fetch,
		workspace: box.workspace as MediaWorkspace,
		clock,
	};
	const logger = { warn: (event) => void logged.push(event) } as Logger;
	return {
		box,
		host,
		logged,
		clock,
		parts,
		prefetch: new Prefetch(logger),
		[Symbol.dispose]() {
			host[Symbol.dispose]();
			box[Symbol.dispose]();
		},
	};
}

const file = (id: string): RemoteFile => ({
	kind: "document",
	id,
	uniqueId: `${id}-1`,
});

test("a file that was fetched beforehand is in the workspace, and to be had once", async () => {
	using it = await prefetching({ a: Buffer.from("text of a") });
	it.prefetch.begin("post", file("a"), it.parts);
	it.prefetch.begin("post", file("a"), it.parts);
	expect(await it.prefetch.take("other", file("a"))).toBeUndefined();
	expect(await it.prefetch.take("post", file("a"))).toEqual({
		path: "attachments/a-1.txt",
		size: 9,
		type: undefined,
	});
	const path = join(it.box.root, "attachments/a-1.txt");
	expect(readFileSync(path, "utf8")).toBe("text of a");
	expect(await it.prefetch.take("post", file("a"))).toBeUndefined();
	expect(it.host.asked).toEqual(["a"]);
});

test("files are fetched one after the other, and one that fails holds up nobody", async () => {
	using it = await prefetching({
		gone: { status: 404 },
		b: Buffer.from("text of b"),
	});
	it.prefetch.begin("post", file("gone"), it.parts);
	it.prefetch.begin("post", file("b"), it.parts);
	expect((await it.prefetch.take("post", file("b")))?.path).toBe(
		"attachments/b-1.txt",
	);
	expect(await it.prefetch.take("post", file("gone"))).toBeUndefined();
	expect(it.logged).toEqual(["media.not_prefetched"]);
	expect(it.host.asked).toEqual(["gone", "b"]);
	expect(existsSync(join(it.box.root, "attachments/gone-1.txt"))).toBe(false);
});

test("of files that nobody asks for the oldest are forgotten", async () => {
	const names = Array.from({ length: 101 }, (_, n) => `f${n}`);
	const bytes = Buffer.from("x");
	using it = await prefetching(
		Object.fromEntries(names.map((name) => [name, bytes])),
	);
	for (const name of names) it.prefetch.begin("post", file(name), it.parts);
	expect(await it.prefetch.take("post", file("f100"))).toBeDefined();
	expect(await it.prefetch.take("post", file("f0"))).toBeUndefined();
	expect(await it.prefetch.take("post", file("f1"))).toBeDefined();
});
