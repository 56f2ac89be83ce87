import { expect, test } from "bun:test";
import { run } from "../../src/core/run.ts";

test("a program's exit code and both of its streams are heard", async () => {
	const script = "echo out; echo err >&2; exit 3";
	expect(await run(["sh", "-c", script])).toEqual({
		code: 3,
		out: "out\n",
		err: "err\n",
	});
});

test("a program gets the environment that it is given, and nothing of Aeon's", async () => {
	const { out } = await run(["env"], { env: { NAME: "value" } });
	const names = out.trim().split("\n").sort();
	expect(names.map((line) => line.split("=")[0])).toEqual([
		"LANG",
		"NAME",
		"PATH",
	]);
});

test("a program that takes too long is ended, with what it has started", async () => {
	const script = "sleep 60 & sleep 60; wait";
	const result = await run(["sh", "-c", script], { timeoutMs: 200 });
	expect(result.code).toBe(124);
});

test("a program that is not there is an error that names it", async () => {
	await expect(run(["/no/such/program"])).rejects.toMatchObject({
		code: "not_found",
		message: expect.stringContaining("/no/such/program"),
	});
});

test("an abort ends a program and is thrown", async () => {
	const stopping = new AbortController();
	const running = run(["sleep", "60"], { signal: stopping.signal });
	stopping.abort(new Error("enough"));
	await expect(running).rejects.toThrow("enough");
});
