import { afterEach, beforeEach, expect, test } from "bun:test";
import { createServer } from "node:net";
import { InputFile } from "grammy/web";
import { AeonError } from "../../../src/core/errors.ts";
import { Secret } from "../../../src/core/secret.ts";
import {
	type BotClient,
	openClient,
} from "../../../src/dialogs/telegram/client.ts";
import { migratedTo } from "../../../src/dialogs/telegram/failure.ts";
import {
	type FakeTelegram,
	startFakeTelegram,
} from "../../support/fake_telegram.ts";
import { until } from "../../support/until.ts";

let telegram: FakeTelegram;
let client: BotClient;

beforeEach(async () => {
	telegram = await startFakeTelegram();
	client = open();
});

afterEach(() => telegram.stop());

function open(apiRoot = telegram.url, token = telegram.token): BotClient {
	return openClient({ token: new Secret(token), apiRoot });
}

const say = (options?: { signal?: AbortSignal; timeoutMs?: number }) =>
	client.ask("sendMessage", { chat_id: 7, text: "hello" }, options);

/** The error of a call, which must be one of ours and must not show the token, whoever prints it. */
async function failureOf(call: Promise<unknown>): Promise<AeonError> {
	const error = await call.then(
		(result) => new Error(`it gave ${JSON.stringify(result)}`),
		(error: unknown) => error,
	);
	expect(error).toBeInstanceOf(AeonError);
	const [, secretPart = ""] = telegram.token.split(":");
	expect(Bun.inspect(error, { depth: 20 })).not.toContain(secretPart);
	expect(JSON.stringify(error)).not.toContain(secretPart);
	return error as AeonError;
}

const short = ({ code, message, status, retryAfterMs }: AeonError) => ({
	code,
	message,
	...(status === undefined ? {} : { status }),
	...(retryAfterMs === undefined ? {} : { retryAfterMs }),
});

const readAll = async (path: string, signal?: AbortSignal) => {
	const pieces: Uint8Array[] = [];
	const never = new AbortController().signal;
	for await (const piece of client.download(path, signal ?? never))
		pieces.push(piece);
	return Buffer.concat(pieces);
};

test("a call gives what Telegram answers, with and without parameters", async () => {
	expect(client.botId).toBe(telegram.bot.id);
	expect(await client.ask("getMe", {})).toMatchObject(telegram.bot);
	expect(await say()).toMatchObject({ message_id: 1, text: "hello" });
	expect(telegram.visible(7).map(({ text }) => text)).toEqual(["hello"]);
	expect(telegram.violations).toEqual([]);
});

test("an address may end in a slash or have a path", async () => {
	await open(`${telegram.url}/`).ask("getMe", {});
	const failure = await failureOf(open(`${telegram.url}/x`).ask("getMe", {}));
	expect(failure.status).toBe(404);
});

test("a file goes out as bytes, from memory and as a stream", async () => {
	async function* bytes() {
		for (let at = 0; at < 20; at++) yield new Uint8Array(65_536);
	}
	const photo = new InputFile(new Uint8Array(100_000), "a.png");
	await client.ask("sendPhoto", { chat_id: 7, photo, caption: "look" });
	const document = new InputFile(bytes(), "b.bin");
	await client.ask("sendDocument", { chat_id: 7, document });
	expect(telegram.visible(7).map(({ text, file }) => ({ text, file }))).toEqual(
		[
			{ text: "look", file: { kind: "photo", name: "a.png", size: 100_000 } },
			{ text: "", file: { kind: "document", name: "b.bin", size: 1_310_720 } },
		],
	);
});

test("a file that cannot be read fails as what it is, not as Telegram", async () => {
	async function* broken() {
		yield new Uint8Array(10);
		throw new Error("the disk is gone");
	}
	const document = new InputFile(broken(), "b.bin");
	expect(client.ask("sendDocument", { chat_id: 7, document })).rejects.toThrow(
		"the disk is gone",
	);
});

test("a refusal is told in one sentence, with its status", async () => {
	for (const [status, description] of [
		[400, "Bad Request: chat not found"],
		[403, "Forbidden: bot was blocked by the user"],
		[404, "Not Found"],
		[409, "Conflict: terminated by other getUpdates request"],
	] as const) {
		telegram.fail({ method: "sendMessage", status, description });
		const message = `Telegram said ${status}: ${description}`;
		expect(short(await failureOf(say()))).toEqual({
			code: "peer_rejected",
			message,
			status,
		});
	}
});

test("a wrong token is refused, with a hint at where the right one is", async () => {
	const failure = await failureOf(open(telegram.url, "1:x").ask("getMe", {}));
	expect(short(failure)).toEqual({
		code: "peer_rejected",
		message: "Telegram said 401: Unauthorized",
		status: 401,
	});
	expect(failure.hint).toContain("bot_token");
});

test("too many calls and faults of Telegram's own pass, the first with how long to wait", async () => {
	telegram.fail({ method: "sendMessage", status: 500 });
	expect(short(await failureOf(say()))).toEqual({
		code: "peer_unavailable",
		message: "Telegram said 500: Internal Server Error",
		status: 500,
	});
	telegram.fail({ method: "sendMessage", retryAfter: 7 });
	expect(short(await failureOf(say()))).toEqual({
		code: "peer_unavailable",
		message: "Telegram said 429: Too Many Requests: retry after 7",
		status: 429,
		retryAfterMs: 7_000,
	});
});

test("a gateway's page is not taken for an answer: nobody knows what was done behind it", async () => {
	telegram.fail({ method: "sendMessage", mode: "html502" });
	expect(short(await failureOf(say()))).toEqual({
		code: "peer_silent",
		message: "Telegram did not answer: a gateway said 502",
		status: 502,
	});
});

test("a redirect of a call is not followed: the token would go along", async () => {
	telegram.fail({ method: "sendMessage", location: `${telegram.url}/else` });
	const failure = await failureOf(say());
	expect(short(failure)).toMatchObject({
		code: "peer_unavailable",
		status: 302,
	});
	expect(telegram.calls).toHaveLength(1);
});

test("where no connection comes about, nothing was done", async () => {
	await telegram.refuse();
	expect(short(await failureOf(say()))).toEqual({
		code: "peer_unavailable",
		message: "Telegram cannot be reached: connection refused",
	});
	const nowhere = openClient({
		token: new Secret(telegram.token),
		apiRoot: telegram.url,
		// As Bun has it where a name cannot be resolved.
		fetch: async (path) => {
			const error = new TypeError("getaddrinfo ENOTFOUND api.telegram.org");
			throw Object.assign(error, { code: "ENOTFOUND", path });
		},
	}).ask("getMe", {});
	expect(short(await failureOf(nowhere))).toEqual({
		code: "peer_unavailable",
		message: "Telegram cannot be reached: its name cannot be resolved",
	});
});

test("a TLS handshake that is not finished in time means that nothing was done", async () => {
	const deaf = createServer((socket) => socket.on("error", () => {}));
	await new Promise<void>((ready) => deaf.listen(0, "127.0.0.1", ready));
	const { port } = deaf.address() as { port: number };
	const late = open(`https://127.0.0.1:${port}`);
	const failure = await failureOf(late.ask("getMe", {}, { timeoutMs: 100 }));
	expect(short(failure)).toEqual({
		code: "peer_unavailable",
		message: "Telegram cannot be reached: no connection within 0.1 s",
	});
	deaf.close();
});

test("where the connection breaks or nothing comes, nobody knows whether it was done, and it was asked once", async () => {
	const broke = {
		code: "peer_silent",
		message: "Telegram did not answer: the connection broke",
	};
	telegram.fail({ method: "sendMessage", mode: "reset" });
	expect(short(await failureOf(say()))).toEqual(broke as never);
	expect(telegram.visible(7)).toEqual([]);
	telegram.fail({ method: "sendMessage", mode: "drop_after" });
	expect(short(await failureOf(say()))).toEqual(broke as never);
	expect(telegram.visible(7)).toHaveLength(1);
	telegram.fail({ method: "sendMessage", mode: "hang" });
	expect(short(await failureOf(say({ timeoutMs: 100 })))).toEqual({
		code: "peer_silent",
		message: "Telegram did not answer within 0.1 s",
	});
	expect(telegram.calls).toHaveLength(3);
});

test("connections that went half open harm no later call", async () => {
	for (let n = 0; n < 3; n++) await say();
	telegram.freeze();
	expect(await say({ timeoutMs: 2_000 })).toMatchObject({ message_id: 4 });
});

test("an abort ends a call at once with its reason, also before it begins", async () => {
	telegram.fail({ method: "sendMessage", mode: "hang" });
	const stop = new AbortController();
	const reason = new Error("enough");
	const call = say({ signal: stop.signal });
	await until(() => telegram.calls.length === 1);
	stop.abort(reason);
	expect(await call.catch((error: unknown) => error)).toBe(reason);
	const again = say({ signal: stop.signal });
	expect(await again.catch((error: unknown) => error)).toBe(reason);
	expect(telegram.calls).toHaveLength(1);
});

test("a call ends in its time even where fetch does not listen to its signal", async () => {
	const deaf = openClient({
		token: new Secret(telegram.token),
		apiRoot: telegram.url,
		fetch: () => new Promise(() => {}),
	});
	const failure = await failureOf(deaf.ask("getMe", {}, { timeoutMs: 50 }));
	expect(failure.code).toBe("peer_unavailable");
});

test("an edit that changes nothing is done", async () => {
	await say();
	const edit = { chat_id: 7, message_id: 1, text: "hello" };
	expect(await client.ask("editMessageText", edit)).toBe(true);
});

test("where a group has become a supergroup, the error knows its new id", async () => {
	telegram.fail({
		method: "sendMessage",
		status: 400,
		description: "Bad Request: group chat was upgraded to a supergroup chat",
		parameters: { migrate_to_chat_id: -1_001 },
	});
	const failure = await failureOf(say());
	expect(failure.code).toBe("peer_rejected");
	expect(migratedTo(failure)).toBe(-1_001);
	expect(migratedTo(new Error("another"))).toBeUndefined();
});

test("what Telegram says is told without the token, should it stand in it", async () => {
	const description = `Bad Request: bot${telegram.token} is odd`;
	telegram.fail({ method: "sendMessage", status: 400, description });
	const { message } = await failureOf(say());
	expect(message).toBe("Telegram said 400: Bad Request: bot*** is odd");
});

test("a file is fetched from Telegram's own host, whatever is in its name", async () => {
	const bytes = crypto.getRandomValues(new Uint8Array(60_000));
	telegram.addFile("F", bytes, "photos/größe a&b?.jpg");
	expect(await readAll("photos/größe a&b?.jpg")).toEqual(Buffer.from(bytes));
});

test("a file's place that leads elsewhere is not followed", async () => {
	for (const path of [
		"../getMe",
		"photos/../../x",
		"photos/./x",
		"/etc/passwd",
		"//evil.example/x",
		"https://evil.example/x",
		"photos\\..\\x",
		"photos/\n",
		"",
	]) {
		const failure = await failureOf(readAll(path));
		expect(failure.message).toContain("not followed");
	}
	expect(telegram.calls).toEqual([]);
});

test("a redirect of a file is refused, and a file that is not there is named so", async () => {
	telegram.addFile("F", new Uint8Array(10), "photos/f");
	const other = await startFakeTelegram();
	telegram.fail({ method: "file", location: `${other.url}/file` });
	expect(short(await failureOf(readAll("photos/f")))).toMatchObject({
		code: "peer_rejected",
		status: 302,
	});
	expect(other.calls).toEqual([]);
	await other.stop();
	expect(short(await failureOf(readAll("photos/none")))).toEqual({
		code: "peer_rejected",
		message: "Telegram said 404: Not Found",
		status: 404,
	});
	telegram.fail({ method: "file", mode: "html502" });
	expect((await failureOf(readAll("photos/f"))).code).toBe("peer_unavailable");
	await telegram.refuse();
	expect((await failureOf(readAll("photos/f"))).code).toBe("peer_unavailable");
});

test("a file whose connection breaks fails, and an abort ends it with its reason", async () => {
	const half = createServer((socket) => {
		socket.on("error", () => {});
		socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
		socket.once("data", () => setTimeout(() => socket.end(), 20));
	});
	await new Promise<void>((ready) => half.listen(0, "127.0.0.1", ready));
	const { port } = half.address() as { port: number };
	client = open(`http://127.0.0.1:${port}`);
	expect((await failureOf(readAll("a/b"))).code).toBe("peer_unavailable");
	half.close();

	client = open();
	telegram.addFile("F", new Uint8Array(10), "photos/f");
	telegram.fail({ method: "file", mode: "hang" });
	const stop = new AbortController();
	const reason = new Error("enough");
	const reading = readAll("photos/f", stop.signal);
	await until(() => telegram.calls.length === 1);
	stop.abort(reason);
	expect(await reading.catch((error: unknown) => error)).toBe(reason);
});
