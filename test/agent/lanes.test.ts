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
