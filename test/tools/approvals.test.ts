import { expect, test } from "bun:test";
import {
	existsSync,
	mkdirSync,
	readdirSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { openApprovals } from "../../src/tools/approvals.ts";
import { openSandbox } from "./sandbox.ts";

const OWNER = "agent:main:telegram:42";
const REQUEST = { tool: "exec", command: "git pull", cwd: "/ws" };

test("always holds for exactly this session, tool, command and directory, also after a restart", async () => {
	using box = openSandbox();
	const path = join(box.outside, "state", "approvals.json");
	const approvals = openApprovals(path);
	expect(approvals.isAllowed(OWNER, REQUEST)).toBe(false);
	expect(existsSync(path)).toBe(false);
	await approvals.allow(OWNER, REQUEST);
	for (const memory of [approvals, openApprovals(path)]) {
		expect(memory.isAllowed(OWNER, { ...REQUEST })).toBe(true);
		expect(memory.isAllowed("agent:main:telegram:4", REQUEST)).toBe(false);
		expect(memory.isAllowed(OWNER, { ...REQUEST, tool: "other" })).toBe(false);
		expect(memory.isAllowed(OWNER, { ...REQUEST, command: "git pull " })).toBe(
			false,
		);
		expect(memory.isAllowed(OWNER, { ...REQUEST, cwd: "/ws/sub" })).toBe(false);
	}
	expect(
		[path, join(box.outside, "state")].map((one) => statSync(one).mode & 0o777),
	).toEqual([0o600, 0o700]);
	expect(readdirSync(join(box.outside, "state"))).toEqual(["approvals.json"]);
});

test("approvals given at the same time are all kept, each once", async () => {
	using box = openSandbox();
	const path = join(box.outside, "approvals.json");
	const approvals = openApprovals(path);
	const requests = Array.from({ length: 20 }, (_, i) => ({
		...REQUEST,
		command: `echo ${i % 10}`,
	}));
	await Promise.all(requests.map((request) => approvals.allow(OWNER, request)));
	const kept = requests
		.slice(0, 10)
		.map((request) => ({ owner: OWNER, ...request }));
	expect(await Bun.file(path).json()).toEqual(kept);
});

test.each([
	["cut", '[{"owner":"agent:main'],
	["of another shape", '{"git pull": true}'],
	["empty", ""],
])(
	"a file that is %s counts as no approvals, and the next one is kept",
	async (_, content) => {
		using box = openSandbox();
		const path = join(box.outside, "approvals.json");
		writeFileSync(path, content);
		expect(openApprovals(path).isAllowed(OWNER, REQUEST)).toBe(false);
		await openApprovals(path).allow(OWNER, REQUEST);
		expect(openApprovals(path).isAllowed(OWNER, REQUEST)).toBe(true);
	},
);

test("an approval that cannot be kept is told, and the next one is tried", async () => {
	using box = openSandbox();
	const path = join(box.outside, "approvals.json");
	mkdirSync(path);
	const approvals = openApprovals(path);
	expect(approvals.allow(OWNER, REQUEST)).rejects.toThrow("EISDIR");
	expect(
		approvals.allow(OWNER, { ...REQUEST, command: "other" }),
	).rejects.toThrow("EISDIR");
});
