import { expect, test } from "bun:test";
import { createRoutes } from "../../src/server/http.ts";
import { temporaryFolder } from "../support/home.ts";
import {
	bareServer,
	config,
	modelSaying,
	openServer,
} from "../support/server.ts";

/** The samples of a text in Prometheus's format, each of a family that was announced; throws at a line that is none. */
function samples(text: string): Map<string, number> {
	const found = new Map<string, number>();
	const families = new Map<string, string>();
	expect(text).toEndWith("\n");
	for (const line of text.slice(0, -1).split("\n")) {
		const type = /^# TYPE ([a-z_]+) (counter|gauge|histogram)$/.exec(line);
		if (type) families.set(type[1] ?? "", type[2] ?? "");
		else if (!/^# HELP [a-z_]+ \S/.test(line)) {
			const [, name = "", labels = "", value = ""] =
				/^([a-z_]+)(\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+\})? (\S+)$/.exec(
					line,
				) ?? [];
			if (!name) throw new Error(`no sample: ${line}`);
			const family = name.replace(/_(bucket|sum|count)$/, "");
			expect([...families.keys()]).toContain(
				families.has(name) ? name : family,
			);
			expect(found.has(name + labels)).toBe(false);
			expect(Number(value)).not.toBeNaN();
			found.set(name + labels, Number(value));
		}
	}
	return found;
}

test("the figures can be read by Prometheus and count turns, tokens, tools and errors", async () => {
	using model = await modelSaying((_request, n) =>
		n === 0
			? { toolCalls: [{ name: "exec", input: { command: "true" } }] }
			: n === 1
				? { toolCalls: [{ name: 'a"b\\c\nd', input: {} }] }
				: n === 2
					? { text: "Done." }
					: { status: 400, body: { error: { message: "No." } } },
	);
	await using server = await openServer(
		config(model.agent, { tools: { exec: { approval: "allow" } } }),
	);
	using client = await server.connect();
	await client.call("agent.send", { message: "go", wait: true });
	await client.refused("agent.send", { message: "go", wait: true });
	await client.refused("nothing");
	const response = await server.get("/metrics", {
		headers: { Authorization: `Bearer ${server.token}` },
	});
	expect(response.headers.get("content-type")).toBe(
		"text/plain; version=0.0.4; charset=utf-8",
	);
	const found = samples(await response.text());
	expect(Object.fromEntries(found)).toMatchObject({
		'aeon_turns_total{outcome="done"}': 1,
		'aeon_turns_total{outcome="error"}': 1,
		'aeon_tokens_total{model="anthropic/fake-1",kind="input"}': 30,
		'aeon_tokens_total{model="anthropic/fake-1",kind="output"}': 15,
		'aeon_tool_calls_total{tool="exec",success="true"}': 1,
		'aeon_tool_calls_total{tool="a\\"b\\\\c\\nd",success="false"}': 1,
		'aeon_errors_total{code="UNKNOWN_METHOD"}': 1,
		aeon_clients: 1,
		aeon_turns_running: 0,
		aeon_messages_waiting: 0,
		aeon_turn_seconds_count: 2,
		'aeon_turn_seconds_bucket{le="+Inf"}': 2,
		aeon_first_delta_seconds_count: 1,
	});
	expect(found.get('aeon_errors_total{code="LLM_REJECTED"}')).toBeGreaterThan(
		0,
	);
	expect(found.get("process_resident_memory_bytes")).toBeGreaterThan(1e7);
	expect((await server.get("/metrics")).status).toBe(401);
});

test("a server lives before Aeon is open behind it, and is ready afterwards", async () => {
	using folder = temporaryFolder();
	const server = bareServer(folder.path);
	const get = (path: string) => fetch(`http://127.0.0.1:${server.port}${path}`);
	expect(await (await get("/health")).json()).toMatchObject({ ok: true });
	const ready = await get("/ready");
	expect(ready.status).toBe(503);
	expect(await ready.json()).toEqual({
		ok: false,
		problem: "Aeon is opening its store",
	});
	server.close();
	await using open = await openServer(config());
	using client = await open.connect();
	await client.call("status");
	const body = await (await open.get("/ready")).json();
	expect(body).toEqual({
		ok: true,
		storage: { isWell: true },
		dialogs: [{ name: "ws", state: "running" }],
	});
});

test("what a dialog refuses is noted with why: it has to come again, or it is nobody's", async () => {
	const noted: unknown[] = [];
	const routes = createRoutes({
		readiness: () => ({ isReady: true }),
		refuse: async () => undefined,
		metrics: () => "",
		webhook: async (status) => new Response(null, { status: Number(status) }),
		noteRefusal: (...refusal) => void noted.push(refusal),
	});
	const env = { address: "192.0.2.1" };
	for (const status of [200, 401, 503]) {
		const path = `/webhooks/${status}`;
		const answer = await routes.request(path, { method: "POST" }, env);
		expect(answer.status).toBe(status);
	}
	expect(noted).toEqual([
		["192.0.2.1", 401, "it is no webhook of ours"],
		["192.0.2.1", 503, "it has to come again"],
	]);
});
