import { afterEach, beforeEach, expect, test } from "bun:test";
import {
	existsSync,
	mkdirSync,
	readdirSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { claimState, findServer } from "../../src/core/presence.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/home.ts";

const PRESENCE = {
	pid: 4711,
	url: "ws://127.0.0.1:1",
	token: "t",
	config: "",
	store: { driver: "sqlite", path: "/sessions.db" },
};

const unexpected = (error: unknown) => {
	throw error;
};

let folder: TemporaryFolder;
beforeEach(() => {
	folder = temporaryFolder();
});
afterEach(() => folder[Symbol.dispose]());

const file = () => join(folder.path, "serve.json");

test("a server is found from its announcement to its end", async () => {
	expect(findServer(folder.path)).toBeUndefined();
	const claim = await claimState(folder.path);
	expect(findServer(folder.path)).toBeUndefined();
	claim.announce(PRESENCE, unexpected);
	expect(findServer(folder.path)).toEqual(PRESENCE);
	expect(statSync(file()).mode & 0o777).toBe(0o600);
	claim.announce({ ...PRESENCE, token: "another" }, unexpected);
	expect(findServer(folder.path)?.token).toBe("another");
	claim.release();
	expect(findServer(folder.path)).toBeUndefined();
	expect(existsSync(file())).toBe(false);
});

test("a state is served by one at a time, and the other one is told by whom", async () => {
	const claim = await claimState(folder.path);
	await expect(claimState(folder.path)).rejects.toMatchObject({
		code: "conflict",
		message: `aeon serve runs already on ${folder.path}: a process`,
	});
	claim.announce(PRESENCE, unexpected);
	await expect(claimState(folder.path)).rejects.toThrow(
		"process 4711, at ws://127.0.0.1:1",
	);
	claim.release();
	(await claimState(folder.path)).release();
});

test("whoever looks whether a server runs keeps none from starting", async () => {
	let looks = true;
	const looking = (async () => {
		while (looks) {
			findServer(folder.path);
			await new Promise(setImmediate);
		}
	})();
	for (let round = 0; round < 20; round++) {
		const claim = await claimState(folder.path);
		claim.announce(PRESENCE, unexpected);
		claim.release();
	}
	looks = false;
	await looking;
});

test("what a killed server has left is no server, nor is it taken for the next one", async () => {
	writeFileSync(file(), JSON.stringify(PRESENCE));
	expect(findServer(folder.path)).toBeUndefined();
	const claim = await claimState(folder.path);
	expect(findServer(folder.path)).toBeUndefined();
	claim.release();
});

test("a file that makes no sense is no announcement", async () => {
	const claim = await claimState(folder.path);
	for (const text of [
		"",
		"{",
		"null",
		"[]",
		'{"pid":"1","url":"ws://a"}',
		'{"pid":1}',
	]) {
		writeFileSync(file(), text);
		expect(findServer(folder.path)).toBeUndefined();
	}
	writeFileSync(file(), '{"pid":1,"url":"ws://a","token":7}');
	expect(findServer(folder.path)).toEqual({
		pid: 1,
		url: "ws://a",
		token: "",
		config: "",
		store: { driver: "", path: "" },
	});
	claim.release();
});

test("a place where nothing can be locked is named", async () => {
	await expect(claimState(join(folder.path, "missing"))).rejects.toMatchObject({
		code: "storage_failed",
		message: expect.stringContaining("missing/serve.lock cannot be locked"),
	});
});

test("the lock is one file, with none beside it", async () => {
	const claim = await claimState(folder.path);
	expect(readdirSync(folder.path)).toEqual(["serve.lock"]);
	claim.release();
});

test("an announcement that cannot be written leaves the old one and nothing else", async () => {
	const claim = await claimState(folder.path);
	claim.announce(PRESENCE, unexpected);
	mkdirSync(join(folder.path, "serve.json.tmp"));
	const why: unknown[] = [];
	claim.announce({ ...PRESENCE, token: "u" }, (error) => why.push(error));
	expect(why).toEqual([expect.objectContaining({ code: "EISDIR" })]);
	expect(findServer(folder.path)).toEqual(PRESENCE);
	claim.release();
});
