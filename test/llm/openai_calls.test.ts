import { afterEach, describe, expect, test } from "bun:test";
import type { ToolCall } from "../../src/core/message.ts";
import { call, DONE, reading, say, stopFake } from "./openai_chunks.ts";

afterEach(stopFake);

/** The tool calls that come of these pieces, each a chunk of its own. */
async function calling(...pieces: object[]): Promise<ToolCall[]> {
	const chunks = pieces.map((piece) => say({ tool_calls: [piece] }));
	const events = await reading(...chunks, say({}, "tool_calls"), DONE);
	return events.flatMap((event) =>
		event.type === "tool_call" ? [event.call] : [],
	);
}

describe("tool calls are put together", () => {
	const a = { id: "a", name: "exec", input: { command: "ls" } };
	const b = { id: "b", name: "exec", input: { command: "id" } };
	const fn = (name: unknown, args: unknown) => ({
		function: { name, arguments: args },
	});
	const ls = '{"command":"ls"}';
	const id = '{"command":"id"}';
	const cases: [name: string, pieces: object[], calls: object[]][] = [
		[
			"when id and name come with every piece",
			[
				{ index: 0, id: "a", ...fn("exec", '{"comm') },
				{ index: 0, id: "a", ...fn("exec", 'and":"ls"}') },
			],
			[a],
		],
		[
			"when the name comes in pieces, or grows",
			[
				{ index: 0, id: "a", ...fn("ex", "") },
				{ index: 0, ...fn("ec", ls) },
				{ index: 1, id: "b", ...fn("ex", "") },
				{ index: 1, ...fn("exec", id) },
			],
			[a, b],
		],
		[
			"when there is no index",
			[
				{ id: "a", ...fn("exec", '{"command"') },
				fn(undefined, ':"ls"}'),
				{ id: "b", ...fn("exec", id) },
			],
			[a, b],
		],
		[
			"when every call has the index 0",
			[
				{ index: 0, id: "a", ...fn("exec", ls) },
				{ index: 0, id: "b", ...fn("exec", '{"command"') },
				{ index: 0, ...fn(null, ':"id"}') },
			],
			[a, b],
		],
		[
			"when there is neither index nor id",
			[fn("exec", ls), fn("exec", '{"command"'), fn("exec", ':"id"}')],
			[
				{ ...a, id: "call_1" },
				{ ...b, id: "call_2" },
			],
		],
		[
			"when an id is minted already, or given twice",
			[
				{ index: 0, id: "call_1", ...fn("exec", ls) },
				{ index: 1, id: "", ...fn("exec", ls) },
				{ index: 2, id: "call_1", ...fn("exec", id) },
			],
			[
				{ ...a, id: "call_1" },
				{ ...a, id: "call_2" },
				{ ...b, id: "call_3" },
			],
		],
		[
			"when the arguments are an object",
			[{ index: 0, id: "a", ...fn("exec", { command: "ls" }) }],
			[a],
		],
		[
			"when there are no arguments",
			["", null, undefined, "null", "{}"].map((none, index) => ({
				index,
				id: `${index}`,
				...fn("now", none),
			})),
			[0, 1, 2, 3, 4].map((n) => ({ id: `${n}`, name: "now", input: {} })),
		],
		[
			"when the index begins at 1",
			[{ index: 1, id: "a", ...fn("exec", ls) }],
			[a],
		],
		["unless they have no name at all", [{ index: 0, id: "a" }], []],
	];
	for (const [name, pieces, calls] of cases) {
		test(name, async () => {
			expect((await calling(...pieces)) as object[]).toEqual(calls);
		});
	}

	test("when there is one of the old kind", async () => {
		const events = await reading(
			say({ function_call: { name: "exec", arguments: '{"command"' } }),
			say({ function_call: { arguments: ':"ls"}' } }, "function_call"),
		);
		expect(events[0]).toEqual({
			type: "tool_call",
			call: { ...a, id: "call_1" },
		});
	});

	test("but not run where the answer was cut in their arguments", async () => {
		for (let length = 0; length < ls.length; length++) {
			const events = await reading(
				call(0, { id: "a", ...fn("exec", ls.slice(0, length)) }),
				say({}, "length"),
			);
			const error = `The call was cut at max_tokens after ${length} characters, so it was not run: write less at a time, for example in several calls with append.`;
			expect(events[0]).toEqual({
				type: "tool_call",
				call: { id: "a", name: "exec", input: {}, error },
			});
			expect(events.at(-1)).toMatchObject({ reason: "max_tokens" });
		}
	});

	test("nor where they are no JSON object, which the model is told", async () => {
		const [bad] = await calling({ index: 0, id: "a", ...fn("exec", "{oops}") });
		expect(bad).toMatchObject({
			input: {},
			error:
				"The arguments were not valid JSON (no object in 6 characters): send them again.",
		});
	});
});
