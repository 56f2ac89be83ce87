// A file of the workspace on its way out: read at the moment it is sent, through the workspace's guard.

import { basename } from "node:path";
import type { OutboundFile } from "../core/delivery.ts";
import { AeonError, describeError } from "../core/errors.ts";
import type { Attachment } from "../core/message.ts";
import type { MediaWorkspace, OpenFile } from "./workspace.ts";

const PIECE_BYTES = 64 * 1024;

/** The file that an attachment names. Throws `peer_rejected` where it is gone, or lies outside the workspace by now. */
export async function openOutboundFile(
	workspace: MediaWorkspace,
	{ path, mimeType }: Attachment,
): Promise<OutboundFile> {
	const name = basename(path);
	const open = async (): Promise<OpenFile> => {
		const inside = `${workspace.root}/`;
		if (!path.startsWith(inside))
			throw rejected(name, "it is not in the workspace");
		try {
			const file = await workspace.open(path.slice(inside.length));
			if (file.kind === "file") return file;
			await file[Symbol.asyncDispose]();
		} catch (error) {
			throw rejected(name, describeError(error), error);
		}
		throw rejected(name, "it is a directory");
	};
	await using found = await open();
	const { size } = found;
	return {
		name,
		mimeType,
		size,
		async *read() {
			await using file = await open();
			const changed = rejected(name, "it was changed meanwhile");
			if (file.size !== size) throw changed;
			for (let at = 0; at < size; ) {
				const piece = new Uint8Array(Math.min(PIECE_BYTES, size - at));
				if ((await file.read(piece, at)) < piece.length) throw changed;
				yield piece;
				at += piece.length;
			}
		},
	};
}

function rejected(name: string, reason: string, cause?: unknown): AeonError {
	return new AeonError(
		"peer_rejected",
		`The file ${JSON.stringify(name)} was not sent: ${reason}`,
		{ cause },
	);
}
