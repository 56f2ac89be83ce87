import { expect, test } from "bun:test";
import { Syncing } from "../../src/database/syncing.ts";

/** A disk whose syncs end when they are told to. */
function slowDisk() {
	const syncs: PromiseWithResolvers<void>[] = [];
	return {
		syncs,
		sync: () => {
			const one = Promise.withResolvers<void>();
			syncs.push(one);
			return one.promise;
		},
	};
}

/** Lets everything go on that waits for nothing. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

test("what is committed while a sync runs is not told to be on the disk before the next one", async () => {
	const { syncs, sync } = slowDisk();
	const syncing = new Syncing(sync);
	const told: string[] = [];
	void syncing.now().then(() => told.push("first"));
	await settled();
	void syncing.now().then(() => told.push("second"));
	void syncing.now().then(() => told.push("third"));
	await settled();
	expect(syncs).toHaveLength(1);
	syncs[0]?.resolve();
	await settled();
	expect(told).toEqual(["first"]);
	expect(syncs).toHaveLength(2);
	syncs[1]?.resolve();
	await settled();
	expect(told).toEqual(["first", "second", "third"]);
	expect(syncs).toHaveLength(2);
});

test("a sync that fails is told to everybody who waits for it, and the next one is tried", async () => {
	const { syncs, sync } = slowDisk();
	const syncing = new Syncing(sync);
	const both = Promise.allSettled([syncing.now(), syncing.now()]);
	await settled();
	syncs[0]?.reject(new Error("EIO"));
	expect((await both).map(({ status }) => status)).toEqual([
		"rejected",
		"rejected",
	]);
	const next = syncing.now();
	await settled();
	syncs[1]?.resolve();
	await next;
});

test("what nobody waits for is synced soon, once for many, and its failure is told by the next that is waited for", async () => {
	const synced = Promise.withResolvers<void>();
	let count = 0;
	const syncing = new Syncing(async () => {
		count++;
		synced.resolve();
		if (count === 1) throw new Error("EIO");
	}, 1);
	syncing.soon();
	syncing.soon();
	await synced.promise;
	await settled();
	expect(count).toBe(1);
	expect(await syncing.now().catch(({ message }) => message)).toBe("EIO");
	await syncing.now();
	expect(count).toBe(3);
});

test("after its end nothing is synced", async () => {
	let count = 0;
	const syncing = new Syncing(async () => void count++, 1);
	syncing.soon();
	syncing.close();
	// A timer that is due after that one.
	await new Promise((resolve) => setTimeout(resolve, 2));
	expect(count).toBe(0);
});
