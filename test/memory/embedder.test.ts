import { expect, test } from "bun:test";
import { steadyClock } from "../../src/core/clock.ts";
import { Secret } from "../../src/core/secret.ts";
import { openEmbedder } from "../../src/memory/embedder.ts";
import { fakeClock } from "../support/fake_clock.ts";
import {
	type FakeAnswer,
	meaningOf,
	startFakeEmbeddings,
} from "../support/fake_embeddings.ts";
import { endpoint, STAYS, until } from "./rig.ts";

const KEY = "sk-canary-0123456789abcdef";
const PATIENT = 10_000;

const open = (options: Parameters<typeof openEmbedder>[0]) =>
	openEmbedder(options, steadyClock);

const direction = (numbers: ArrayLike<number>) => {
	const length = Math.hypot(...Array.from(numbers));
	return Array.from(numbers, (number) => number / length);
};

/** Answers with these vectors, whatever was asked. */
const vectors = (...all: unknown[]): FakeAnswer => ({
	body: JSON.stringify({
		data: all.map((embedding, index) => ({ index, embedding })),
	}),
});

test("texts become vectors of length 1, in their order, whatever order they come in", async () => {
	await using far = await startFakeEmbeddings({ key: KEY });
	const embedder = open(endpoint(far.url, { api_key: new Secret(KEY) }));
	const texts = ["a red car", "green tea", "ein Hund"];
	const found = await embedder.embed(texts, PATIENT, STAYS);
	for (const [at, text] of texts.entries()) {
		const wanted = direction(meaningOf(text));
		for (const [place, number] of Array.from(found[at] ?? []).entries())
			expect(number).toBeCloseTo(wanted[place] ?? 9, 5);
	}
	expect(found.map(({ length }) => length)).toEqual([384, 384, 384]);
	expect(far.requests).toEqual([
		{
			authorization: `Bearer ${KEY}`,
			model: "small",
			dimensions: null,
			input: texts,
		},
	]);
	expect(far.breaches).toEqual([]);
});

test("a host alone means its /v1; the number of dimensions is sent only where it is to be", async () => {
	await using far = await startFakeEmbeddings({ dimensions: 12 });
	const host = far.url.replace("/v1", "");
	const places = [
		host,
		`${host}/`,
		far.url,
		`${far.url}/`,
		`${far.url}/embeddings`,
	];
	for (const base of places)
		await open(endpoint(base, { dimensions: 12 })).embed(["a"], PATIENT, STAYS);
	const asking = endpoint(host, { dimensions: 5, send_dimensions: true });
	const [vector] = await open(asking).embed(["a"], PATIENT, STAYS);
	expect(vector).toHaveLength(5);
	expect(far.requests.map(({ dimensions }) => dimensions)).toEqual([
		...places.map(() => null),
		5,
	]);
	expect(far.breaches).toEqual([]);
	const names = places.map((base) => open(endpoint(base)).name);
	expect([...new Set(names)]).toEqual([`${far.url}/embeddings|small|`]);
	expect(open(endpoint("https://me:pw@x.test/v1?key=k")).name).toBe(
		"https://x.test/v1/embeddings|small|",
	);
});

test("a refusal is a sentence with status and reason, which never shows the key", async () => {
	const failures: [FakeAnswer, code: string, sentence: string][] = [
		[
			{ status: 401, body: `{"error":{"message":"Wrong key: ${KEY}"}}` },
			"peer_rejected",
			"HOST said 401: Wrong key: ***",
		],
		[{ status: 403 }, "peer_rejected", "HOST said 403"],
		[
			{ status: 404, body: '{"error":"model not found"}' },
			"peer_rejected",
			"HOST said 404: model not found",
		],
		[
			{ status: 429, body: '{"detail":"slow\\ndown"}' },
			"peer_unavailable",
			"HOST said 429: slow down",
		],
		[
			{ status: 502, body: "<html>Bad gateway</html>" },
			"peer_unavailable",
			"HOST said 502",
		],
		[
			{ status: 500, body: "x".repeat(5_000) },
			"peer_unavailable",
			`HOST said 500: ${"x".repeat(300)}`,
		],
		[
			{ status: 307, headers: { location: "http://127.0.0.1:1/steal" } },
			"peer_rejected",
			"HOST said 307",
		],
	];
	await using far = await startFakeEmbeddings({
		script: (_, n) => failures[n]?.[0],
	});
	const options = endpoint(far.url, { api_key: new Secret(KEY) });
	for (const [, code, sentence] of failures) {
		const embedder = open(options);
		const failed = await embedder
			.embed(["a"], PATIENT, STAYS)
			.catch((error) => error);
		const message = sentence.replace("HOST", new URL(far.url).host);
		expect({ code: failed.code, message: failed.message }).toEqual({
			code,
			message,
		});
		expect(embedder.problem).toBe(message);
		expect(Bun.inspect(failed)).not.toContain(KEY);
	}
});

test("what is no vector for each text is refused with a sentence", async () => {
	const no = "something that is no list of vectors";
	const wrong: [FakeAnswer, string][] = [
		[{ body: "it says hello" }, no],
		[{ body: "[]" }, no],
		[{ body: '{"data":{}}' }, no],
		[vectors("AACAPwAAAEA=", "AACAPwAAAEA="), no],
		[vectors([], []), no],
		[vectors([1, 2]), "1 vectors for 2 texts"],
		[vectors([1, 2], [1, 2], [1, 2]), "3 vectors for 2 texts"],
		[vectors([1, 2], [0, 0]), "a vector without a direction"],
		[vectors([1, 2], [null, 1]), "a vector without a direction"],
		[vectors([1, 2], ["1", 1]), "a vector without a direction"],
		[
			{ body: '{"data":[{"embedding":[1e999,1]},{"embedding":[1,1]}]}' },
			"a vector without a direction",
		],
		[vectors([1, 2], [1, 2, 3]), "a vector of 3 numbers where 2 are expected"],
		[
			{
				body: '{"data":[{"index":0,"embedding":[1]},{"index":4e9,"embedding":[1]}]}',
			},
			no,
		],
		[
			{
				body: '{"data":[{"index":1,"embedding":[1]},{"index":1,"embedding":[1]}]}',
			},
			no,
		],
	];
	await using far = await startFakeEmbeddings({
		script: (_, n) => wrong[n]?.[0],
	});
	const { host } = new URL(far.url);
	for (const [, what] of wrong)
		await expect(
			open(endpoint(far.url)).embed(["a", "b"], PATIENT, STAYS),
		).rejects.toMatchObject({
			code: "peer_rejected",
			message: `${host} answered with ${what}`,
			status: undefined,
		});
});

test("vectors are as long as the settings, or what is known already, or the first answer say", async () => {
	await using far = await startFakeEmbeddings({
		script: (_, n) => vectors(n === 0 ? [1, 2, 3] : [1, 2]),
	});
	const refused = (wanted: number, is: number) => ({
		code: "peer_rejected",
		message: `${new URL(far.url).host} answered with a vector of ${is} numbers where ${wanted} are expected`,
	});
	const ask = (embedder: ReturnType<typeof open>) =>
		embedder.embed(["a"], PATIENT, STAYS);
	const first = open(endpoint(far.url));
	expect((await ask(first))[0]).toHaveLength(3);
	await expect(ask(first)).rejects.toMatchObject(refused(3, 2));
	const told = open(endpoint(far.url));
	told.expect(4);
	await expect(ask(told)).rejects.toMatchObject(refused(4, 2));
	const set = open(endpoint(far.url, { dimensions: 5 }));
	set.expect(2);
	await expect(ask(set)).rejects.toMatchObject(refused(5, 2));
});

test("one that cannot be reached, breaks off, says too much or does not answer in time is told apart", async () => {
	await using far = await startFakeEmbeddings({
		script: (_, n) =>
			n === 2
				? { body: " ".repeat(13_000_000) }
				: { instead: n === 0 ? "hang" : "reset" },
	});
	const { host } = new URL(far.url);
	const embedder = open(endpoint(far.url));
	await expect(embedder.embed(["a"], 50, STAYS)).rejects.toMatchObject({
		code: "peer_silent",
		message: `${host} did not answer within 0.05 s`,
	});
	await expect(embedder.embed(["a"], PATIENT, STAYS)).rejects.toMatchObject({
		code: "peer_unavailable",
		message: `${host} cannot be reached: the connection broke`,
	});
	await expect(embedder.embed(["a"], PATIENT, STAYS)).rejects.toMatchObject({
		code: "peer_rejected",
		message: `${host} answered with more than any vectors need`,
	});
	const nowhere = open(endpoint("http://127.0.0.1:1"));
	await expect(nowhere.embed(["a"], PATIENT, STAYS)).rejects.toMatchObject({
		code: "peer_unavailable",
		message: "127.0.0.1:1 cannot be reached: connection refused",
	});
});

test("an endpoint that asks to be left alone is asked nothing before", async () => {
	const date = new Date(Date.now() + 3_600_000).toUTCString();
	await using far = await startFakeEmbeddings({
		script: (_, n) =>
			[
				{ status: 429, headers: { "retry-after": "20" } },
				undefined,
				{ status: 503, headers: { "retry-after": date } },
			][n],
	});
	const clock = fakeClock();
	const embedder = openEmbedder(endpoint(far.url), clock);
	const ask = () =>
		embedder.embed(["a"], PATIENT, STAYS).catch((error) => error);
	expect(await ask()).toMatchObject({ status: 429, retryAfterMs: 20_000 });
	await clock.advance(19_000);
	expect(await ask()).toMatchObject({
		code: "peer_unavailable",
		status: 429,
		retryAfterMs: 1_000,
	});
	expect(far.requests).toHaveLength(1);
	await clock.advance(1_000);
	expect(await ask()).toHaveLength(1);
	expect((await ask()).retryAfterMs).toBeWithin(3_590_000, 3_600_001);
	await ask();
	expect(far.requests).toHaveLength(3);
});

test("an abort ends it with its own reason", async () => {
	await using far = await startFakeEmbeddings({
		script: () => ({ instead: "hang" }),
	});
	const controller = new AbortController();
	const reason = new Error("stopped");
	const embedder = open(endpoint(far.url));
	const work = embedder
		.embed(["a"], PATIENT, controller.signal)
		.catch((error) => error);
	await until(() => far.requests.length > 0);
	controller.abort(reason);
	expect(await work).toBe(reason);
	expect(embedder.problem).toBeUndefined();
	await until(() => far.open() === 0);
});
