import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createLogger } from "../../../src/core/logger.ts";
import {
	formatAddress,
	parseAddress,
} from "../../../src/dialogs/telegram/address.ts";
import { openMemory } from "../../../src/dialogs/telegram/memory.ts";
import { temporaryFolder } from "../../support/home.ts";

const DAY = 24 * 3600_000;

/** A memory, its folder, and what is logged of it. */
function open(state: string, now = () => DAY) {
	const lines: string[] = [];
	const logger = createLogger({
		path: join(state, "aeon.log"),
		level: "info",
		secrets: [],
		stderr: (line) => lines.push(line),
	});
	return { memory: openMemory({ state, now, logger }), lines, logger };
}

test.each([
	["777", { chatId: 777 }],
	["-100123", { chatId: -100123 }],
	["-100123:45", { chatId: -100123, threadId: 45 }],
])("%s is the address of a chat or topic", (to, address) => {
	expect(parseAddress(to)).toEqual(address);
	expect(formatAddress(address)).toBe(to);
});

test.each([
	"",
	"0",
	"local",
	"@name",
	"1e3",
	"777:",
	"777:x",
	"-1:2:3",
	"12 ",
	"123456789012345678",
])("%p is no address", (to) => {
	expect(() => parseAddress(to)).toThrow("is no chat of Telegram's");
});

test("everything is remembered through a restart, in a file that is its owner's alone", async () => {
	using folder = temporaryFolder();
	const { memory } = open(folder.path);
	await Promise.all([
		memory.migrate(-5, -1005),
		memory.chooseModel("agent:main:telegram:7", "fast"),
		memory.rememberUsername("OurBot"),
		memory.mayTell(888),
	]);
	const secret = await memory.webhookSecret();
	const { memory: again, lines } = open(folder.path);
	expect(again.originOf(-1005)).toBe(-5);
	expect(again.chatFor("-5")).toEqual({ chatId: -1005 });
	expect(again.modelOf("agent:main:telegram:7")).toBe("fast");
	expect(again.username()).toBe("OurBot");
	expect(await again.mayTell(888)).toBe(false);
	expect(await again.webhookSecret()).toBe(secret);
	expect(lines).toEqual([]);
	const file = join(folder.path, "telegram.json");
	expect(statSync(file).mode & 0o777).toBe(0o600);
	expect(readdirSync(folder.path)).toEqual(["telegram.json"]);
});

test("the webhook's secret is 256 random bits in letters that Telegram takes, and never logged", async () => {
	using folder = temporaryFolder();
	const { memory, logger, lines } = open(folder.path);
	const secret = await memory.webhookSecret();
	expect(secret).toMatch(/^[A-Za-z0-9_-]{43}$/);
	using other = temporaryFolder();
	expect(await open(other.path).memory.webhookSecret()).not.toBe(secret);
	logger.warn("webhook", { secret });
	expect(lines.join()).not.toContain(secret);
});

test.each([
	["cut", '{"strangers": [[1'],
	["of another shape", '{"webhook_secret": 5}'],
	["a list", "[]"],
])(
	"a file that is %s counts as empty, and is said to be broken",
	async (_, text) => {
		using folder = temporaryFolder();
		writeFileSync(join(folder.path, "telegram.json"), text);
		const { memory, lines } = open(folder.path);
		expect(lines).toHaveLength(1);
		expect(lines[0]).toContain("telegram.memory_unreadable");
		expect(memory.username()).toBeUndefined();
		await memory.rememberUsername("OurBot");
		expect(open(folder.path).memory.username()).toBe("OurBot");
	},
);

test("what cannot be written is logged, and goes on being known", async () => {
	using folder = temporaryFolder();
	mkdirSync(join(folder.path, "telegram.json"));
	const { memory, lines } = open(folder.path);
	await memory.migrate(-5, -1005);
	expect(memory.originOf(-1005)).toBe(-5);
	expect(lines.join("\n")).toContain("telegram.memory_unwritten");
	expect(readdirSync(folder.path).sort()).toEqual([
		"aeon.log",
		"telegram.json",
	]);
});

test("of sessions with a model of their own a thousand are remembered, the last used", async () => {
	using folder = temporaryFolder();
	const { memory } = open(folder.path);
	for (let i = 0; i < 1_001; i++) memory.chooseModel(`key ${i}`, "m");
	await memory.chooseModel("key 1", "other");
	await memory.chooseModel("key 1001", "m");
	expect([0, 1, 2, 3].map((i) => memory.modelOf(`key ${i}`))).toEqual([
		undefined,
		"other",
		undefined,
		"m",
	]);
});

test("a group that says twice, or of itself, that it moved, moved once", async () => {
	using folder = temporaryFolder();
	const { memory } = open(folder.path);
	await memory.migrate(-5, -5);
	expect(readdirSync(folder.path)).toEqual([]);
	await memory.migrate(-5, -1005);
	await memory.migrate(-5, -1005);
	await memory.migrate(-1005, -5);
	expect(memory.chatFor("-5")).toEqual({ chatId: -1005 });
	expect(memory.originOf(-1005)).toBe(-5);
	await memory.migrate(-1005, -2005);
	expect(memory.chatFor("-5")).toEqual({ chatId: -2005 });
	expect(memory.originOf(-2005)).toBe(-5);
});

test("a clock that is set back does not make a stranger unanswerable for ever", async () => {
	using folder = temporaryFolder();
	let time = 100 * DAY;
	const { memory } = open(folder.path, () => time);
	expect(await memory.mayTell(888)).toBe(true);
	time = 0;
	expect(await memory.mayTell(888)).toBe(true);
});
