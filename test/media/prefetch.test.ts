import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Logger, silent } from "../../src/core/logger.ts";
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
	const logger: Logger = {
		...silent,
		warn: (event) => void logged.push(event),
	};
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
	it.prefetch.begin("anna", file("a"), it.parts);
	it.prefetch.begin("anna", file("a"), it.parts);
	expect(await it.prefetch.take("bert", file("a"))).toBeUndefined();
	expect(await it.prefetch.take("anna", file("a"))).toEqual({
		path: "attachments/a-1.txt",
		size: 9,
		type: undefined,
	});
	const path = join(it.box.root, "attachments/a-1.txt");
	expect(readFileSync(path, "utf8")).toBe("text of a");
	expect(await it.prefetch.take("anna", file("a"))).toBeUndefined();
	expect(it.host.asked).toEqual(["a"]);
});

test("files are fetched one after the other, and one that fails holds up nobody", async () => {
	using it = await prefetching({
		gone: { status: 404 },
		b: Buffer.from("text of b"),
	});
	it.prefetch.begin("anna", file("gone"), it.parts);
	it.prefetch.begin("anna", file("b"), it.parts);
	expect((await it.prefetch.take("anna", file("b")))?.path).toBe(
		"attachments/b-1.txt",
	);
	expect(await it.prefetch.take("anna", file("gone"))).toBeUndefined();
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
	for (const name of names) it.prefetch.begin("anna", file(name), it.parts);
	expect(await it.prefetch.take("anna", file("f100"))).toBeDefined();
	expect(await it.prefetch.take("anna", file("f0"))).toBeUndefined();
	expect(await it.prefetch.take("anna", file("f1"))).toBeDefined();
});

test("a file that hangs holds up nobody else", async () => {
	using it = await prefetching({ a: { endless: true }, b: Buffer.from("b") });
	const { promise } = Promise.withResolvers<never>();
	const hanging = {
		...it.parts,
		async *fetch() {
			yield await promise;
		},
	};
	it.prefetch.begin("anna", file("a"), hanging);
	it.prefetch.begin("bert", file("b"), it.parts);
	expect((await it.prefetch.take("bert", file("b")))?.size).toBe(1);
});

test("each file of a session waits for those before it, also when some are there already", async () => {
	using it = await prefetching({});
	const begun: string[] = [];
	const first = Promise.withResolvers<void>();
	const second = Promise.withResolvers<void>();
	const gates: Record<string, Promise<void>> = {
		a: first.promise,
		b: second.promise,
	};
	const parts = {
		...it.parts,
		async *fetch({ id }: RemoteFile) {
			begun.push(id);
			await gates[id];
			yield Buffer.from(id);
		},
	};
	const { prefetch } = it;
	for (const id of ["a", "b"]) prefetch.begin("anna", file(id), parts);
	prefetch.begin("bert", file("d"), parts);
	await prefetch.take("bert", file("d"));
	expect(begun).toEqual(["a", "d"]);
	first.resolve();
	await prefetch.take("anna", file("a"));
	prefetch.begin("anna", file("c"), parts);
	prefetch.begin("bert", file("e"), parts);
	await prefetch.take("bert", file("e"));
	expect(begun).toEqual(["a", "d", "b", "e"]);
	second.resolve();
	expect((await prefetch.take("anna", file("c")))?.size).toBe(1);
	expect(begun).toEqual(["a", "d", "b", "e", "c"]);
});
