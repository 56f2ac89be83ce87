import { afterEach, describe, expect, test } from "bun:test";
import {
	answering,
	delta,
	end,
	host,
	json,
	reading,
	start,
	stopFake,
	tool,
} from "./anthropic_events.ts";
import { ask, failure } from "./asking.ts";

afterEach(stopFake);

describe("arguments that are no JSON object", () => {
	const input = '{"path": "a.txt", "content": "one two"}';
	test("because max_tokens cut them, at any character, are never run", async () => {
		for (let length = 0; length < input.length; length++) {
			const events = await reading(
				tool(0, "file_write"),
				json(0, input.slice(0, length)),
				end("max_tokens"),
			);
			const error = `The call was cut at max_tokens after ${length} characters, so it was not run: write less at a time, for example in several calls with append.`;
			const call = { id: "toolu_0", name: "file_write", input: {} };
			expect(events[0]).toEqual({
				type: "tool_call",
				call: { ...call, error },
			});
			expect(events.at(-1)).toMatchObject({
				reason: "max_tokens",
				replay: { content: [{ type: "tool_use", ...call }] },
			});
		}
	});

	test("are told to the model", async () => {
		for (const bad of ["{oops}", "[1]", '"text"', "7"]) {
			const events = await reading(
				tool(0, "now"),
				json(0, bad),
				end("tool_use"),
			);
			expect(events[0]).toMatchObject({
				call: {
					input: {},
					error: `The arguments were not valid JSON (no object in ${bad.length} characters): send them again.`,
				},
			});
		}
	});

	test("but whole ones are run, even in an answer that was cut", async () => {
		const events = await reading(
			tool(0, "now"),
			json(0, input),
			end("max_tokens"),
		);
		expect(events[0]).toMatchObject({ call: { input: JSON.parse(input) } });
		expect(events[0]).not.toHaveProperty("call.error");
	});
});

test("thinking that was cut before it was signed is not given back", async () => {
	const events = await reading(
		start(0, { type: "thinking", thinking: "", signature: "" }),
		delta(0, { type: "thinking_delta", thinking: "Hm" }),
		end("max_tokens"),
	);
	expect(events.at(-1)).not.toHaveProperty("replay");
});

const HALF = [
	start(0, { type: "text", text: "" }),
	delta(0, { type: "text_delta", text: "He" }),
];

describe("an error in the stream", () => {
	for (const [type, code] of [
		["overloaded_error", "llm_unavailable"],
		["something_new", "llm_unavailable"],
		["invalid_request_error", "llm_rejected"],
	]) {
		test(`of type ${type} is ${code}`, async () => {
			const error = { type, message: "Sorry" };
			const broken = reading(...HALF, { type: "error", error });
			const result = await failure(broken);
			expect(result).toEqual({
				code: code as string,
				message: `${host()} said ${type}: Sorry`,
			});
		});
	}

	test("counts as well where a proxy sends it as JSON with status 200", async () => {
		const raw = '{"error": {"type": "not_found_error", "message": "Who?"}}';
		expect(await failure(ask(await answering({ raw })))).toMatchObject({
			code: "llm_rejected",
		});
	});
});
