import { afterEach, beforeEach, expect, test } from "bun:test";
import { Secret } from "../../../src/core/secret.ts";
import {
	createWebhook,
	type Webhook,
	webhookAddress,
} from "../../../src/dialogs/telegram/webhook.ts";
import { until } from "../../support/until.ts";
import { type Witness, witness } from "./witness.ts";

const SECRET = "a_Secret-that-Telegram-sends-0123456789";
const MINUTE = 60_000;

let seen: Witness;
let webhook: Webhook;
let server: ReturnType<typeof Bun.serve>;

beforeEach(async () => {
	seen = await witness();
	server = Bun.serve({
		port: 0,
		hostname: "127.0.0.1",
		fetch: (request) => webhook.handle(request),
	});
	webhook = createWebhook({
		...seen,
		url: server.url.href,
		secret: new Secret(SECRET),
		take: (update) => seen.take(update),
	});
});

afterEach(async () => {
	await webhook.stop();
	await server.stop(true);
	await seen.telegram.stop();
	const [, secretPart = ""] = seen.telegram.token.split(":");
	for (const hidden of [secretPart, SECRET]) {
		expect(seen.lines.join("\n")).not.toContain(hidden);
		expect(JSON.stringify(seen.states)).not.toContain(hidden);
	}
	expect(seen.telegram.violations).toEqual([]);
});

const update = (text: string) =>
	JSON.stringify({ update_id: 1, message: { text } });

/** What Telegram would send, but for what is changed. */
function post(init: RequestInit = {}, secret: string | null = SECRET) {
	return fetch(`${server.url}webhooks/telegram`, {
		method: "POST",
		body: update("forged"),
		...init,
		headers: {
			"content-type": "application/json",
			...(secret === null ? {} : { "x-telegram-bot-api-secret-token": secret }),
			...init.headers,
		},
	});
}

async function begin(): Promise<void> {
	webhook.start();
	await until(() => seen.state() === "running");
}

test("Telegram is told the address and the secret, and its updates are taken in order", async () => {
	seen.telegram.say(7, "one");
	webhook.start();
	expect(seen.state()).toBe("starting");
	seen.telegram.say(7, "two");
	await until(() => seen.texts.length === 2);
	expect(seen.texts).toEqual(["one", "two"]);
	expect(seen.telegram.calls).toMatchObject([
		{
			method: "setWebhook",
			params: {
				url: `${server.url}webhooks/telegram`,
				secret_token: SECRET,
				allowed_updates: [
					"message",
					"edited_message",
					"channel_post",
					"callback_query",
				],
				drop_pending_updates: false,
			},
		},
	]);
	await until(() => seen.telegram.pending() === 0);
	expect(seen.states.map(({ state }) => state)).toEqual([
		"starting",
		"running",
	]);
});

test("an address without a path gets one, any other path stays", () => {
	const path = "https://a.example/webhooks/telegram";
	expect(webhookAddress("https://a.example")).toBe(path);
	expect(webhookAddress("https://a.example/")).toBe(path);
	expect(webhookAddress("https://a.example/own/way")).toBe(
		"https://a.example/own/way",
	);
});

test("what Telegram cannot be told now it is told later, for ever", async () => {
	await seen.telegram.refuse();
	webhook.start();
	await seen.clock.advance(10 * MINUTE);
	expect(seen.state()).toBe(
		"retrying: Telegram cannot be reached: connection refused",
	);
	await seen.telegram.accept();
	seen.telegram.fail({ method: "setWebhook", times: 3, mode: "html502" });
	await seen.clock.advanceUntil(() => seen.state() === "running", 10 * MINUTE);
	seen.telegram.say(7, "after");
	await until(() => seen.texts.length === 1);
});

test("a token that Telegram refuses stops it, until the token is good again", async () => {
	seen.telegram.fail({
		method: "*",
		times: 2,
		status: 401,
		description: "Unauthorized",
	});
	webhook.start();
	await until(() => seen.state().startsWith("stopped"));
	expect(seen.state()).toBe(
		"stopped: Telegram refuses the token: Telegram said 401: Unauthorized",
	);
	await seen.clock.advanceUntil(() => seen.state() === "running", 11 * MINUTE);
});

test("whoever has no secret, or another one, is refused, and nothing is taken or read", async () => {
	await begin();
	for (const secret of [null, "", "x", `${SECRET}x`, SECRET.slice(1)])
		expect((await post({}, secret)).status).toBe(401);
	const endless = new ReadableStream({ pull: () => new Promise(() => {}) });
	const response = await post({ body: endless }, "wrong");
	expect(response.status).toBe(401);
	expect(await response.text()).toBe("");
	expect(seen.texts).toEqual([]);
	expect((await post()).status).toBe(200);
	expect(seen.texts).toEqual(["forged"]);
});

test("only POST is taken", async () => {
	await begin();
	for (const method of ["GET", "PUT", "DELETE"]) {
		const body = method === "GET" ? undefined : update("x");
		expect((await post({ method, body })).status).toBe(405);
	}
	expect(seen.texts).toEqual([]);
});

test("what is no update is refused", async () => {
	await begin();
	for (const body of ["", "{", "null", "7", "[]", "{}", '{"update_id":"1"}'])
		expect((await post({ body })).status).toBe(400);
	expect(seen.texts).toEqual([]);
});

test("a body over a megabyte is refused, whether it says its length or not", async () => {
	await begin();
	const large = update("x".repeat(1024 * 1024));
	expect((await post({ body: large })).status).toBe(413);
	const piece = new Uint8Array(64 * 1024).fill(32);
	let sent = 0;
	const endless = new ReadableStream({
		pull(controller) {
			sent += piece.length;
			if (sent > 16 * 1024 * 1024) controller.close();
			else controller.enqueue(piece);
		},
	});
	const response = await post({ body: endless }).catch(() => undefined);
	if (response) expect(response.status).toBe(413);
	const fits = update("x".repeat(1024 * 1024 - 100));
	expect((await post({ body: fits })).status).toBe(200);
	expect(seen.texts).toHaveLength(1);
});

test("a client that goes away in the middle of its update does no harm", async () => {
	await begin();
	const body = new ReadableStream({
		start: (controller) => controller.error(new Error("gone")),
	});
	const headers = { "x-telegram-bot-api-secret-token": SECRET };
	const url = `${server.url}webhooks/telegram`;
	const request = new Request(url, { method: "POST", headers, body });
	expect((await webhook.handle(request)).status).toBe(400);
	expect(seen.texts).toEqual([]);
});

test("an update is answered as soon as it is kept, with an empty body", async () => {
	await begin();
	await post();
	const start = performance.now();
	const response = await post();
	expect(performance.now() - start).toBeLessThan(100);
	expect(response.status).toBe(200);
	expect(await response.text()).toBe("");
});

test("an update that cannot be kept comes again, until it is", async () => {
	let failures = 3;
	seen.keep = async () => {
		if (failures-- > 0) throw new Error("the disk is full");
	};
	await begin();
	seen.telegram.say(7, "one");
	await seen.clock.advanceUntil(() => seen.texts.length > 0, MINUTE);
	await until(() => seen.telegram.pending() === 0);
	expect(seen.texts).toEqual(["one"]);
	expect(seen.lines.join("\n")).toContain("the disk is full");
});

test("where keeping an update takes too long, Telegram is told to send it again", async () => {
	seen.keep = () => new Promise(() => {});
	await begin();
	const response = post();
	await until(() => seen.clock.sleeping() === 1);
	await seen.clock.advance(10_000);
	expect((await response).status).toBe(503);
	const stopping = webhook.stop();
	await seen.clock.advance(2_500);
	await stopping;
});

test("an end takes effect at once, with Telegram hanging or refusing, and nothing is taken afterwards", async () => {
	seen.telegram.fail({ method: "setWebhook", mode: "hang" });
	webhook.start();
	await until(() => seen.telegram.calls.length === 1);
	await webhook.stop();
	expect(seen.state()).toBe("stopped");
	await until(() => seen.telegram.open() === 0);
	seen.telegram.fail({ method: "setWebhook" });
	webhook.start();
	await until(() => seen.state().startsWith("retrying"));
	await webhook.stop();
	expect((await post()).status).toBe(503);
	await seen.clock.advance(5 * MINUTE);
	expect(seen.telegram.calls).toHaveLength(2);
	expect(seen.texts).toEqual([]);
	await begin();
	expect((await post()).status).toBe(200);
});

test("an end waits for an update that is being kept, but not for ever", async () => {
	let release = () => {};
	seen.keep = () =>
		new Promise((resolve) => {
			release = resolve;
		});
	await begin();
	const response = post();
	await until(() => seen.clock.sleeping() === 1);
	let isEnded = false;
	const stopping = webhook.stop().then(() => {
		isEnded = true;
	});
	await seen.clock.advance(1_000);
	expect(isEnded).toBe(false);
	release();
	await stopping;
	expect((await response).status).toBe(200);
	expect(seen.texts).toEqual(["forged"]);

	webhook.start();
	await until(() => seen.state() === "running");
	post().catch(() => {});
	await until(() => seen.clock.sleeping() === 1);
	const begun = seen.clock.now();
	let isStopped = false;
	void webhook.stop().then(() => {
		isStopped = true;
	});
	await seen.clock.advanceUntil(() => isStopped, 3_000);
	expect(seen.clock.now() - begun).toBeLessThanOrEqual(3_000);
});
