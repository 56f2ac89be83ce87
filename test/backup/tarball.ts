// Backups as nobody should make them: any files, any manifest.

import { writeFileSync } from "node:fs";
import { packTar, type TarHeader } from "modern-tar";

/** A file of a tar; its header may say anything. */
export interface Packed {
	name: string;
	text?: string;
	header?: Partial<TarHeader>;
}

/** What a manifest says of a file that is packed. */
export function listed(name: string, text: string, kind: string) {
	const sha256 = new Bun.CryptoHasher("sha256").update(text).digest("hex");
	return { name, kind, size: Buffer.byteLength(text), sha256 };
}

/** A manifest of this Aeon. */
export function manifestOf(files: object[], change: object = {}): Packed {
	const manifest = {
		format: 1,
		aeon: "0.1.0",
		made_at: "2026-11-23T04:15:00.000Z",
		driver: "sqlite",
		files,
		...change,
	};
	return { name: "manifest.json", text: JSON.stringify(manifest) };
}

/** Writes a compressed tar of these files. */
export async function pack(path: string, files: Packed[]): Promise<void> {
	const tar = await packTar(
		files.map(({ name, text = "", header }) => ({
			header: { name, size: Buffer.byteLength(text), ...header },
			body: text,
		})),
	);
	writeFileSync(path, Bun.gzipSync(tar));
}
