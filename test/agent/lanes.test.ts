import { expect, test } from "bun:test";
import { Lanes } from "../../src/agent/lanes.ts";
import { AeonError } from "../../src/core/errors.ts";

const stop = new AeonError("cancelled", "Stopped.");

test("work of one session runs in the order given, other sessions run beside it", async () => {
	const lanes = new Lanes();
	const order: string[] = [];
	const gate = Promise.withResolvers<void>();
	const work = (name: string, wait?: Promise<void>) => async () => {
		order.push(`${name} begins`);
		await wait;
		order.push(`${name} ends`);
	};
	const first = lanes.enqueue("a", work("first", gate.promise));
	const second = lanes.enqueue("a", work("second"));
	await lanes.enqueue("b", work("other"));
	gate.resolve();
	await Promise.all([first, second]);
	expect(order).toEqual([
		"first begins",
		"other begins",
		"other ends",
		"first ends",
		"second begins",
		"second ends",
	]);
});

test("work that fails does not hold up what waits behind it", async () => {
	const lanes = new Lanes();
	const failed = lanes.enqueue("a", async () => {
		throw new Error("broken");
	});
	const next = lanes.enqueue("a", async () => "ran");
	expect(failed).rejects.toThrow("broken");
	expect(await next).toBe("ran");
});

test("a cancel reaches what runs and what waits, and nothing that comes after it", async () => {
	const lanes = new Lanes();
	const seen: unknown[] = [];
	const look = async (signal: AbortSignal) => {
		if (!signal.aborted)
			await new Promise((resolve) =>
				signal.addEventListener("abort", resolve, { once: true }),
			);
		seen.push(signal.reason);
	};
	const running = lanes.enqueue("a", look);
	const waiting = lanes.enqueue("a", look);
	expect(lanes.cancel("a", stop)).toBe(true);
	const later = lanes.enqueue("a", async (signal) => signal.aborted);
	await Promise.all([running, waiting]);
	expect(seen).toEqual([stop, stop]);
	expect(await later).toBe(false);
	expect(lanes.cancel("a", stop)).toBe(false);
});

test("the twenty-first message that would wait is refused, and room comes back when the lane is cancelled", async () => {
	const lanes = new Lanes();
	const gate = Promise.withResolvers<void>();
	const all = Array.from({ length: 21 }, () =>
		lanes.enqueue("a", () => gate.promise),
	);
	expect(() => lanes.admit("a")).toThrow("20 messages are waiting");
	lanes.cancel("a", stop);
	lanes.admit("a", 20);
	expect(() => lanes.admit("a", 21)).toThrow("20 messages are waiting");
	const reset = lanes.enqueue("a", async () => "reset");
	gate.resolve();
	await Promise.all(all);
	expect(await reset).toBe("reset");
	await lanes.idle();
});

test("what waits is cancelled by its id, or all of it, without waiting for what runs", async () => {
	const lanes = new Lanes();
	const gate = Promise.withResolvers<string>();
	const reason = async (signal: AbortSignal) => signal.reason;
	const running = lanes.enqueue("a", () => gate.promise, { id: "running" });
	const one = lanes.enqueue("a", reason, { id: "one" });
	const two = lanes.enqueue("a", reason, { id: "two" });
	const three = lanes.enqueue("b", () => gate.promise, { id: "three" });
	expect(lanes.count()).toEqual({ running: 2, waiting: 2 });
	expect(lanes.cancelOne("one", stop)).toBe(true);
	expect(await one).toBe(stop);
	expect(lanes.cancelOne("one", stop)).toBe(false);
	expect(lanes.cancelOne("nobody", stop)).toBe(false);
	lanes.cancelWaiting(stop);
	expect(await two).toBe(stop);
	expect(lanes.count()).toEqual({ running: 2, waiting: 0 });
	gate.resolve("ended");
	expect(await Promise.all([running, three])).toEqual(["ended", "ended"]);
	await lanes.idle();
	expect(lanes.isBusy("a")).toBe(false);
});

test("what runs is told by its id that it is cancelled, and nothing else is", async () => {
	const lanes = new Lanes();
	const aborted = (signal: AbortSignal) =>
		new Promise((resolve) =>
			signal.addEventListener("abort", () => resolve(signal.reason)),
		);
	const first = lanes.enqueue("a", aborted, { id: "first" });
	const second = lanes.enqueue("a", async (signal) => signal.aborted, {
		id: "second",
	});
	expect(lanes.cancelOne("first", stop)).toBe(true);
	expect(await first).toBe(stop);
	expect(await second).toBe(false);
});

/** Work that ends when it is stopped, and gives why. */
const untilStopped = (signal: AbortSignal) =>
	new Promise<unknown>((resolve) =>
		signal.addEventListener("abort", () => resolve(signal.reason)),
	);

test("work that was taken over ends with what took it over, and whoever cancels it stops that", async () => {
	const lanes = new Lanes();
	const first = lanes.enqueue("a", untilStopped, { id: "first" });
	const work = async () => "its own";
	const taken = lanes.enqueue("a", work, { id: "taken", subject: 1 });
	const last = lanes.enqueue("a", work, { id: "last", subject: 2 });
	expect(lanes.join("a", "first", (subject) => subject === 1)).toEqual([1]);
	expect(lanes.count()).toEqual({ running: 1, waiting: 1 });
	expect(lanes.cancelOne("taken", stop)).toBe(true);
	const results: unknown[] = await Promise.all([first, taken]);
	expect(results).toEqual([stop, stop]);
	expect(await last).toBe("its own");
});

test("only what runs takes over, only what waits directly behind it, and nothing that was cancelled", async () => {
	const lanes = new Lanes();
	const first = lanes.enqueue("a", untilStopped, { id: "first" });
	for (const [id, subject] of Object.entries({ b: 1, c: 2, d: 1 }))
		void lanes.enqueue("a", async () => {}, { id, subject });
	const isOne = (subject: unknown) => subject === 1;
	expect(lanes.join("a", "b", isOne)).toEqual([]);
	expect(lanes.join("other", "first", isOne)).toEqual([]);
	expect(lanes.join("a", "first", isOne)).toEqual([1]);
	expect(lanes.join("a", "first", isOne)).toEqual([]);
	lanes.cancel("a", stop);
	expect(await first).toBe(stop);
	const second = lanes.enqueue("b", untilStopped, { id: "second" });
	void lanes.enqueue("b", async () => {}, { id: "e", subject: 1 });
	lanes.cancel("b", stop);
	void lanes.enqueue("b", async () => {}, { id: "f", subject: 1 });
	expect(lanes.join("b", "second", isOne)).toEqual([1]);
	expect(lanes.join("b", "second", isOne)).toEqual([]);
	expect(await second).toBe(stop);
	await lanes.idle();
});
