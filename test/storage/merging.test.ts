import { expect, test } from "bun:test";
import {
	mergeHistory,
	mergeParts,
	mergeWaiting,
} from "../../src/storage/merging.ts";
import type { Saving, Write } from "../../src/storage/writes.ts";
import { waiting } from "./inbox_contract.ts";
import { part } from "./outbox_contract.ts";
import { user } from "./store_contract.ts";

const stored = (id: number) => ({ ...user(`${id}`), id, timestamp: id });

const kept = (id: number, isSaved = false): Saving => ({
	kind: "save",
	sessionKey: "agent:main:cli:local",
	message: user(`${id}`),
	timestamp: id,
	stored: stored(id),
	isSaved,
});

const ids = (...found: Parameters<typeof mergeHistory>) =>
	mergeHistory(...found).map(({ id }) => id);

test("a kept message that was saved before the store was read is not shown twice", () => {
	expect(ids([stored(1), stored(2)], [kept(2, true), kept(3)], 9)).toEqual([
		1, 2, 3,
	]);
});

test("a kept message that was saved after the store was read is not missing", () => {
	expect(ids([stored(1)], [kept(2, true), kept(3)], 9)).toEqual([1, 2, 3]);
});

test("the limit and the end hold for stored and kept messages together", () => {
	const both = [
		[stored(1), stored(2)],
		[kept(3), kept(4)],
	] as const;
	expect(ids(...both, 3)).toEqual([2, 3, 4]);
	expect(ids(...both, 2, 4)).toEqual([2, 3]);
	expect(ids(...both, 0)).toEqual([]);
	expect(ids(...both, -1)).toEqual([]);
});

const sessionKey = "agent:main:cli:local";

const taking = (...runIds: string[]): Write => ({
	...kept(1),
	runIds,
});

const finishing = (
	runIds: string[],
	...parts: ReturnType<typeof part>[]
): Write => ({ kind: "finish", sessionKey, runIds, parts });

test("what is kept is done in order to what waits in the store", () => {
	const files = [{ kind: "image" as const, id: "i", uniqueId: "u" }];
	const stored = [
		{ ...waiting("r1"), files },
		waiting("r2"),
		{ ...waiting("r3"), takenBy: "r3", attempts: 1 },
		{ ...waiting("r4"), takenBy: "r4", attempts: 2 },
	];
	const writes: Write[] = [
		{ kind: "accept", sessionKey, waiting: { ...waiting("r5"), files } },
		{ kind: "accept", sessionKey, waiting: waiting("r2") },
		{ kind: "accept", sessionKey, waiting: waiting("r6") },
		{ kind: "amend", sessionKey, runId: "r1", change: { text: "new" } },
		{ kind: "amend", sessionKey, runId: "r3", change: { text: "late" } },
		{ kind: "amend", sessionKey, runId: "gone", change: { text: "late" } },
		{ kind: "count", sessionKey, takenBy: "r5" },
		taking("r5", "r1", "r3", "gone"),
		{ kind: "count", sessionKey, takenBy: "r5" },
		{ kind: "count", sessionKey, takenBy: "r4" },
		{ kind: "amend", sessionKey, runId: "r5", change: { text: "late" } },
		finishing(["r6", "r3", "gone"]),
	];
	expect(mergeWaiting(stored, writes)).toStrictEqual([
		{ ...waiting("r1"), text: "new", takenBy: "r5", attempts: 2 },
		waiting("r2"),
		{ ...waiting("r4"), takenBy: "r4", attempts: 3 },
		{ ...waiting("r5"), files, takenBy: "r5", attempts: 2 },
	]);
	expect(mergeWaiting(stored, [])).toStrictEqual(stored);
});

test("a kept message that the store has in the meantime waits once, as the store has it", () => {
	const stored = [{ ...waiting("r1"), takenBy: "r0", attempts: 3 }];
	const accepting: Write = {
		kind: "accept",
		sessionKey,
		waiting: waiting("r1"),
	};
	expect(mergeWaiting(stored, [accepting, taking("r1")])).toEqual(stored);
});

test("kept parts take the place of the stored ones and come behind them where they are new", () => {
	const sent = { ...part("a", 0), state: "sent" as const };
	const writes = [
		finishing([], part("c", 0), sent),
		finishing(["r1"], part("d", 0), { ...part("c", 0), attempts: 1 }),
	];
	const stored = [part("a", 0), part("b", 0)];
	const isPending = ({ state }: { state: string }) => state === "pending";
	expect(mergeParts(stored, writes, isPending)).toEqual([
		part("b", 0),
		{ ...part("c", 0), attempts: 1 },
		part("d", 0),
	]);
	expect(mergeParts(stored, writes, () => true)[0]).toEqual(sent);
});
