// A backup as a file: a tar, compressed by gzip, written and read piece by piece, so that its size does not matter.

import { type FileHandle, mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { AeonError, describeError } from "../core/errors.ts";
import { type Hash, platform } from "../core/platform.ts";
import {
	type BackedUpFile,
	MANIFEST,
	type Manifest,
	parseManifest,
} from "./manifest.ts";

/** What is read, hashed and written at once. */
const PIECE_SIZE = 256 * 1024;

/** Of a store of files there may be many, a line each. */
const MAX_MANIFEST_SIZE = 32 * 1024 * 1024;

/** Bytes that the web's streams take: not shared with another thread. */
type Bytes = Uint8Array<ArrayBuffer>;

/** What is in a backup, in the order of its manifest. */
export interface Contents {
	manifest: Manifest;
	/** Where a file of the manifest lies now. */
	locate(file: BackedUpFile): string;
}

/** How a backup is read. */
export interface Reading {
	/** The version of this Aeon: a backup of a newer one is refused. */
	version: string;
	/** Is shown the manifest before anything else is read, and throws where it is not wanted. */
	accept?(manifest: Manifest): void;
	/** Where a file is to be put, whole and on the disk; it is only looked through where nothing is said. */
	place?(file: BackedUpFile): string | undefined;
}

/** Writes a backup into a new file, its owner's alone; it is on the disk when this resolves. An abort throws `signal.reason`. */
export async function writeArchive(
	path: string,
	{ manifest, locate }: Contents,
	signal: AbortSignal,
): Promise<void> {
	const { createTarPacker } = await import("modern-tar");
	const { readable, controller } = createTarPacker();
	await using file = await open(path, "wx", 0o600);
	const written = drain(readable.pipeThrough(new CompressionStream("gzip")), {
		file,
		path,
	});
	// It is waited for below; meanwhile a failure is no unhandled one.
	written.catch(() => {});
	const add = async (
		name: string,
		size: number,
		pieces: AsyncIterable<Uint8Array>,
	) => {
		const mtime = new Date(manifest.made_at);
		const body = controller.add({ name, size, mode: 0o600, mtime }).getWriter();
		for await (const piece of pieces) {
			signal.throwIfAborted();
			await body.write(piece);
		}
		await body.close();
	};
	try {
		const text = new TextEncoder().encode(
			`${JSON.stringify(manifest, undefined, "\t")}\n`,
		);
		await add(MANIFEST, text.length, only(text));
		for (const one of manifest.files)
			await add(one.name, one.size, readPieces(locate(one)));
		controller.finalize();
	} catch (error) {
		controller.error(error);
		await written.catch(() => {});
		throw error;
	}
	await written;
	await file.sync();
}

/**
 * Reads a whole backup: every file that its manifest names, and no other, with its size and hash. Throws `storage_failed`
 * where it is not whole or cannot be put down, and `conflict` where a newer Aeon made it.
 */
export async function readArchive(
	path: string,
	{ version, accept, place }: Reading,
): Promise<Manifest> {
	const { createTarDecoder } = await import("modern-tar");
	try {
		const entries = streamOf(readPieces(path))
			.pipeThrough(new DecompressionStream("gzip"))
			.pipeThrough(createTarDecoder({ strict: true }));
		let manifest: Manifest | undefined;
		const missing = new Map<string, BackedUpFile>();
		for await (const { header, body } of entries) {
			const { name, size, type = "file" } = header;
			if (type !== "file") throw new Error(`${name} in it is no plain file`);
			if (!manifest) {
				if (name !== MANIFEST || size > MAX_MANIFEST_SIZE)
					throw new Error("it does not begin with a manifest");
				manifest = parseManifest(await new Response(body).text(), version);
				accept?.(manifest);
				for (const file of manifest.files) missing.set(file.name, file);
				continue;
			}
			const file = missing.get(name);
			if (!file || file.size !== size)
				throw new Error(`${name} in it is not as its manifest says`);
			missing.delete(name);
			if ((await put(body, place?.(file))) !== file.sha256)
				throw new Error(`${name} in it is damaged`);
		}
		const [first] = missing.keys();
		if (!manifest || first !== undefined)
			throw new Error(`${first ?? MANIFEST} is missing in it`);
		return manifest;
	} catch (error) {
		if (error instanceof AeonError) throw error;
		throw new AeonError(
			"storage_failed",
			`${path} is not a whole backup: ${describeError(error)}`,
			{ cause: error },
		);
	}
}

/** The SHA-256 of a file, in hexadecimal, and its size in bytes. */
export async function hashFile(
	path: string,
): Promise<{ size: number; sha256: string }> {
	const hash = platform.startSha256();
	let size = 0;
	for await (const piece of readPieces(path)) {
		hash.update(piece);
		size += piece.length;
	}
	return { size, sha256: hash.digest() };
}

/** Puts a file at a path, where one is given, and gives its hash. */
async function put(
	body: ReadableStream<Uint8Array>,
	path: string | undefined,
): Promise<string> {
	const hash = platform.startSha256();
	if (path === undefined) {
		for await (const piece of body) hash.update(piece);
		return hash.digest();
	}
	const folder = mkdir(dirname(path), { recursive: true, mode: 0o700 });
	await folder.catch((error) => refuse(path, error));
	await using file = await open(path, "wx", 0o600).catch((error) =>
		refuse(path, error),
	);
	await drain(body, { file, path }, hash);
	await file.sync();
	return hash.digest();
}

async function drain(
	stream: ReadableStream<Uint8Array>,
	{ file, path }: { file: FileHandle; path: string },
	hash?: Hash,
): Promise<void> {
	const reader = stream.getReader();
	try {
		for (;;) {
			const { done, value } = await reader.read();
			if (done) return;
			hash?.update(value);
			await file.appendFile(value).catch((error) => refuse(path, error));
		}
	} catch (error) {
		// Whoever fills the stream hears of it, too.
		await reader.cancel(error).catch(() => {});
		throw error;
	}
}

function refuse(path: string, cause: unknown): never {
	throw new AeonError(
		"storage_failed",
		`${path} cannot be written: ${describeError(cause)}`,
		{ cause },
	);
}

/** Each piece is bytes of its own, which may be kept. */
async function* readPieces(path: string): AsyncGenerator<Bytes> {
	await using file = await open(path, "r");
	for (;;) {
		const piece = new Uint8Array(PIECE_SIZE);
		const { bytesRead } = await file.read(piece, 0, PIECE_SIZE);
		if (bytesRead === 0) return;
		yield piece.subarray(0, bytesRead);
	}
}

function streamOf(pieces: AsyncGenerator<Bytes>): ReadableStream<Bytes> {
	return new ReadableStream({
		async pull(controller) {
			const { done, value } = await pieces.next();
			if (done) controller.close();
			else controller.enqueue(value);
		},
		cancel: async () => void (await pieces.return(undefined)),
	});
}

async function* only(piece: Bytes): AsyncGenerator<Bytes> {
	yield piece;
}
