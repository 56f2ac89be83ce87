import { expect, test } from "bun:test";
import {
	appendFileSync,
	mkdirSync,
	renameSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { openOutboundFile } from "../../src/media/outbound.ts";
import { CANARY, openSandbox } from "../tools/sandbox.ts";

async function readAll(pieces: AsyncIterable<Uint8Array>): Promise<Buffer[]> {
	const all: Buffer[] = [];
	for await (const piece of pieces) all.push(Buffer.from(piece));
	return all;
}

test("a file is read in pieces of 64 KB, as often as it is asked for", async () => {
	using box = openSandbox();
	const bytes = Buffer.from(
		Array.from({ length: 150_000 }, (_, at) => at % 251),
	);
	mkdirSync(join(box.root, "out"));
	const path = join(box.root, "out", "voice.ogg");
	writeFileSync(path, bytes);
	const file = await openOutboundFile(box.workspace, {
		path,
		mimeType: "audio/ogg",
	});
	expect(file).toMatchObject({
		name: "voice.ogg",
		mimeType: "audio/ogg",
		size: 150_000,
	});
	for (let n = 0; n < 2; n++) {
		const pieces = await readAll(file.read());
		expect(pieces.map(({ length }) => length)).toEqual([65536, 65536, 18928]);
		expect(Buffer.concat(pieces)).toEqual(bytes);
	}
});

test("a file that is gone, elsewhere, a link or a directory is not sent", async () => {
	using box = openSandbox();
	const outside = join(box.outside, "canary.txt");
	symlinkSync(outside, join(box.root, "link"));
	mkdirSync(join(box.root, "folder"));
	const paths: [path: string, sentence: string][] = [
		[outside, 'The file "canary.txt" was not sent: it is not in the workspace'],
		[
			`${box.root}-beside/x`,
			'The file "x" was not sent: it is not in the workspace',
		],
		[
			`${box.root}/../outside/canary.txt`,
			'The file "canary.txt" was not sent: "../outside/canary.txt" has ".." in it: a path leads down from the workspace, never up.',
		],
		[
			join(box.root, "link"),
			'The file "link" was not sent: "link" is a symbolic link, and links are not followed: use the path it stands for.',
		],
		[
			join(box.root, "folder"),
			'The file "folder" was not sent: it is a directory',
		],
		[
			join(box.root, "none"),
			'The file "none" was not sent: There is no "none" in the workspace.',
		],
	];
	for (const [path, message] of paths)
		expect(
			openOutboundFile(box.workspace, { path, mimeType: "text/plain" }),
		).rejects.toMatchObject({ code: "peer_rejected", message });
});

test("what happens to a file after it was opened is seen when it is read", async () => {
	using box = openSandbox();
	const folder = join(box.root, "notes");
	const path = join(folder, "canary.txt");
	const open = () => {
		rmSync(folder, { recursive: true, force: true });
		mkdirSync(folder);
		writeFileSync(path, "x".repeat(CANARY.length));
		return openOutboundFile(box.workspace, { path, mimeType: "text/plain" });
	};
	const changes: (() => void)[] = [
		() => rmSync(path),
		() => appendFileSync(path, "more"),
		() => {
			rmSync(path);
			symlinkSync(join(box.outside, "canary.txt"), path);
		},
		() => {
			renameSync(folder, join(box.root, "moved"));
			symlinkSync(box.outside, folder);
		},
	];
	for (const change of changes) {
		const file = await open();
		change();
		expect(readAll(file.read())).rejects.toMatchObject({
			code: "peer_rejected",
		});
	}
});
