/** What goes into an archive. */
export interface Entry {
	name: string;
	/** As stat(2) has it: the kind and the rights. */
	mode: number;
	bytes?: Uint8Array;
}

/** An archive as Linux unpacks it into its first file system: cpio, "newc" (the kernel's Documentation, buffer-format.rst). */
export function archive(entries: Entry[]): Uint8Array {
	const parts: Uint8Array[] = [];
	const add = (part: Uint8Array) =>
		parts.push(part, new Uint8Array(-part.length & 3));
	const all = [...entries, { name: "TRAILER!!!", mode: 0 } as Entry];
	for (const [at, { name, mode, bytes = new Uint8Array() }] of all.entries()) {
		// Inode, mode, user, group, links, time, size, two devices of two numbers, the name's length, no checksum.
		const fields = [at + 1, mode, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0];
		const numbers = [...fields, name.length + 1, 0].map((field) =>
			field.toString(16).padStart(8, "0"),
		);
		add(Buffer.from(`070701${numbers.join("")}${name}\0`));
		add(bytes);
	}
	return Buffer.concat(parts);
}
