import { expect, test } from "bun:test";
import { temporaryHome } from "../support/home.ts";
import { config, modelSaying, spawnServer } from "../support/server.ts";
import type { WireClient } from "../support/wire.ts";

/** How often it is killed; `AEON_KILLS` in the environment makes it more. */
const KILLS = Number(process.env.AEON_KILLS ?? 8);
const SESSIONS = 4;

test("killed under load again and again it starts by itself, and every acknowledged message is in its session once and is answered", async () => {
	using home = temporaryHome();
	using model = await modelSaying(async () => {
		await Bun.sleep(Math.random() * 10);
		return { text: ["An ", "answer."] };
	});
	const sections = config(model.agent, {
		server: { drain_ms: 0 },
	});
	const acknowledged = new Map<string, string>();
	let count = 0;
	for (let kill = 0; kill < KILLS; kill++) {
		await using server = await spawnServer(sections, home.path);
		using client = await server.connect();
		const killAt = performance.now() + 20 + Math.random() * 250;
		const loads = Array.from({ length: SESSIONS }, async (_, index) => {
			const sessionKey = `agent:main:ws:user${index}`;
			while (performance.now() < killAt) {
				const message = `message ${count++}`;
				const params = { message, sessionKey, messageId: message };
				const answer = await client
					.call("agent.send", params)
					.catch((error) => error);
				if (answer.ok) acknowledged.set(message, sessionKey);
				else if (answer.code !== "BUSY") return;
				else await Bun.sleep(5);
			}
		});
		await Bun.sleep(killAt - performance.now());
		server.kill("SIGKILL");
		await server.exited;
		await Promise.all(loads);
	}
	expect(acknowledged.size).toBeGreaterThan(KILLS * SESSIONS);
	await using server = await spawnServer(sections, home.path);
	using client = await server.connect();
	while ((await client.call("status")).queue.running > 0) await Bun.sleep(20);
	for (let index = 0; index < SESSIONS; index++) {
		const sessionKey = `agent:main:ws:user${index}`;
		const said = await whatWasSaid(client, sessionKey);
		const expected = [...acknowledged]
			.filter(([, key]) => key === sessionKey)
			.map(([message]) => message);
		expect(expected.filter((message) => !said.includes(message))).toEqual([]);
		// A message that was kept and not acknowledged may be there, too; none is there twice.
		expect(said.length).toBe(new Set(said).size);
	}
	expect(model.llm.breaches).toEqual([]);
}, 300_000);

/** Everything that a user said in a session. */
async function whatWasSaid(
	client: WireClient,
	sessionKey: string,
): Promise<string[]> {
	const said: string[] = [];
	for (let before: number | null | undefined; before !== null; ) {
		const page = await client.call("session.history", {
			sessionKey,
			limit: 500,
			...(before !== undefined && { before }),
		});
		said.unshift(
			...page.messages.flatMap(({ role, content }) =>
				role === "user" ? [content] : [],
			),
		);
		before = page.cursor;
	}
	return said;
}
