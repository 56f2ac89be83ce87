import { describe, expect, test } from "bun:test";
import { readEvents, type ServerEvent } from "../../src/llm/sse.ts";
import { failure } from "./asking.ts";

async function* cut(bytes: Uint8Array, ...cuts: number[]) {
	let from = 0;
	for (const to of [...cuts, bytes.length]) {
		yield bytes.subarray(from, to);
		from = to;
	}
}

async function read(chunks: AsyncIterable<Uint8Array>): Promise<ServerEvent[]> {
	return Array.fromAsync(readEvents(chunks, "api.test"));
}

const encode = (text: string) => new TextEncoder().encode(text);

const STREAM =
	': hello\n\nevent: greeting\ndata: {"text":"żółw 🐢"}\n\n\ndata: two\ndata: lines\nid: 7\nunknown: x\n\n: ping\ndata:\n\ndata: last\n\n';
const EVENTS = [
	{ event: "greeting", data: '{"text":"żółw 🐢"}' },
	{ event: undefined, data: "two\nlines" },
	{ event: undefined, data: "" },
	{ event: undefined, data: "last" },
];

describe("events are read", () => {
	for (const [ending, name] of [
		["\n", "LF"],
		["\r\n", "CRLF"],
		["\r", "CR"],
	] as const) {
		for (const bom of ["", "\uFEFF"]) {
			const bytes = encode(bom + STREAM.replaceAll("\n", ending));
			const title = `with ${name} at the ends of lines${bom && " and a BOM"}`;

			test(`${title}, cut at every byte`, async () => {
				for (let at = 1; at < bytes.length; at++) {
					expect(await read(cut(bytes, at))).toEqual(EVENTS);
				}
				const everywhere = Array.from(bytes.keys());
				expect(await read(cut(bytes, ...everywhere))).toEqual(EVENTS);
			});

			test(`${title}, without the last blank line`, async () => {
				for (const missing of [1, 2]) {
					const short = bytes.subarray(0, bytes.length - missing);
					expect(await read(cut(short))).toEqual(EVENTS);
				}
			});
		}
	}
});

test("a JSON document where a stream was asked for is one event", async () => {
	const document = '\n {"error": {"message": "no żółw"}}';
	const bytes = encode(document);
	for (let at = 1; at < bytes.length; at++) {
		const [event, ...others] = await read(cut(bytes, at));
		expect(JSON.parse(event?.data ?? "")).toEqual(JSON.parse(document));
		expect(others).toEqual([]);
	}
});

test("an empty body has no events", async () => {
	expect(await read(cut(encode("")))).toEqual([]);
});

test("an event or a document of more than 4 MiB ends the stream", async () => {
	async function* endless(beginning: string) {
		yield encode(beginning);
		for (;;) yield encode("x".repeat(1024 * 1024));
	}
	for (const beginning of ["data: ", '{"text": "', "data: x\ndata: "]) {
		expect(await failure(read(endless(beginning)))).toEqual({
			code: "llm_unavailable",
			message: "api.test sent too large an event",
		});
	}
});

test("leaving the events closes their source", async () => {
	let closed = false;
	async function* source() {
		try {
			for (;;) yield encode("data: x\n\n");
		} finally {
			closed = true;
		}
	}
	for await (const _ of readEvents(source(), "api.test")) break;
	expect(closed).toBe(true);
});
