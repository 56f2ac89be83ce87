// The forms that frames take on the wire: JSON or CBOR (RFC 8949), in the words of the protocol or in those of JSON-RPC 2.0.

import { isRecord, parseJson } from "../core/json.ts";

/** What a connection's frames are made of. CBOR is for devices for which JSON is too much. */
export type Encoding = "json" | "cbor";

/** How its frames speak: as the protocol does, or as JSON-RPC 2.0. */
export type Dialect = "aeon" | "jsonrpc";

/** Makes frames of values and values of frames. */
export interface Codec {
	readonly encoding: Encoding;
	encode(value: object): string | Uint8Array;
	/** Undefined where the frame is none of its kind. */
	decode(frame: string | Uint8Array): unknown;
}

/** The codec of JSON, in text frames. */
export const jsonCodec: Codec = {
	encoding: "json",
	encode: (value) => JSON.stringify(value),
	decode: (frame) => (typeof frame === "string" ? parseJson(frame) : undefined),
};

let cborCodec: Promise<Codec> | undefined;

/** The codec of CBOR, which is loaded when the first client asks for it. */
export function loadCborCodec(): Promise<Codec> {
	cborCodec ??= import("./cbor.ts").then(({ cborCodec }) => cborCodec);
	return cborCodec;
}

/** How a frame speaks; what does not say so speaks as its connection does. */
export function dialectOf(value: unknown, home: Dialect): Dialect {
	if (Array.isArray(value)) return "jsonrpc";
	return isRecord(value) && "jsonrpc" in value ? "jsonrpc" : home;
}
