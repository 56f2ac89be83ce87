// An API for vectors on a real socket, which insists on what OpenAI's insists on. What texts mean, it knows from their words
// and from a list of those that mean the same.

import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text as bodyOf } from "node:stream/consumers";
import { asRecord, parseJson } from "../../src/core/json.ts";
import { randomFrom } from "./random.ts";

/** How one request is answered, where it is not answered well. */
export interface FakeAnswer {
	/** Another status than 200, with `body`. */
	status?: number;
	body?: string;
	headers?: Record<string, string>;
	/** No answer, or one that breaks off. */
	instead?: "hang" | "reset";
	/** It is answered once this resolves. */
	after?: Promise<unknown>;
}

/** What was asked. */
export interface EmbeddingRequest {
	authorization: string | null;
	model: string;
	dimensions: number | null;
	input: string[];
}

/** What a fake is started with. */
export interface FakeEmbeddingsOptions {
	/** The key that every request must have. */
	key?: string;
	/** How long the vectors are; 384 where left out. */
	dimensions?: number;
	/** A longer text is refused, and every other one in its request. */
	maxLength?: number;
	/** What that refusal is: 400 where left out. */
	tooLongStatus?: number;
	/** How a request is answered, counted from 0. */
	script?(request: EmbeddingRequest, n: number): FakeAnswer | undefined;
}

/** A running fake. */
export interface FakeEmbeddings extends AsyncDisposable {
	/** For `base_url`. */
	url: string;
	requests: EmbeddingRequest[];
	/** The texts that vectors were given for, in their order. */
	embedded: string[];
	/** What the others did wrong. */
	breaches: string[];
	/** Requests that are not answered yet. */
	open(): number;
	/** Nothing can be reached there any more. */
	stop(): Promise<void>;
}

/** Words that mean the same, whatever the language. */
const SYNONYMS = [
	["car", "automobile", "vehicle", "auto", "wagen", "drives"],
	["doctor", "physician", "surgeon", "arzt", "ärztin"],
	["dog", "hound", "puppy", "hund"],
	["tea", "beverage", "drinks", "tee", "茶", "喝"],
	["house", "home", "lives", "wohnt", "haus"],
];

/** What stands in every sentence means nothing. */
const EMPTY =
	/^(a|an|the|is|in|of|to|my|i|her|his|and|what|which|does|do|where|who|der|die|das|ein|eine|und|ist)$/;

/** What a text means: the sum of what its words mean, in so many numbers. */
export function meaningOf(text: string, dimensions = 384): number[] {
	const sum = Array<number>(dimensions).fill(0);
	const words = text.toLowerCase().match(/\p{scx=Han}|[\p{L}\p{N}]+/gu) ?? [];
	for (const word of words) {
		const group = SYNONYMS.find((one) => one.includes(word));
		const random = randomFrom(Bun.hash.crc32(group?.[0] ?? word));
		const weight = EMPTY.test(word) ? 0.05 : 1;
		for (let at = 0; at < dimensions; at++)
			sum[at] = (sum[at] ?? 0) + weight * (random() - 0.5);
	}
	return sum.map((number) => Math.round(number * 1e6) / 1e6 || 1e-6);
}

/** Starts a fake on a port of its own. */
export async function startFakeEmbeddings(
	options: FakeEmbeddingsOptions = {},
): Promise<FakeEmbeddings> {
	const { dimensions: own = 384, tooLongStatus = 400 } = options;
	const requests: EmbeddingRequest[] = [];
	const embedded: string[] = [];
	const breaches: string[] = [];
	let open = 0;
	const server = createServer(async (request, response) => {
		open++;
		response.once("close", () => open--);
		const body = asRecord(parseJson(await bodyOf(request))) ?? {};
		const json = { "content-type": "application/json" };
		const refuse = (status: number, message: string) =>
			response
				.writeHead(status, json)
				.end(JSON.stringify({ error: { message, type: "invalid_request" } }));
		const breach = breachOf(request, body, options);
		if (breach) {
			breaches.push(breach);
			return void refuse(
				breach.startsWith("authorization") ? 401 : 400,
				breach,
			);
		}
		const asked: EmbeddingRequest = {
			authorization: request.headers.authorization ?? null,
			model: String(body.model),
			dimensions: (body.dimensions as number | undefined) ?? null,
			input: body.input as string[],
		};
		requests.push(asked);
		const answer = options.script?.(asked, requests.length - 1) ?? {};
		if (answer.instead === "hang") return;
		await answer.after;
		if (answer.instead === "reset") {
			response.writeHead(200, { ...json, "content-length": 99 });
			return void response.write("{", () => request.socket.destroy());
		}
		const { status = 200, headers } = answer;
		if (status !== 200 || answer.body !== undefined)
			return void response
				.writeHead(status, { ...json, ...headers })
				.end(answer.body ?? "{}");
		const { maxLength = Number.POSITIVE_INFINITY } = options;
		if (asked.input.some(({ length }) => length > maxLength))
			return void refuse(tooLongStatus, "input is too large to process");
		embedded.push(...asked.input);
		const length = asked.dimensions ?? own;
		// The real one may answer in any order: the index counts.
		const data = asked.input.map((text, index) => ({
			object: "embedding",
			index,
			embedding: meaningOf(text, length),
		}));
		const { model } = asked;
		response
			.writeHead(200, json)
			.end(JSON.stringify({ object: "list", data: data.reverse(), model }));
	});
	await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
	const { port } = server.address() as AddressInfo;
	const stop = () =>
		new Promise<void>((ended) => {
			server.close(() => ended());
			server.closeAllConnections();
		});
	return {
		url: `http://127.0.0.1:${port}/v1`,
		requests,
		embedded,
		breaches,
		open: () => open,
		stop,
		[Symbol.asyncDispose]: stop,
	};
}

function breachOf(
	{ method, url, headers }: IncomingMessage,
	{
		model,
		input,
		encoding_format,
		dimensions,
		...rest
	}: Record<string, unknown>,
	{ key }: FakeEmbeddingsOptions,
): string | undefined {
	if (method !== "POST") return "method: POST";
	if (url !== "/v1/embeddings") return "no such path";
	if (key && headers.authorization !== `Bearer ${key}`)
		return "authorization: wrong key";
	if (headers["content-type"] !== "application/json") return "content-type";
	if (typeof model !== "string" || !model) return "model: required";
	if (!Array.isArray(input) || input.length === 0) return "input: required";
	if (input.length > 2048) return "input: too many";
	if (input.some((text) => typeof text !== "string" || text === ""))
		return "input: no empty strings";
	if (encoding_format !== "float") return "encoding_format: float";
	if (dimensions !== undefined && !Number.isInteger(dimensions))
		return "dimensions: a number";
	const strangers = Object.keys(rest);
	return strangers.length > 0 ? `unknown: ${strangers}` : undefined;
}
