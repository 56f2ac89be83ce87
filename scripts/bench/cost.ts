// What a model is sent for the shortest message, which is what every message costs.

import { BYTES_PER_TOKEN } from "../../src/agent/budget.ts";
import * as tools from "../../src/tools/registry.ts";
import { run } from "../../test/support/command.ts";
import { startFakeLlm } from "../../test/support/fake_llm.ts";
import { temporaryHome } from "../../test/support/home.ts";
import type { Bench, Figure, Subject } from "./rig/figure.ts";

const MESSAGE = "hi";
const MOST_TOKENS = 1_100;

export const cost: Subject = {
	title: "Cost",
	async measure(bench) {
		const anthropic = await sent(bench, "anthropic");
		const openai = await sent(bench, "openai");
		return [...figures("anthropic", anthropic), ...figures("openai", openai)];
	},
};

/** Bytes of a request's body, and of its parts. */
interface Sent {
	whole: number;
	system: number;
	tools: number;
}

/** What a new home's first message comes to, with every built-in tool offered. */
async function sent(bench: Bench, api: "anthropic" | "openai"): Promise<Sent> {
	using llm = disposable(
		await startFakeLlm({ api, script: () => ({ text: ["Hello."] }) }),
	);
	const main = {
		provider: api,
		model: "fake-1",
		api_key: "k",
		base_url: llm.url,
	};
	using home = temporaryHome({ agents: { main } });
	const { code, err } = await run(["chat", "-m", MESSAGE], {
		home: home.path,
		binary: bench.aeon,
	});
	const body = llm.requests[0]?.body;
	if (code !== 0 || !body) throw new Error(err || "nothing was sent");
	const offered = JSON.stringify(body.tools);
	for (const name of Object.keys(tools))
		if (!offered.includes(`"name":"${name}"`))
			throw new Error(`${name} was not offered`);
	const system = body.system ?? body.messages[0];
	return {
		whole: bytesOf(body),
		system: bytesOf(system),
		tools: bytesOf(body.tools),
	};
}

function figures(api: string, { whole, system, tools }: Sent): Figure[] {
	return [
		{
			what: `“${MESSAGE}” to ${api}, estimated`,
			unit: "tokens",
			values: [Math.round(whole / BYTES_PER_TOKEN)],
			aim: { most: MOST_TOKENS },
			note: `the request's bytes by ${BYTES_PER_TOKEN}; every built-in tool is offered. The same every time, so measured once.`,
		},
		{ what: "  bytes", unit: "bytes", values: [whole] },
		...parts("of it the system prompt", system),
		...parts("of it the tools", tools),
	];
}

function parts(what: string, bytes: number): Figure[] {
	const tokens = Math.round(bytes / BYTES_PER_TOKEN);
	return [
		{ what: `  ${what}`, unit: "tokens", values: [tokens] },
		{ what: "    bytes", unit: "bytes", values: [bytes] },
	];
}

function bytesOf(part: unknown): number {
	return Buffer.byteLength(JSON.stringify(part));
}

function disposable<Fake extends { stop(): void }>(fake: Fake) {
	return Object.assign(fake, { [Symbol.dispose]: () => fake.stop() });
}
