// The workspace as this room needs it: the one of the tools fits, whose guard then holds for what comes and goes here.

/** A plain file, open for reading. */
export interface OpenFile extends AsyncDisposable {
	kind: "file";
	/** Its real, absolute path. */
	path: string;
	size: number;
	/** Fills the bytes from a place in the file; fewer only at its end. Resolves to how many. */
	read(bytes: Uint8Array, position: number): Promise<number>;
}

/** The one folder that files come into and go out of, by paths relative to it. Throws a sentence where a path leads out. */
export interface MediaWorkspace {
	/** Its real, absolute path. */
	readonly root: string;
	open(
		path: string,
	): Promise<OpenFile | (AsyncDisposable & { kind: "directory" })>;
	/** Replaces a file by what comes, or leaves all as it is and throws what the content threw. Resolves to its size. */
	write(
		path: string,
		content: string | Uint8Array | AsyncIterable<Uint8Array>,
		mode: "write",
	): Promise<number>;
}

/** A file's bytes. Throws where there is no such file, and where it is larger. */
export async function readWhole(
	workspace: MediaWorkspace,
	path: string,
	maxBytes: number,
): Promise<Uint8Array> {
	await using file = await workspace.open(path);
	if (file.kind === "directory") throw new Error("it is a directory");
	if (file.size > maxBytes) throw new Error("it has grown too large");
	const bytes = new Uint8Array(file.size);
	return bytes.subarray(0, await file.read(bytes, 0));
}
