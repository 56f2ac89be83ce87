import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { LlmClient, ToolSpec } from "../../src/llm/client.ts";
import { ask, asking, collect, never, rejection } from "./asking.ts";

/** A client, and the far side it speaks to. Said `call echo {"text":"hi"}`, that calls a tool; else it says something. */
export interface Subject {
	client: LlmClient;
	/** Requests that went out so far. */
	requestCount(): number;
	stop(): void;
}

const ECHO: ToolSpec = {
	name: "echo",
	description: "Says it again.",
	parameters: { type: "object", properties: { text: { type: "string" } } },
};
const CALL = asking('call echo {"text":"hi"}', { tools: [ECHO] });

/** What every driver promises in `llm/client.ts`. */
export function describeClient(name: string, start: () => Promise<Subject>) {
	describe(`the client of ${name}`, () => {
		let subject: Subject;
		beforeAll(async () => {
			subject = await start();
		});
		afterAll(() => subject.stop());

		test("has a label with provider and model, and a window that an answer takes no more than half of", () => {
			const { label, contextWindow, maxAnswerTokens } = subject.client;
			expect(label).toMatch(/^[a-z]+\/\S+$/);
			expect(contextWindow).toBeGreaterThan(1000);
			expect(maxAnswerTokens).toBeGreaterThan(0);
			expect(maxAnswerTokens).toBeLessThanOrEqual(contextWindow / 2);
		});

		test("streams text, then usage, then one stop", async () => {
			const events = await ask(subject.client);
			expect(events.map(({ type }) => type)).toEqual([
				"text_delta",
				"usage",
				"stop",
			]);
			expect(events.at(-1)).toMatchObject({ reason: "end_turn" });
		});

		test("gives a tool call whole, before usage and stop", async () => {
			const events = await ask(subject.client, CALL);
			expect(events).toMatchObject([
				{ type: "tool_call", call: { name: "echo", input: { text: "hi" } } },
				{ type: "usage" },
				{ type: "stop", reason: "tool_use" },
			]);
			const [event] = events;
			if (event?.type === "tool_call") expect(event.call.id).not.toBe("");
		});

		test("goes on with the result of a tool, with its replay and without", async () => {
			const events = await ask(subject.client, CALL);
			const calls = events.flatMap((event) =>
				event.type === "tool_call" ? [event.call] : [],
			);
			const stop = events.at(-1);
			const replay = stop?.type === "stop" ? stop.replay : undefined;
			for (const kept of [replay, undefined]) {
				const more = await ask(
					subject.client,
					asking(
						[
							...CALL.messages,
							{
								role: "assistant",
								content: "",
								toolCalls: calls,
								replay: kept,
							},
							...calls.map((call) => ({
								role: "tool" as const,
								content: "hi",
								toolCallId: call.id,
								toolName: call.name,
							})),
						],
						{ tools: [ECHO] },
					),
				);
				expect(more.at(-1)).toMatchObject({ reason: "end_turn" });
			}
		});

		test("asks nobody before the first event is asked for", async () => {
			const before = subject.requestCount();
			const stream = subject.client.streamCompletion(asking(), never);
			await Promise.resolve();
			expect(subject.requestCount()).toBe(before);
			await collect(stream);
		});

		test("rethrows the reason of a signal that is aborted already, and asks nobody", async () => {
			const before = subject.requestCount();
			const reason = new Error("stopped by the person");
			const signal = AbortSignal.abort(reason);
			expect(await rejection(ask(subject.client, asking(), signal))).toBe(
				reason,
			);
			expect(subject.requestCount()).toBe(before);
		});

		test("rethrows the reason of an abort between two events", async () => {
			const control = new AbortController();
			let seen = 0;
			const reason = { why: "any value may be one" };
			const read = async () => {
				const stream = subject.client.streamCompletion(
					asking(),
					control.signal,
				);
				for await (const _ of stream) {
					seen++;
					control.abort(reason);
				}
			};
			expect(await rejection(read())).toBe(reason);
			expect(seen).toBe(1);
		});
	});
}
