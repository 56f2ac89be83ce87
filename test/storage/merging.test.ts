import { expect, test } from "bun:test";
import { mergeHistory } from "../../src/storage/merging.ts";
import type { Saving } from "../../src/storage/unsaved.ts";
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
