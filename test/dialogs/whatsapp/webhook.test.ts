import { afterEach, beforeEach, expect, test } from "bun:test";
import { AeonError } from "../../../src/core/errors.ts";
import { type Logger, silent } from "../../../src/core/logger.ts";
import { Secret } from "../../../src/core/secret.ts";
import {
	createWebhook,
	type Webhook,
} from "../../../src/dialogs/whatsapp/webhook.ts";
import { type FakeClock, fakeClock } from "../../support/fake_clock.ts";
import { until } from "../../support/until.ts";

const SECRET = "1222e786b144d0e85b9f365372d93676";
const TOKEN = "a word of our own";
const MAX_BYTES = 3 * 1024 * 1024;

let clock: FakeClock;
let webhook: Webhook;
let server: ReturnType<typeof Bun.serve>;
let taken: Record<string, unknown>[];
let lines: string[];
let take: () => Promise<void>;
let token: Secret | undefined;

beforeEach(() => {
	clock = fakeClock();
	taken = [];
	lines = [];
	take = async () => {};
	token = new Secret(TOKEN);
	webhook = openWebhook();
	server = Bun.serve({
		port: 0,
		hostname: "127.0.0.1",
		fetch: (request) => webhook.handle(request),
	});
	webhook.start();
});

afterEach(async () => {
	await server.stop(true);
	for (const hidden of [SECRET, TOKEN])
		expect(lines.join("\n")).not.toContain(hidden);
});

function openWebhook(secret = SECRET): Webhook {
	const write: Logger["info"] = (event, fields = {}) =>
		void lines.push(`${event} ${Bun.inspect(fields)}`);
	return createWebhook({
		appSecret: new Secret(secret),
		verifyToken: () => token,
		clock,
		logger: { ...silent, info: write, warn: write, error: write },
		async take(posted) {
			await take();
			taken.push(posted);
		},
	});
}

/** As Meta signs. */
function sign(body: string | Uint8Array, secret = SECRET): string {
	const hasher = new Bun.CryptoHasher("sha256", secret);
	return `sha256=${hasher.update(body).digest("hex")}`;
}

const BODY = JSON.stringify({ object: "whatsapp_business_account", entry: [] });

/** Posts a body, signed unless another signature is given; null is none. */
function post(
	body: string | Uint8Array<ArrayBuffer> | ReadableStream = BODY,
	signature: string | null = body instanceof ReadableStream ? "" : sign(body),
): Promise<Response> {
	return fetch(`${server.url}webhooks/whatsapp`, {
		method: "POST",
		body,
		headers: {
			"content-type": "application/json",
			...(signature !== null && { "x-hub-signature-256": signature }),
		},
	});
}

/** Asks as Meta does when somebody enters the address there. */
function ask(query: Record<string, string>): Promise<Response> {
	return fetch(`${server.url}webhooks/whatsapp?${new URLSearchParams(query)}`);
}

const QUESTION = {
	"hub.mode": "subscribe",
	"hub.challenge": "1158201444",
	"hub.verify_token": TOKEN,
};

test("Meta's question is answered with its challenge, as plain text and nothing else", async () => {
	const response = await ask(QUESTION);
	expect(response.status).toBe(200);
	expect(await response.text()).toBe("1158201444");
	expect(response.headers.get("content-type")).toBe(
		"text/plain; charset=utf-8",
	);
	expect(response.headers.get("x-content-type-options")).toBe("nosniff");
	const script = "<script>alert('ä')</script>";
	const other = await ask({ ...QUESTION, "hub.challenge": script });
	expect(await other.text()).toBe(script);
	expect(taken).toEqual([]);
});

test.each<[string, Record<string, string | undefined>, number]>([
	["another token", { "hub.verify_token": "another" }, 403],
	["a longer token", { "hub.verify_token": `${TOKEN}x` }, 403],
	["a shorter token", { "hub.verify_token": TOKEN.slice(1) }, 403],
	["an empty token", { "hub.verify_token": "" }, 403],
	["no token", { "hub.verify_token": undefined }, 403],
	["another mode", { "hub.mode": "unsubscribe" }, 403],
	["no mode", { "hub.mode": undefined }, 403],
	["no challenge", { "hub.challenge": undefined }, 400],
	["an empty challenge", { "hub.challenge": "" }, 400],
	["an absurd challenge", { "hub.challenge": "1".repeat(257) }, 400],
])("a question with %s is refused", async (_, change, status) => {
	const query = Object.entries({ ...QUESTION, ...change }).filter(
		(entry): entry is [string, string] => entry[1] !== undefined,
	);
	const response = await ask(Object.fromEntries(query));
	expect(response.status).toBe(status);
	expect(await response.text()).toBe("");
});

test("without a token of our own no question is answered", async () => {
	token = undefined;
	for (const given of [TOKEN, "", "undefined"])
		expect((await ask({ ...QUESTION, "hub.verify_token": given })).status).toBe(
			403,
		);
});

test("another token counts as soon as it is configured", async () => {
	token = new Secret("next");
	expect((await ask(QUESTION)).status).toBe(403);
	const query = { ...QUESTION, "hub.verify_token": "next" };
	expect((await ask(query)).status).toBe(200);
});

test("what Meta has signed is taken, and answered with an empty body", async () => {
	const response = await post();
	expect(response.status).toBe(200);
	expect(await response.text()).toBe("");
	expect(taken).toEqual([JSON.parse(BODY)]);
});

test("a known signature is right", async () => {
	// GitHub publishes this one to try an implementation of the same scheme with.
	webhook = openWebhook("It's a Secret to Everybody");
	webhook.start();
	const known =
		"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
	expect((await post("Hello, World!", known)).status).toBe(200);
	expect((await post("Hello, World?", known)).status).toBe(401);
});

const RIGHT = sign(BODY);

test.each<[string, string | null]>([
	["missing", null],
	["blank", ""],
	["only its name", "sha256="],
	["without its name", RIGHT.slice(7)],
	["of another name", RIGHT.replace("sha256", "sha1")],
	["in capital letters", `sha256=${RIGHT.slice(7).toUpperCase()}`],
	["of a name in capital letters", RIGHT.replace("sha256", "SHA256")],
	["too short", RIGHT.slice(0, -1)],
	["too long", `${RIGHT}0`],
	["of somebody else", sign(BODY, "another secret")],
	["of another body", sign(`${BODY} `)],
	[
		"wrong in the last place",
		RIGHT.replace(/.$/, (c) => (c === "0" ? "1" : "0")),
	],
	[
		"wrong in the first place",
		RIGHT.replace(/=./, (c) => (c === "=0" ? "=1" : "=0")),
	],
	["two", `${RIGHT}, ${RIGHT}`],
	["something else", "sha256=zz"],
])("where the signature is %s, the post is refused", async (_, signature) => {
	const response = await post(BODY, signature);
	expect(response.status).toBe(401);
	expect(await response.text()).toBe("");
	expect(taken).toEqual([]);
	expect(lines).toEqual([]);
});

test("an unsigned body is not even read", async () => {
	const endless = () =>
		new ReadableStream({ pull: () => new Promise(() => {}) });
	for (const signature of [null, "sha256=x"])
		expect((await post(endless(), signature)).status).toBe(401);
});

test("the bytes are signed, not what they mean", async () => {
	const value = { object: "whatsapp_business_account", name: "Zoë 🙂 </p>" };
	const plain = JSON.stringify(value);
	const escaped = plain
		.replace(
			/[\u007f-\uffff]/g,
			(unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
		)
		.replaceAll("/", "\\/");
	expect(escaped).not.toBe(plain);
	for (const body of [plain, escaped, JSON.stringify(value, undefined, 2)])
		expect((await post(body)).status).toBe(200);
	expect(taken).toEqual([value, value, value]);
	expect((await post(plain, sign(escaped))).status).toBe(401);
	expect((await post(escaped, sign(plain))).status).toBe(401);
	expect((await post(`\ufeff${plain}`, sign(plain))).status).toBe(401);
	expect(taken).toHaveLength(3);
});

test.each<[string, string | Uint8Array<ArrayBuffer>]>([
	["nothing", ""],
	["no JSON", "{"],
	["bytes that are no text", Uint8Array.of(0xff, 0xfe, 0x00)],
	["null", "null"],
	["a number", "7"],
	["a list", "[]"],
])("%s, signed, is done with: it would come for ever", async (_, body) => {
	expect((await post(body)).status).toBe(200);
	expect(taken).toEqual([]);
	expect(lines).toHaveLength(1);
	expect(lines[0]).toStartWith("whatsapp.unreadable");
});

test("only GET and POST are taken", async () => {
	for (const method of ["PUT", "DELETE", "PATCH", "HEAD"]) {
		const url = `${server.url}webhooks/whatsapp`;
		const headers = { "x-hub-signature-256": RIGHT };
		const body = method === "HEAD" ? undefined : BODY;
		const response = await fetch(url, { method, headers, body });
		expect(response.status).toBe(405);
		expect(response.headers.get("allow")).toBe("GET, POST");
	}
	expect(taken).toEqual([]);
});

test("a body of three megabytes is taken, a larger one is refused whether it says its length or not", async () => {
	const fits = JSON.stringify({ x: "x".repeat(MAX_BYTES - 8) });
	expect(fits).toHaveLength(MAX_BYTES);
	expect((await post(fits)).status).toBe(200);
	expect((await post(`${fits} `)).status).toBe(413);
	const piece = new Uint8Array(64 * 1024).fill(32);
	let sent = 0;
	const endless = new ReadableStream({
		pull(controller) {
			sent += piece.length;
			if (sent > 16 * MAX_BYTES) controller.close();
			else controller.enqueue(piece);
		},
	});
	const response = await post(endless, RIGHT).catch(() => undefined);
	if (response) expect(response.status).toBe(413);
	expect(sent).toBeLessThan(16 * MAX_BYTES);
	expect(taken).toHaveLength(1);
});

test("the limit counts bytes, not letters", async () => {
	const large = JSON.stringify({ x: "🙂".repeat(MAX_BYTES / 4) });
	expect(large.length).toBeLessThan(MAX_BYTES);
	expect((await post(large)).status).toBe(413);
});

test("what is posted at the same time is taken in its order", async () => {
	const all = Array.from({ length: 40 }, (_, n) => n);
	const posts = all.map((n) => {
		const body = JSON.stringify({ n, x: "x".repeat(4_000) });
		return webhook.handle(
			new Request(`${server.url}webhooks/whatsapp`, {
				method: "POST",
				body,
				headers: { "x-hub-signature-256": sign(body) },
			}),
		);
	});
	await Promise.all(posts);
	expect(taken.map(({ n }) => n)).toEqual(all);
});

test("a client that goes away in the middle does no harm", async () => {
	const body = new ReadableStream({
		start: (controller) => controller.error(new Error("gone")),
	});
	const headers = { "x-hub-signature-256": RIGHT };
	const url = `${server.url}webhooks/whatsapp`;
	const request = new Request(url, { method: "POST", headers, body });
	expect((await webhook.handle(request)).status).toBe(400);
	expect(taken).toEqual([]);
});

test.each([
	["storage_failed", "the disk is full"],
	["shutting_down", "it is about to end"],
] as const)("what is not kept (%s) is to come again", async (code, why) => {
	const failure = new AeonError(code, why);
	take = () => Promise.reject(failure);
	expect((await post()).status).toBe(503);
	expect(lines.join("\n")).toContain(
		`What WhatsApp sent cannot be kept: ${failure.message}`,
	);
	take = async () => {};
	expect((await post()).status).toBe(200);
});

test("where keeping takes more than ten seconds, it is to come again", async () => {
	take = () => new Promise(() => {});
	const response = post();
	await until(() => clock.sleeping() > 0);
	let isAnswered = false;
	void response.then(() => {
		isAnswered = true;
	});
	await clock.advance(9_999);
	expect(isAnswered).toBe(false);
	await clock.advance(1);
	expect((await response).status).toBe(503);
	expect(lines.join("\n")).toContain("it takes too long");
});

test("before its beginning and after its end nothing is taken, but Meta's question is answered", async () => {
	webhook = openWebhook();
	expect((await post()).status).toBe(503);
	webhook.start();
	expect((await post()).status).toBe(200);
	await webhook.stop();
	expect((await post()).status).toBe(503);
	expect((await ask(QUESTION)).status).toBe(200);
	expect((await post(BODY, null)).status).toBe(401);
	expect(taken).toHaveLength(1);
	webhook.start();
	expect((await post()).status).toBe(200);
});

test("an end waits for what is being kept, but not for ever", async () => {
	let release = () => {};
	take = () =>
		new Promise((resolve) => {
			release = resolve;
		});
	const response = post();
	await until(() => clock.sleeping() > 0);
	let isEnded = false;
	const stopping = webhook.stop().then(() => {
		isEnded = true;
	});
	await clock.advance(1_000);
	expect(isEnded).toBe(false);
	release();
	await stopping;
	expect((await response).status).toBe(200);

	webhook.start();
	post().catch(() => {});
	await until(() => clock.sleeping() > 0);
	const begun = clock.now();
	let isStopped = false;
	void webhook.stop().then(() => {
		isStopped = true;
	});
	await clock.advanceUntil(() => isStopped, 3_000);
	expect(clock.now() - begun).toBeLessThanOrEqual(3_000);
});
