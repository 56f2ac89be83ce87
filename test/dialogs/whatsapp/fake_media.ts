// The files of the fake Graph API: taken in as multipart, given out in two steps. From Meta's page "Media".

import type { Clock } from "../../../src/core/clock.ts";
import type { HttpCall } from "../../support/fake_http.ts";
import { Breach, type FakeFile, GraphRefusal } from "./fake_rules.ts";

const MB = 1024 * 1024;

/** Where the addresses of files lead. */
export const MEDIA_PATH = "/whatsapp_business/attachments/";

/** An address of a file is good for five minutes. */
const ADDRESS_MS = 5 * 60 * 1000;

/** By type the most bytes ("Supported media types"). Nothing else is taken. */
const LIMITS: [types: RegExp, bytes: number][] = [
	[/^audio\/(aac|mp4|mpeg|amr|ogg|opus)$/, 16 * MB],
	[/^image\/webp$/, 500 * 1024],
	[/^image\/(jpeg|png)$/, 5 * MB],
	[/^video\/(mp4|3gpp)$/, 16 * MB],
	[/^text\/plain$/, 100 * MB],
	[
		/^application\/(pdf|msword|vnd\.ms-(excel|powerpoint)|vnd\.openxmlformats-officedocument\.(wordprocessingml\.document|presentationml\.presentation|spreadsheetml\.sheet))$/,
		100 * MB,
	],
];

/** The files that lie with Meta. */
export class FakeMedia {
	readonly #clock: Clock;
	readonly #files = new Map<string, FakeFile & { url?: string }>();
	readonly #addresses = new Map<string, { id: string; at: number }>();
	#lastId = 1_000_000;

	constructor(clock: Clock) {
		this.#clock = clock;
	}

	/** Puts a file there, as what a person sends is; `url` is the address that is given out for it. */
	add(file: Omit<FakeFile, "id">, url?: string): string {
		const id = String(++this.#lastId);
		this.#files.set(id, { ...file, id, ...(url !== undefined && { url }) });
		return id;
	}

	get(id: string): FakeFile | undefined {
		return this.#files.get(id);
	}

	/** Takes in what is uploaded. Throws where that breaks a rule. */
	async upload({ headers, body }: HttpCall): Promise<{ id: string }> {
		if (headers["content-length"] === undefined)
			throw new Breach(100, "an upload without its content-length");
		const form = await new Response(body, { headers })
			.formData()
			.catch((error) => {
				throw new Breach(100, `an upload that cannot be read: ${error}`);
			});
		for (const name of form.keys())
			if (!["messaging_product", "type", "file"].includes(name))
				throw new Breach(100, `Unexpected key "${name}" in the upload`);
		if (form.get("messaging_product") !== "whatsapp")
			throw new Breach(100, "messaging_product must be whatsapp");
		const file = form.get("file");
		if (!(file instanceof File)) throw new Breach(100, "file is missing");
		const partType = typeOfPart(body);
		const mimeType = typeOf(partType);
		const type = form.get("type");
		if (type !== null && typeOf(String(type)) !== mimeType)
			throw new Breach(100, `type is ${type}, of the file ${partType}`);
		if (file.name === "") throw new Breach(100, "a file without a name");
		if (file.size === 0) throw new Breach(100, "an empty file");
		const [, most] = LIMITS.find(([types]) => types.test(mimeType)) ?? [];
		if (most === undefined)
			throw new GraphRefusal(
				100,
				`Param file must be a file with one of the supported types. Received file of type '${mimeType}'.`,
			);
		if (file.size > most) throw new GraphRefusal(131053, "it is too large");
		const bytes = new Uint8Array(await file.arrayBuffer());
		return { id: this.add({ mimeType, name: file.name, bytes }) };
	}

	/** What is told of a file. Throws where there is none. */
	describe(id: string, root: string): object {
		const file = this.#files.get(id);
		if (!file) throw new GraphRefusal(100, `Object '${id}' does not exist`);
		const hash = crypto.randomUUID();
		this.#addresses.set(hash, { id, at: this.#clock.now() });
		const { mimeType, bytes } = file;
		const query = new URLSearchParams({ mid: id, hash });
		return {
			messaging_product: "whatsapp",
			url: file.url ?? `${root}${MEDIA_PATH}?${query}`,
			mime_type: mimeType,
			sha256: new Bun.CryptoHasher("sha256").update(bytes).digest("hex"),
			file_size: bytes.length,
			id,
		};
	}

	/** The file that an address leads to; undefined where it leads nowhere any more. */
	find(address: URL): FakeFile | undefined {
		const found = this.#addresses.get(address.searchParams.get("hash") ?? "");
		if (!found || this.#clock.now() - found.at > ADDRESS_MS) return undefined;
		return this.#files.get(found.id);
	}
}

/** A type without its parameters. */
function typeOf(type: string): string {
	return type.split(";")[0]?.trim().toLowerCase() ?? "";
}

/** What the part of the file is said to be: Bun's forms go by the end of its name instead. */
function typeOfPart(body: Buffer): string {
	const [head = ""] =
		/name="file"[^\r\n]*\r\n(?:[^\r\n]+\r\n)*/.exec(body.toString("latin1")) ??
		[];
	return /^content-type: *(.*)$/im.exec(head)?.[1]?.trim() ?? "";
}
