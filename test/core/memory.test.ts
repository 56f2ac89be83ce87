import { expect, test } from "bun:test";
import { AeonError } from "../../src/core/errors.ts";
import { ownerOf } from "../../src/core/memory.ts";

test("a session's memory is that of its agent and of the user in that dialog", () => {
	expect(ownerOf("agent:main:telegram:777", {})).toEqual({
		agentId: "main",
		user: "telegram:777",
		sessionKeys: ["agent:main:telegram:777"],
	});
	expect(ownerOf("agent:other:telegram:-100:45", {})).toEqual({
		agentId: "other",
		user: "telegram:-100:45",
		sessionKeys: ["agent:other:telegram:-100:45"],
	});
});

test("what a reset put away belongs to whom it belonged to", () => {
	expect(ownerOf("agent:main:cli:local#1763900000000", {})).toEqual(
		ownerOf("agent:main:cli:local", {}),
	);
});

test("somebody with a name in several dialogs has one memory, and the sessions of all of them", () => {
	const people = { anna: ["telegram:777", "cli:local"], ben: ["telegram:8"] };
	const anna = {
		agentId: "main",
		user: "anna",
		sessionKeys: ["agent:main:telegram:777", "agent:main:cli:local"],
	};
	expect(ownerOf("agent:main:telegram:777", people)).toEqual(anna);
	expect(ownerOf("agent:main:cli:local", people)).toEqual(anna);
	expect(ownerOf("agent:main:telegram:8", people).user).toBe("ben");
	expect(ownerOf("agent:main:telegram:7", people).user).toBe("telegram:7");
});

test("what is no session has no memory", () => {
	expect(() => ownerOf("telegram:777", {})).toThrow(AeonError);
});
