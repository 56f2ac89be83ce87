import { afterEach, beforeEach, expect, test } from "bun:test";
import { createServer } from "node:net";
import { Secret } from "../../../src/core/secret.ts";
import type { GraphClient } from "../../../src/dialogs/whatsapp/client.ts";
import {
	type FakeWhatsApp,
	startFakeWhatsApp,
} from "../../support/fake_whatsapp.ts";
import {
	ANNA,
	clientOf,
	failureOf,
	NEVER,
	outbound,
	readAll,
	short,
} from "./graph.ts";

let whatsapp: FakeWhatsApp;
let client: GraphClient;

beforeEach(async () => {
	whatsapp = await startFakeWhatsApp();
	client = clientOf(whatsapp);
});

afterEach(async () => {
	expect(whatsapp.violations).toEqual([]);
	await whatsapp.stop();
});

const hello = { to: ANNA, type: "text", text: { body: "hello" } };

const say = (signal?: AbortSignal) => client.send(hello, { signal });

const fetchFile = (id: string, signal = NEVER) =>
	readAll(client.download(id, signal));

/** A host that does with each connection what it is told. */
async function host(onData: Parameters<typeof createServer>[1]) {
	const server = createServer((socket) => {
		socket.on("error", () => {});
		onData?.(socket);
	});
	await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
	const { port } = server.address() as { port: number };
	return { port, [Symbol.dispose]: () => void server.close() };
}

test("a message is sent as WhatsApp wants it, and gives what WhatsApp calls it", async () => {
	const id = await say();
	expect(whatsapp.visible(ANNA)).toEqual([{ id, type: "text", text: "hello" }]);
	expect(whatsapp.calls.map(({ path, body }) => ({ path, body }))).toEqual([
		{
			path: `/v24.0/${whatsapp.phoneNumberId}/messages`,
			body: {
				messaging_product: "whatsapp",
				recipient_type: "individual",
				...hello,
			},
		},
	]);
});

test("an address keeps its own version and path, and gets a version where it has none", async () => {
	for (const end of ["", "/", "/v25.0", "/v25.0/", "/through/v9.1", "/x"]) {
		const other = clientOf(whatsapp, { apiRoot: `${whatsapp.url}${end}` });
		await other.probe().catch(() => {});
	}
	const id = whatsapp.phoneNumberId;
	expect(whatsapp.calls.map(({ path }) => path)).toEqual([
		`/v24.0/${id}?fields=id`,
		`/v24.0/${id}?fields=id`,
		`/v25.0/${id}?fields=id`,
		`/v25.0/${id}?fields=id`,
	]);
	// The fake knows no other paths.
	expect(whatsapp.violations.splice(0)).toEqual([
		`Unsupported request: GET /through/v9.1/${id}?fields=id`,
		`Unsupported request: GET /x/v24.0/${id}?fields=id`,
	]);
});

test("the token is asked for at every call, so that another one counts at once", async () => {
	let token = "EAAAnotherOne0123";
	client = clientOf(whatsapp, { token: () => new Secret(token) });
	expect(short(await failureOf(say(), token))).toEqual({
		code: "peer_rejected",
		message:
			"WhatsApp does not accept the access token. WhatsApp said 190: Access token has expired: Error validating access token",
		status: 401,
	});
	token = whatsapp.token;
	await say();
	expect(whatsapp.visible(ANNA)).toHaveLength(1);
});

test("a token that no header takes is refused without a call", async () => {
	const token = "EAA\nof two lines";
	client = clientOf(whatsapp, { token: () => new Secret(token) });
	expect(short(await failureOf(say(), token))).toEqual({
		code: "peer_rejected",
		message:
			"The access token has characters that no token has: copy it once more, as one line",
		status: 401,
	});
	expect(whatsapp.calls).toEqual([]);
});

test("what Graph says is told without the token, should it stand in it", async () => {
	whatsapp.fail({
		method: "messages",
		status: 401,
		body: {
			error: {
				message: `Malformed access token ${whatsapp.token}`,
				code: 190,
				error_data: { details: whatsapp.token },
			},
		},
	});
	const { message } = await failureOf(say());
	expect(message).toBe(
		"WhatsApp does not accept the access token. WhatsApp said 190: Malformed access token ***: ***",
	);
});

test("a message is marked as read, with and without the sign that an answer is being made", async () => {
	const id = whatsapp.say(ANNA, "hello");
	await client.markRead(id, false);
	await client.markRead(id, true);
	expect(whatsapp.moments(ANNA).map(({ kind }) => kind)).toEqual([
		"heard",
		"read",
		"read",
		"typing",
	]);
});

test("a file is uploaded piece by piece, its length told before it is read", async () => {
	const size = 16 * 1024 * 1024;
	let most = 0;
	let given = 0;
	const base = outbound("film.mp4", "video/mp4", size);
	const id = await clientOf(whatsapp, {
		fetch(url, init) {
			const { headers, body } = init;
			const length = Number(new Headers(headers).get("content-length"));
			expect(length).toBeGreaterThan(size);
			let taken = 0;
			const counting = (body as ReadableStream<Uint8Array>).pipeThrough(
				new TransformStream({
					transform(piece: Uint8Array, controller) {
						taken += piece.length;
						most = Math.max(most, given - taken);
						controller.enqueue(piece);
					},
					flush: () => expect(taken).toBe(length),
				}),
			);
			return fetch(url, { ...init, body: counting });
		},
	}).upload({
		...base,
		async *read() {
			for await (const piece of base.read()) {
				given += piece.length;
				yield piece;
			}
		},
	});
	expect(whatsapp.file(id)).toMatchObject({
		name: "film.mp4",
		mimeType: "video/mp4",
		bytes: { length: size },
	});
	expect(most).toBeLessThan(256 * 1024);
});

test("a file's name ends neither its line nor its quotes, and may be of any language", async () => {
	const names = {
		'a"b.txt': "a%22b.txt",
		'x"\r\ncontent-type: text/html\r\n\r\n':
			"x%22%0D%0Acontent-type: text/html%0D%0A%0D%0A",
		"größe 猫.txt": "größe 猫.txt",
		"nul\0.txt": "nul_.txt",
	};
	for (const [name, told] of Object.entries(names)) {
		const posted = Promise.withResolvers<string>();
		await clientOf(whatsapp, {
			async fetch(_url, { body }) {
				posted.resolve(await new Response(body).text());
				return Response.json({ id: "1" });
			},
		}).upload(outbound(name, "text/plain\r\nx: y"));
		const head = (await posted.promise).split("\r\n\r\n").at(-2);
		expect(head?.split("\r\n").slice(-2)).toEqual([
			`content-disposition: form-data; name="file"; filename="${told}"`,
			"content-type: application/octet-stream",
		]);
	}
});

test("a file that cannot be read fails as what it is, and nothing is there", async () => {
	const upload = client.upload({
		...outbound("a.txt", "text/plain", 1_000),
		async *read() {
			yield new Uint8Array(10);
			throw new Error("the disk is gone");
		},
	});
	await expect(upload).rejects.toThrow("the disk is gone");
	expect(whatsapp.calls).toEqual([]);
});

test("a file comes in two steps, with the token", async () => {
	const bytes = crypto.getRandomValues(new Uint8Array(600_000));
	const id = whatsapp.addFile(bytes, "image/jpeg").id;
	expect(await fetchFile(id)).toEqual(Buffer.from(bytes));
	expect(whatsapp.calls.map(({ method }) => method)).toEqual([
		"describe",
		"download",
	]);
});

test("an address that has expired is asked for once more, and a file that is gone is named so", async () => {
	const id = whatsapp.addFile(new Uint8Array(9), "image/jpeg").id;
	for (const status of [401, 404, 410]) {
		whatsapp.fail({ method: "download", status, body: "" });
		expect(await fetchFile(id)).toHaveLength(9);
	}
	const gone = {
		code: "peer_rejected",
		message: "WhatsApp does not have it any more",
		status: 404,
	};
	whatsapp.fail({ method: "download", status: 404, body: "", times: 2 });
	expect(short(await failureOf(fetchFile(id)))).toEqual(gone as never);
	whatsapp.calls.length = 0;
	expect(short(await failureOf(fetchFile("12")))).toEqual(gone as never);
	expect(whatsapp.calls.map(({ method }) => method)).toEqual(["describe"]);
	whatsapp.fail({
		method: "describe",
		body: { error: { message: "no", code: 100, error_subcode: 33 } },
	});
	expect(short(await failureOf(fetchFile(id)))).toEqual(gone as never);
	const body = { error: { message: "no", code: 999 } };
	whatsapp.fail({ method: "describe", status: 404, body });
	expect(short(await failureOf(fetchFile(id)))).toEqual(gone as never);
});

test("a file's id leads nowhere else", async () => {
	for (const id of ["", "..", "../x", "1/2", "1?a", "１２", "1".repeat(129)]) {
		const failure = await failureOf(fetchFile(id));
		expect(short(failure)).toMatchObject({ code: "peer_rejected" });
	}
	expect(whatsapp.calls).toEqual([]);
});

test("a file's address is followed where it is as safe as Graph's own, and nowhere on from there", async () => {
	const add = (url?: string) =>
		whatsapp.addFile(new Uint8Array(9), "image/jpeg", url).id;
	for (const url of [
		"ftp://127.0.0.1/x",
		"file:///etc/passwd",
		"/x",
		"",
		"https://name:word@127.0.0.1/x",
	]) {
		const failure = await failureOf(fetchFile(add(url)));
		expect(failure.message).toContain("not followed");
	}
	const secure = clientOf(whatsapp, {
		apiRoot: "https://graph.example",
		fetch: async () => Response.json({ url: `${whatsapp.url}/x` }),
	});
	const insecure = await failureOf(readAll(secure.download("1", NEVER)));
	expect(insecure.message).toContain("not followed");
	whatsapp.calls.length = 0;
	whatsapp.fail({ method: "download", location: `${whatsapp.url}/else` });
	expect(short(await failureOf(fetchFile(add())))).toEqual({
		code: "peer_rejected",
		message: "WhatsApp sends on to another place for a file: it is not fetched",
		status: 302,
	});
	expect(whatsapp.calls).toHaveLength(2);
});

test("a file whose connection breaks fails, and an abort ends it with its reason", async () => {
	using half = await host((socket) => {
		socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
		socket.once("data", () => setTimeout(() => socket.end(), 20));
	});
	const url = `http://127.0.0.1:${half.port}/f`;
	const id = whatsapp.addFile(new Uint8Array(9), "image/jpeg", url).id;
	expect(await failureOf(fetchFile(id))).toMatchObject({
		code: "peer_unavailable",
		status: undefined,
	});
	whatsapp.fail({ method: "download", mode: "html502" });
	const whole = whatsapp.addFile(new Uint8Array(9), "image/jpeg").id;
	expect(short(await failureOf(fetchFile(whole)))).toEqual({
		code: "peer_unavailable",
		message:
			"WhatsApp cannot be reached: what answered with 502 is not its Graph API",
		status: 502,
	});
	whatsapp.fail({ method: "download", mode: "hang" });
	const stop = new AbortController();
	const reason = new Error("enough");
	const reading = fetchFile(whole, stop.signal);
	await whatsapp.until(() => whatsapp.calls.at(-1)?.method === "download");
	stop.abort(reason);
	expect(await reading.catch((error: unknown) => error)).toBe(reason);
});

test("where no connection comes about, nothing was done", async () => {
	await whatsapp.refuse();
	const refused = {
		code: "peer_unavailable",
		message: "WhatsApp cannot be reached: connection refused",
	};
	for (const call of [say(), client.probe(), fetchFile("12")])
		expect(short(await failureOf(call))).toEqual(refused as never);
	client = clientOf(whatsapp, {
		// As Bun has it where a name cannot be resolved.
		fetch: async (path) => {
			const error = new TypeError("getaddrinfo ENOTFOUND graph.facebook.com");
			throw Object.assign(error, { code: "ENOTFOUND", path });
		},
	});
	expect(short(await failureOf(say()))).toEqual({
		code: "peer_unavailable",
		message: "WhatsApp cannot be reached: its name cannot be resolved",
	});
});

test("where a message got no answer, nobody knows whether it was sent, and it was sent once", async () => {
	const broke = {
		code: "peer_silent",
		message: "WhatsApp did not answer: the connection broke",
	};
	whatsapp.fail({ method: "messages", mode: "reset" });
	expect(short(await failureOf(say()))).toEqual(broke as never);
	whatsapp.fail({ method: "messages", mode: "reset_after" });
	expect(short(await failureOf(say()))).toEqual(broke as never);
	expect(whatsapp.visible(ANNA)).toHaveLength(1);
	whatsapp.fail({ method: "messages", mode: "html502" });
	expect(short(await failureOf(say()))).toEqual({
		code: "peer_silent",
		message: "WhatsApp did not answer: a gateway said 502",
		status: 502,
	});
	expect(whatsapp.calls).toHaveLength(3);
});

test("where anything else got no answer, nothing was done that anybody sees", async () => {
	const id = whatsapp.say(ANNA, "hello");
	const calls = {
		read: () => client.markRead(id, true),
		media: () => client.upload(outbound("a.txt", "text/plain")),
		describe: () => fetchFile("12"),
		probe: () => client.probe(),
	} as const;
	for (const method of Object.keys(calls) as (keyof typeof calls)[])
		for (const mode of ["reset", "html502"] as const) {
			whatsapp.fail({ method, mode });
			const failure = await failureOf(calls[method]());
			expect({ method, mode, code: failure.code }).toEqual({
				method,
				mode,
				code: "peer_unavailable",
			});
		}
});

test("a redirect is not followed: the token would go along", async () => {
	whatsapp.fail({ method: "messages", location: `${whatsapp.url}/else` });
	expect(short(await failureOf(say()))).toEqual({
		code: "peer_unavailable",
		message:
			"WhatsApp cannot be reached: what answered with 302 is not its Graph API",
		status: 302,
	});
	expect(whatsapp.calls).toHaveLength(1);
});

test("what is not Graph is not taken for it, whatever it answers", async () => {
	const page = "<html>Please log in</html>";
	for (const [status, body] of [
		[200, page],
		[200, { messages: [] }],
		[200, { messages: [{ id: "" }] }],
		[401, page],
		[403, { message: "blocked" }],
	] as const) {
		whatsapp.fail({ method: "messages", status, body });
		const { code } = await failureOf(say());
		expect({ status, body, code }).toEqual({
			status,
			body,
			code: "peer_unavailable",
		} as never);
	}
	whatsapp.fail({ method: "messages", status: 429, body: page, retryAfter: 9 });
	expect(short(await failureOf(say()))).toEqual({
		code: "peer_unavailable",
		message: "WhatsApp wants fewer calls for a while. WhatsApp said 429",
		status: 429,
		retryAfterMs: 9_000,
	});
	whatsapp.fail({ method: "media", status: 413, body: page });
	const upload = client.upload(outbound("a.txt", "text/plain"));
	expect(short(await failureOf(upload))).toEqual({
		code: "peer_rejected",
		message: "WhatsApp said 413: the file is too large",
		status: 413,
	});
});

test("connections that went half open harm no later call", async () => {
	for (let n = 0; n < 3; n++) await say();
	whatsapp.freeze();
	expect(await say(AbortSignal.timeout(5_000))).toStartWith("wamid.");
});

test("an abort ends a call at once with its reason, also before it begins", async () => {
	whatsapp.fail({ method: "messages", mode: "hang" });
	const stop = new AbortController();
	const reason = new Error("enough");
	const call = say(stop.signal);
	await whatsapp.until(() => whatsapp.calls.length === 1);
	stop.abort(reason);
	expect(await call.catch((error: unknown) => error)).toBe(reason);
	const again = say(stop.signal);
	expect(await again.catch((error: unknown) => error)).toBe(reason);
	expect(whatsapp.calls).toHaveLength(1);
});

test("an abort of an upload lets go of its file", async () => {
	const stop = new AbortController();
	const reason = new Error("enough");
	const closed = Promise.withResolvers<void>();
	const reached = Promise.withResolvers<void>();
	const base = outbound("film.mp4", "video/mp4", 16 * 1024 * 1024);
	const upload = client.upload(
		{
			...base,
			async *read() {
				try {
					for await (const piece of base.read()) {
						yield piece;
						reached.resolve();
					}
				} finally {
					closed.resolve();
				}
			},
		},
		stop.signal,
	);
	await reached.promise;
	stop.abort(reason);
	expect(await upload.catch((error: unknown) => error)).toBe(reason);
	await closed.promise;
});

test("the probe proves the token and the id", async () => {
	await client.probe();
	whatsapp.fail({
		method: "probe",
		body: {
			error: {
				message:
					"Unsupported get request. Object with ID '454545' does not exist",
				code: 100,
				error_subcode: 33,
			},
		},
	});
	expect(short(await failureOf(client.probe()))).toEqual({
		code: "peer_rejected",
		message:
			"WhatsApp does not know this phone_number_id, or the access token may not use it. WhatsApp said 100: Unsupported get request. Object with ID '454545' does not exist",
		status: 401,
	});
});
