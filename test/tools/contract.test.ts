import { describe, expect, test } from "bun:test";
import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { toolSpecs } from "../../src/tools/catalog.ts";
import * as registry from "../../src/tools/registry.ts";
import type { Tool } from "../../src/tools/tool.ts";
import { noMemory } from "./no_memory.ts";
import { openSandbox } from "./sandbox.ts";

/** Of each tool a call that would take long. */
const LONG_CALLS: Record<string, Record<string, unknown>> = {
	exec: { command: "sleep 60" },
	file_read: { path: "big.txt", offset: 1_000_000 },
	file_write: { path: "a.txt", content: "x".repeat(5_000_000) },
	memory_forget: { id: 7 },
	memory_save: { text: "Anna likes tea." },
	memory_search: { query: "tea" },
	message_send: { text: "hi" },
	session_search: { query: "tea" },
};

const never = () => new Promise<never>(() => {});

describe.each(Object.entries(registry) as [string, Tool][])(
	"The tool %s",
	(name, tool) => {
		test("has the name it is registered by, which every provider takes", () => {
			expect(tool.name).toBe(name);
			expect(name).toMatch(/^[a-z][a-z0-9_]{0,63}$/);
		});

		test("says in a few words what it does", () => {
			expect(tool.description.length).toBeWithin(20, 160);
			expect(tool.description).toEndWith(".");
		});

		test("takes an object, and its JSON Schema stands for itself", () => {
			const [spec] = toolSpecs([tool]);
			expect(spec?.parameters).toMatchObject({
				type: "object",
				additionalProperties: false,
			});
			expect(Object.keys(spec?.parameters ?? {}).sort()).toEqual([
				"additionalProperties",
				"properties",
				"required",
				"type",
			]);
		});

		test("has settings that are complete without being written", () => {
			expect(tool.options?.safeParse({}).success ?? true).toBe(true);
		});

		test("answers wrong parameters with a sentence", async () => {
			using box = openSandbox();
			for (const input of [
				{},
				{ [Object.keys(tool.parameters.shape)[0] ?? ""]: [7] },
				{ ...LONG_CALLS[name], stranger: 1 },
			]) {
				const result = await box.run(name, input);
				expect(result).toEqual({
					success: false,
					output: "",
					error: expect.any(String),
				});
				expect(result.error).toStartWith(`${name} did not run: `);
				expect(result.error).not.toContain("\n");
			}
		});

		test("ends in under a second after an abort", async () => {
			using box = openSandbox();
			writeFileSync(join(box.root, "big.txt"), "line\n".repeat(2000));
			truncateSync(join(box.root, "big.txt"), 2 ** 32);
			const aborter = new AbortController();
			const running = box.run(name, LONG_CALLS[name] ?? {}, {
				signal: aborter.signal,
				send: never,
				memory: {
					save: never,
					search: never,
					forget: never,
					searchSessions: never,
				},
			});
			const ended = running.then(({ success }) => success, String);
			await new Promise(setImmediate);
			const start = Date.now();
			aborter.abort(new Error("stopped"));
			// A write that has begun is let come to its end, so that the file is whole.
			expect(await ended).toBeOneOf(
				name === "file_write" ? ["Error: stopped", true] : ["Error: stopped"],
			);
			expect(Date.now() - start).toBeLessThan(1000);
		});

		test("does nothing where the turn is stopped already", async () => {
			using box = openSandbox();
			const signal = AbortSignal.abort(new Error("stopped"));
			const sent: string[] = [];
			const asked = async () => {
				sent.push("memory");
				return [];
			};
			const context = {
				...box.context({
					signal,
					send: ({ text }) => Promise.resolve(String(sent.push(text))),
					memory: noMemory({ search: asked, searchSessions: asked }),
				}),
				options: tool.options?.parse({}) ?? {},
			};
			const parameters = tool.parameters.parse(LONG_CALLS[name]);
			expect(await tool.execute(parameters, context).catch(String)).toBe(
				"Error: stopped",
			);
			expect(sent).toEqual([]);
		});
	},
);
