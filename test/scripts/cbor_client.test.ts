import { afterAll, beforeAll, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import {
	config,
	freePort,
	modelSaying,
	openServer,
} from "../support/server.ts";
import { buildClient, compiler, SOURCE } from "./cbor_client.ts";

const PAGE = join(import.meta.dir, "../../docs/cbor.md");

if (!compiler)
	console.warn("SKIPPED: there is no cc here that builds cbor-client.c");
const testWithCompiler = test.skipIf(!compiler);
/** Whether there is `::1` here: containers often have none. */
const hasIPv6 = Object.values(networkInterfaces())
	.flat()
	.some((one) => one?.address === "::1");
let client: ReturnType<typeof buildClient>;
beforeAll(() => {
	if (compiler) client = buildClient();
});
afterAll(() => {
	if (compiler) rmSync(client.folder, { recursive: true });
});

testWithCompiler("the client in C is short", async () => {
	const lines = (await Bun.file(SOURCE).text()).split("\n").length - 1;
	expect(lines).toBeLessThan(200);
});

testWithCompiler(
	"it prints a model's answer exactly, however it comes",
	async () => {
		const answers: Record<string, string[]> = {
			one: ["Hello."],
			signs: ["Grüße 👩‍👩‍👧‍👦", " — ", "\ufeff\0\n\tß😀"],
			many: Array.from({ length: 500 }, (_, n) => `word${n} `),
			long: Array.from({ length: 40 }, (_, n) => `${n}${"ä".repeat(2_000)}`),
		};
		using model = await modelSaying(({ lastText }) => ({
			text: answers[lastText.split(" ").at(-1) ?? ""] ?? ["?"],
		}));
		await using server = await openServer(config(model.agent));
		for (const [message, texts] of Object.entries(answers))
			expect(
				await client.run("127.0.0.1", server.port, server.token, message),
			).toEqual({
				out: `${texts.join("")}\n`,
				err: "",
				code: 0,
			});
	},
);

testWithCompiler(
	"what it says arrives whole, however long, in the session that is named",
	async () => {
		using model = await modelSaying(() => ({ text: "Yes." }));
		await using server = await openServer(config(model.agent));
		using watcher = await server.connect();
		for (const size of [0, 50, 125, 126, 300, 65_535, 65_536, 100_000]) {
			const message = `ü${"x".repeat(size)}`;
			const sessionKey = `agent:main:ws:c-${size}`;
			const ran = client.run(
				"127.0.0.1",
				server.port,
				server.token,
				message,
				sessionKey,
			);
			expect(await ran).toEqual({ out: "Yes.\n", err: "", code: 0 });
			const { messages } = await watcher.call("session.history", {
				sessionKey,
			});
			expect(messages.map(({ content }) => content)).toEqual([message, "Yes."]);
		}
	},
);

testWithCompiler("it prints its own run and nothing of others", async () => {
	const { promise, resolve } = Promise.withResolvers<void>();
	using model = await modelSaying(({ lastText }) => {
		const who = lastText.split(" ").at(-1);
		return {
			text: [`${who} 1 `, `${who} 2`],
			pauses: who === "mine" ? [] : [{ before: `${who} 2`, until: promise }],
		};
	});
	await using server = await openServer(config(model.agent));
	using other = await server.connect();
	const { port, token } = server;
	const [same, another] = ["agent:main:ws:same", "agent:main:ws:another"];
	const said = [
		["theirs", same],
		["yours", another],
	] as const;
	for (const [message, sessionKey] of said) {
		await other.call("agent.send", { message, sessionKey });
		await other.event("agent.delta", ({ text }) => text === `${message} 1 `);
	}
	const ran = client.run("127.0.0.1", port, token, "mine", same);
	await other.event("message.inbound", ({ text }) => text === "mine");
	resolve();
	expect(await ran).toEqual({ out: "mine 1 mine 2\n", err: "", code: 0 });
});

testWithCompiler(
	"it waits until a person has allowed what the model wants",
	async () => {
		using model = await modelSaying((_request, n) =>
			n === 0
				? { toolCalls: [{ name: "exec", input: { command: "echo hi" } }] }
				: { text: "Done." },
		);
		await using server = await openServer(config(model.agent));
		using person = await server.connect();
		const ran = client.run("127.0.0.1", server.port, server.token, "go");
		const { data } = await person.event("approval.requested");
		const { approvalId } = data;
		// The client may still be on its way to hearing of it.
		await person.call("approval.resolve", { approvalId, decision: "allow" });
		expect(await ran).toMatchObject({ out: "Done.\n", code: 0 });
	},
);

testWithCompiler(
	"a wrong token, a wrong request and a model's error are told, each with its code",
	async () => {
		using model = await modelSaying(() => ({
			status: 401,
			body: {
				type: "error",
				error: { type: "authentication_error", message: "bad key" },
			},
		}));
		await using server = await openServer(config(model.agent));
		expect(
			await client.run("127.0.0.1", server.port, "wrong", "hello"),
		).toEqual({
			out: "",
			err: "HTTP/1.1 401 Unauthorized: TOKEN is the server's server.token, else in its ~/.aeon/token\n",
			code: 1,
		});
		const { port, token } = server;
		expect(
			await client.run("127.0.0.1", port, token, "hello", "no key"),
		).toMatchObject({
			out: "",
			err: expect.stringMatching(/^INVALID_REQUEST: /),
			code: 1,
		});
		expect(await client.run("127.0.0.1", port, token, "hello")).toMatchObject({
			out: "",
			err: expect.stringMatching(/^LLM_REJECTED: .*bad key/),
			code: 1,
		});
		expect(await client.run("127.0.0.1", port, token)).toMatchObject({
			code: 1,
		});
	},
);

testWithCompiler(
	"a server that ends, or that is not there, is a lost connection",
	async () => {
		using model = await modelSaying(() => ({
			text: ["half", "rest"],
			ending: "hang",
			pauses: [],
		}));
		await using server = await openServer(config(model.agent));
		using watcher = await server.connect();
		const ran = client.run("127.0.0.1", server.port, server.token, "hello");
		await watcher.event("agent.delta");
		await server.stop();
		const { err, code } = await ran;
		// What it hears first depends on which of the two is read first.
		const told = `SHUTTING_DOWN: Aeon is stopping; this message is answered when it runs again.\n`;
		if (code === 1) expect(err).toBe(told);
		else expect({ err, code }).toMatchObject({ code: 2 });
		if (code === 2) expect(err).toContain("The connection is lost");
		const nobody = await client.run(
			"127.0.0.1",
			await freePort(),
			"token",
			"hello",
		);
		expect(nobody.code).toBe(2);
		expect(nobody.err).toContain("Nobody answers");
	},
);

testWithCompiler("it is told that its message is no UTF-8", async () => {
	await using server = await openServer(config());
	const { port, token } = server;
	const latin1 = `127.0.0.1 ${port} ${token} "$(printf 'Gr\\374n')"`;
	expect(await client.runInShell(latin1)).toEqual({
		out: "",
		err: "PARSE_ERROR: MESSAGE and SESSION have to be UTF-8\n",
		code: 1,
	});
});

test.skipIf(!compiler || !hasIPv6)("it reaches a server by IPv6", async () => {
	await using server = await openServer(
		config(undefined, { server: { host: "::1" } }),
	);
	expect(
		await client.run("::1", server.port, server.token, "hello"),
	).toMatchObject({ err: "", code: 0 });
});

testWithCompiler("what docs/cbor.md shows of it is what it says", async () => {
	await using server = await openServer(config());
	const page = await Bun.file(PAGE).text();
	const [, message = "", shown] =
		/^\$ \.\/cbor-client .* "([^"]*)"\n([\s\S]*?)^```/m.exec(page) ?? [];
	const { port, token } = server;
	expect(await client.run("127.0.0.1", port, token, message)).toEqual({
		out: shown ?? "",
		err: "",
		code: 0,
	});
});
