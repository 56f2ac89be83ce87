// What anybody may post before it is known who posts it.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { answer, createBodies, isSame } from "../../src/dialogs/posted.ts";
import { type FakeClock, fakeClock } from "../support/fake_clock.ts";

const MB = 1024 * 1024;

let clock: FakeClock;
let bodies: ReturnType<typeof createBodies>;
let taken: number[];

beforeEach(() => {
	clock = fakeClock();
	bodies = createBodies(3 * MB, clock);
	taken = [];
});

afterEach(() => expect(clock.sleeping()).toBe(0));

/** Posts pieces; `stated` is the length that is said to come. */
function post(pieces: ReadableStream | string, stated?: number) {
	const request = new Request("http://here/", {
		method: "POST",
		body: pieces,
		headers: { ...(stated && { "content-length": `${stated}` }) },
	});
	return bodies.receive(request, async (bytes) => {
		taken.push(bytes.length);
		return answer(200);
	});
}

/** A body that gives so much, and then nothing until it is let go. */
function hanging(size: number) {
	const { promise, resolve } = Promise.withResolvers<void>();
	const body = new ReadableStream({
		async start(controller) {
			if (size > 0) controller.enqueue(new Uint8Array(size));
			await promise;
			controller.close();
		},
	});
	return { body, release: resolve };
}

test("a body is taken as it came, whatever it says of its length", async () => {
	const { body, release } = hanging(5);
	release();
	expect((await post(body, 3)).status).toBe(200);
	expect((await post("four")).status).toBe(200);
	expect(taken).toEqual([5, 4]);
});

test("all that is being read is bounded, and there is room again afterwards", async () => {
	const open = Array.from({ length: 5 }, () => hanging(3 * MB));
	const answers = open.map(({ body }, n) =>
		post(body, n % 2 ? 3 * MB : undefined),
	);
	await clock.advance(0);
	for (const stated of [3 * MB, undefined]) {
		// What says its length is refused before any of it is there.
		const { body } = hanging(stated ? 0 : 3 * MB);
		const refused = await post(body, stated);
		expect(refused.status).toBe(503);
		expect(refused.headers.get("connection")).toBe("close");
	}
	for (const { release } of open) release();
	const statuses = (await Promise.all(answers)).map(({ status }) => status);
	expect(statuses).toEqual([200, 200, 200, 200, 200]);
	const { body, release } = hanging(3 * MB);
	release();
	expect((await post(body, 3 * MB)).status).toBe(200);
});

test("a body that is not there in ten seconds is not waited for", async () => {
	const { body } = hanging(1);
	const answered = post(body);
	await clock.advance(9_900);
	expect(clock.sleeping()).toBe(1);
	await clock.advance(200);
	expect((await answered).status).toBe(408);
	expect(taken).toEqual([]);
});

test("what is too large is refused before it is read, or as soon as it is", async () => {
	expect((await post("x", 3 * MB + 1)).status).toBe(413);
	let isLetGo = false;
	const body = new ReadableStream({
		pull: (controller) => controller.enqueue(new Uint8Array(MB + 1)),
		cancel() {
			isLetGo = true;
		},
	});
	expect((await post(body)).status).toBe(413);
	expect(isLetGo).toBe(true);
	expect(taken).toEqual([]);
});

test("a body that breaks off is no body", async () => {
	const body = new ReadableStream({
		start: (controller) => controller.error(new Error("gone")),
	});
	expect((await post(body)).status).toBe(400);
});

test("what goes wrong with a body that is there is not the body's fault", async () => {
	const request = new Request("http://here/", { method: "POST", body: "x" });
	const failed = bodies.receive(request, () =>
		Promise.reject(new Error("a fault")),
	);
	await expect(failed).rejects.toThrow("a fault");
});

test("only a text that is the same everywhere is the same", () => {
	expect(isSame("our token", "our token")).toBe(true);
	const others = Array.from({ length: 5_000 }, (_, n) => `our token ${n}`);
	expect(others.filter((other) => isSame(other, "our token"))).toEqual([]);
});
