import { expect, test } from "bun:test";
import {
	completeSessionKey,
	formatArchiveKey,
	formatSessionKey,
	parseSessionKey,
} from "../../src/core/session.ts";

test("a user's id may hold colons, plus signs and anything else", () => {
	for (const userId of ["777", "+1234567890", "-100:topic:5", "😀 a/../b"]) {
		const key = formatSessionKey({ agentId: "main", dialog: "cli", userId });
		expect(key).toBe(`agent:main:cli:${userId}`);
		expect(parseSessionKey(key)).toEqual({
			agentId: "main",
			dialog: "cli",
			userId,
		});
	}
});

test("what is no session key is refused with an example of one", () => {
	for (const key of [
		"",
		"agent:main:cli:",
		"agent::cli:x",
		"agent:main::x",
		"other:main:cli:x",
		"agent:a b:cli:x",
		`agent:main:cli:${"x".repeat(600)}`,
		"agent:main:cli:half \ud83d",
		"agent:main:\udc00:x",
	])
		expect(() => parseSessionKey(key)).toThrow(
			"is not a session key: write agent:<agent>:<dialog>:<user>, for example agent:main:cli:local",
		);
});

test("a name is completed like another key, a whole key is checked", () => {
	expect(completeSessionKey("work", "agent:main:cli:local")).toBe(
		"agent:main:cli:work",
	);
	expect(completeSessionKey("agent:b:ws:me", "agent:main:cli:local")).toBe(
		"agent:b:ws:me",
	);
	expect(() =>
		completeSessionKey("agent:broken", "agent:main:cli:local"),
	).toThrow("is not a session key");
	expect(() =>
		completeSessionKey("x".repeat(600), "agent:main:cli:local"),
	).toThrow("is not a session key");
});

test("the longest key has an archive that can be named, and no longer key passes for one", () => {
	const address = { agentId: "main", dialog: "cli", userId: "" };
	const userId = "x".repeat(512 - formatSessionKey(address).length);
	const longest = formatSessionKey({ ...address, userId });
	expect(longest).toHaveLength(512);
	const archive = formatArchiveKey(longest, Date.now());
	expect(parseSessionKey(archive).userId).toStartWith(`${userId}#`);
	expect(() => parseSessionKey(`${longest}x`)).toThrow("not a session key");
	expect(() => parseSessionKey(`${longest}#${"1".repeat(600)}`)).toThrow(
		"not a session key",
	);
});
