// A file as a form has it, byte by byte (RFC 7578): its length is known before it is read, and it never lies in memory.

import type { OutboundFile } from "../../core/delivery.ts";

/** A form on its way. */
export interface Form {
	headers: Record<string, string>;
	body: ReadableStream<Uint8Array>;
}

const MIME_TYPE = /^[\w.+-]+\/[\w.+-]+(; *[\w.+-]+=[\w.+-]+)*$/;

/** The fields, and then the file as `file`. */
export function formWith(
	fields: Record<string, string>,
	file: OutboundFile,
): Form {
	const boundary = `aeon-${crypto.randomUUID()}`;
	const encoder = new TextEncoder();
	const type = mimeTypeOf(file);
	const before = [
		...Object.entries(fields).map(
			([name, value]) =>
				`--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
		),
		`--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="${escapeName(file.name)}"\r\ncontent-type: ${type}\r\n\r\n`,
	].join("");
	const head = encoder.encode(before);
	const tail = encoder.encode(`\r\n--${boundary}--\r\n`);
	async function* bytes() {
		yield head;
		yield* file.read();
		yield tail;
	}
	return {
		headers: {
			"content-type": `multipart/form-data; boundary=${boundary}`,
			"content-length": String(head.length + file.size + tail.length),
		},
		body: streamOf(bytes()),
	};
}

/** What a file is said to be, where that can stand in a header. */
export function mimeTypeOf({ mimeType }: OutboundFile): string {
	return MIME_TYPE.test(mimeType) ? mimeType : "application/octet-stream";
}

/** As browsers write it (https://html.spec.whatwg.org/#multipart-form-data): nothing in a name ends its line or its quotes. */
function escapeName(name: string): string {
	return name
		.toWellFormed()
		.replaceAll('"', "%22")
		.replaceAll("\r", "%0D")
		.replaceAll("\n", "%0A")
		.replace(/\p{Cc}/gu, "_");
}

/** Read only as fast as it is taken. */
function streamOf(
	pieces: AsyncGenerator<Uint8Array>,
): ReadableStream<Uint8Array> {
	return new ReadableStream<Uint8Array>(
		{
			async pull(controller) {
				const { done, value } = await pieces.next();
				if (done) controller.close();
				else controller.enqueue(value);
			},
			async cancel() {
				await pieces.return(undefined);
			},
		},
		{ highWaterMark: 0 },
	);
}
