import { expect, test } from "bun:test";
import { join } from "node:path";
import { sqlite } from "../../src/storage/sqlite.ts";
import { temporaryHome } from "../support/home.ts";
import { config, modelSaying, openServer } from "../support/server.ts";
import { transcript, upTo } from "../support/wire.ts";

const KEY = "agent:main:ws:tests";
const NOW = 1_760_000_000_000;

/** A home whose store holds what the work puts in. */
async function filledHome(
	fill: (store: Awaited<ReturnType<typeof sqlite.open>>) => Promise<void>,
) {
	const home = temporaryHome({});
	const store = await sqlite.open({
		sessions_db: join(home.path, ".aeon", "sessions.db"),
	});
	await fill(store);
	await store.close();
	return home;
}

test("sessions are listed page by page, also those used in the same millisecond, each once", async () => {
	const keys = upTo(23).map((n) => `agent:main:ws:user ${n % 10}\n${n}`);
	using home = await filledHome(async (store) => {
		for (const [n, key] of keys.entries())
			await store.saveMessage(
				key,
				{ role: "user", content: `text ${n}` },
				NOW + Math.floor(n / 7),
			);
		await store.saveMessage(
			"agent:other:cli:me",
			{ role: "user", content: "else" },
			NOW,
		);
	});
	await using server = await openServer(config(), home.path);
	using client = await server.connect();
	const whole = await client.call("session.list", { limit: 500 });
	expect(whole.cursor).toBeNull();
	expect(whole.sessions).toHaveLength(24);
	for (const limit of [1, 2, 7, 23, 24]) {
		const listed: typeof whole.sessions = [];
		let before: string | null | undefined;
		while (before !== null) {
			const page = await client.call("session.list", {
				limit,
				...(before !== undefined && { before }),
			});
			expect(page.sessions.length).toBeLessThanOrEqual(limit);
			listed.push(...page.sessions);
			before = page.cursor;
		}
		expect(listed).toEqual(whole.sessions);
	}
	const named = (params: object) => client.call("session.list", params);
	expect((await named({ dialog: "cli" })).sessions).toHaveLength(1);
	expect((await named({ agent: "other" })).sessions).toHaveLength(1);
	expect((await named({ agent: "main", dialog: "cli" })).sessions).toEqual([]);
});

test("a history is read page by page, and large messages come in smaller pages", async () => {
	const large = "x".repeat(200_000);
	using home = await filledHome(async (store) => {
		for (const n of upTo(12))
			await store.saveMessage(
				KEY,
				n % 2
					? { role: "user", content: `${n} ${large}` }
					: { role: "assistant", content: `${n}` },
				NOW + n,
			);
	});
	await using server = await openServer(config(), home.path);
	using client = await server.connect();
	for (const limit of [1, 3, 500]) {
		const read: string[] = [];
		let before: number | null | undefined;
		let pages = 0;
		while (before !== null) {
			const page = await client.call("session.history", {
				sessionKey: KEY,
				limit,
				...(before !== undefined && { before }),
			});
			read.unshift(
				...page.messages.map(({ content }) => content.split(" ")[0] ?? ""),
			);
			expect(JSON.stringify(page).length).toBeLessThan(600_000);
			before = page.cursor;
			pages++;
		}
		expect(read).toEqual(upTo(12).map(String));
		if (limit === 500) expect(pages).toBe(3);
	}
	const none = { sessionKey: "agent:main:ws:nobody" };
	expect(await client.call("session.history", none)).toMatchObject({
		messages: [],
		cursor: null,
	});
});

test("a session that is reset while a turn runs is empty, and what was said is kept under another key", async () => {
	using model = await modelSaying((_request, n) =>
		n === 0 ? { text: "Half", ending: "hang" } : { text: "Anew." },
	);
	await using server = await openServer(config(model.agent));
	using client = await server.connect();
	const { runId } = await client.call("agent.send", {
		message: "go",
		sessionKey: KEY,
	});
	await client.event("agent.delta");
	const { archivedAs } = await client.call("session.reset", {
		sessionKey: KEY,
	});
	expect((await client.end(runId)).data.code).toBe("CANCELLED");
	expect(transcript(client.events, runId).text).toBe("Half\n\n[Stopped]");
	await client.event("session.updated", ({ change }) => change === "reset");
	const history = async (sessionKey = KEY) =>
		(await client.call("session.history", { sessionKey })).messages.map(
			({ content }) => content,
		);
	expect(await history()).toEqual([]);
	expect(await history(archivedAs)).toEqual(["go", "Half"]);
	await client.call("agent.send", {
		message: "again",
		sessionKey: KEY,
		wait: true,
	});
	expect(await history()).toEqual(["again", "Anew."]);
});

test("a session is summed up when a client asks for it: what was said stays, and every client is told", async () => {
	const summary = "They talked of one, two, three and four.";
	using model = await modelSaying((request) =>
		/summar/i.test(JSON.stringify(request.body))
			? { text: summary, usage: { input: 50, output: 9 } }
			: { text: "Well." },
	);
	await using server = await openServer(config(model.agent));
	using client = await server.connect();
	using other = await server.connect();
	for (const message of ["one", "two", "three", "four"])
		await client.call("agent.send", { message, sessionKey: KEY, wait: true });
	const history = async () =>
		(await client.call("session.history", { sessionKey: KEY })).messages;
	const before = await history();
	expect(before).toHaveLength(8);
	expect(await client.call("session.compact", { sessionKey: KEY })).toEqual({
		ok: true,
		messages: 4,
		summary,
	});
	await other.event(
		"session.updated",
		({ sessionKey, change }) => sessionKey === KEY && change === "compacted",
	);
	const [last, ...rest] = (await history()).toReversed();
	expect(rest.toReversed()).toEqual(before);
	expect(last).toMatchObject({
		role: "summary",
		content: summary,
		through: before[3]?.id,
	});
	const again = await client.call("session.compact", { sessionKey: KEY });
	expect(again).toEqual({ ok: true, messages: 0, summary });
});

test("a session that could not be summed up is as it was, and the client is told why", async () => {
	using model = await modelSaying((request) =>
		/summar/i.test(JSON.stringify(request.body))
			? { status: 401, body: { error: { message: "no such key" } } }
			: { text: "Well." },
	);
	await using server = await openServer(config(model.agent));
	using client = await server.connect();
	for (const message of ["one", "two", "three"])
		await client.call("agent.send", { message, sessionKey: KEY, wait: true });
	const refused = await client.refused("session.compact", { sessionKey: KEY });
	expect(refused).toMatchObject({
		code: "LLM_REJECTED",
		message: expect.stringContaining("no such key"),
	});
	const { messages } = await client.call("session.history", {
		sessionKey: KEY,
	});
	expect(messages).toHaveLength(6);
	const stranger = "agent:gone:ws:me";
	expect(
		await client.refused("session.compact", { sessionKey: stranger }),
	).toMatchObject({ code: "NOT_FOUND" });
});

test("a session that is deleted while a turn runs is gone", async () => {
	using model = await modelSaying(() => ({ text: "Half", ending: "hang" }));
	await using server = await openServer(config(model.agent));
	using client = await server.connect();
	const { runId } = await client.call("agent.send", {
		message: "go",
		sessionKey: KEY,
	});
	await client.event("agent.delta");
	expect(await client.call("session.delete", { sessionKey: KEY })).toEqual({
		ok: true,
		deleted: true,
	});
	expect((await client.end(runId)).data.code).toBe("CANCELLED");
	await client.event("session.updated", ({ change }) => change === "deleted");
	expect(
		await client.refused("session.get", { sessionKey: KEY }),
	).toMatchObject({ code: "NOT_FOUND" });
	expect((await client.call("session.list")).sessions).toEqual([]);
});

test("an approval is asked of every client, answered by one, and only once", async () => {
	using model = await modelSaying((_request, n) =>
		n === 0
			? { toolCalls: [{ name: "exec", input: { command: "echo yes" } }] }
			: { text: "Done." },
	);
	await using server = await openServer(config(model.agent));
	using one = await server.connect();
	using other = await server.connect();
	const { runId } = await one.call("agent.send", {
		message: "go",
		sessionKey: KEY,
	});
	const { data } = await other.event("approval.requested");
	expect(data).toMatchObject({ sessionKey: KEY, command: "echo yes" });
	expect((await one.call("approval.list")).approvals).toEqual([data as never]);
	const answer = { approvalId: data.approvalId, decision: "allow" };
	const twice = [1, 2].map((id) => ({
		jsonrpc: "2.0",
		id,
		method: "approval.resolve",
		params: answer,
	}));
	other.send(twice);
	await other.until(() => other.strays.some(Array.isArray));
	expect(other.strays.find(Array.isArray)).toMatchObject([
		{ id: 1, result: { ok: true } },
		{ id: 2, error: { data: { code: "NOT_FOUND" } } },
	]);
	expect(await one.refused("approval.resolve", answer)).toMatchObject({
		code: "NOT_FOUND",
	});
	await one.event("approval.resolved");
	expect((await one.end(runId)).data.text).toBe("Done.");
	const result = await one.event("agent.tool_result");
	expect(result.data.success).toBe(true);
});
