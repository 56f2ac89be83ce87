import { afterEach, beforeEach, expect, test } from "bun:test";
import {
	existsSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger, type LoggerOptions } from "../../src/core/logger.ts";
import { Secret } from "../../src/core/secret.ts";

const CANARY = "canary-4f1d/9c+e2";
const BOT_TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1";

let folder: string;
let path: string;
let said: string[];

beforeEach(() => {
	folder = mkdtempSync(join(tmpdir(), "aeon-log-"));
	path = join(folder, "state", "aeon.log");
	said = [];
});

afterEach(() => {
	rmSync(folder, { recursive: true });
});

test("a record is one line of JSON", () => {
	open().info("turn.done", { run: "r1", tokens: 3, hint: undefined });
	expect(lines()).toEqual([
		{
			time: "2025-10-09T08:53:20.000Z",
			level: "info",
			event: "turn.done",
			run: "r1",
			tokens: 3,
		},
	]);
});

test("what is below the level is not written", () => {
	const logger = open({ level: "warn" });
	logger.debug("a");
	logger.info("b");
	logger.warn("c");
	logger.error("d");
	expect(lines().map(({ event }) => event)).toEqual(["c", "d"]);
});

test("warnings and errors are said on stderr, in short", () => {
	const logger = open({ level: "debug" });
	logger.debug("a");
	logger.info("b");
	logger.warn("disk.low", { free: 12, what: "the card" });
	logger.error("turn.failed", {
		error: new Error(`no ${CANARY}`),
		run: "r1",
		hint: undefined,
	});
	expect(said).toEqual([
		'warn disk.low free=12 what="the card"',
		'error turn.failed error="no ***" run=r1',
	]);
});

test("the log and its folder are the user's alone", () => {
	const logger = open();
	fill(logger, 20_000);
	expect(modeOf(join(folder, "state"))).toBe("700");
	const names = readdirSync(join(folder, "state"));
	expect(names.length).toBeGreaterThan(1);
	for (const name of names)
		expect(modeOf(join(folder, "state", name))).toBe("600");
});

test("a hundred thousand records leave five files of 2 MB with the newest lines", () => {
	fill(open(), 100_000);
	const names = readdirSync(join(folder, "state")).sort();
	expect(names).toEqual([
		"aeon.log",
		"aeon.log.1",
		"aeon.log.2",
		"aeon.log.3",
		"aeon.log.4",
	]);
	const numbers = names
		.reverse()
		.flatMap((name) => lines(join(folder, "state", name)))
		.map(({ number }) => number);
	expect(numbers).toEqual(
		numbers.map((_, index) => 100_000 - numbers.length + index),
	);
	for (const name of names) {
		const { size } = statSync(join(folder, "state", name));
		expect(size).toBeLessThanOrEqual(2_000_000);
		if (name !== "aeon.log") expect(size).toBeGreaterThan(1_900_000);
	}
});

test("a full log of an earlier start is put aside", () => {
	open().info("first");
	writeFileSync(path, "x".repeat(1_999_999));
	open().info("second");
	expect(statSync(`${path}.1`).size).toBe(1_999_999);
	expect(lines().map(({ event }) => event)).toEqual(["second"]);
});

test("two logs of the same file lose no line of each other", () => {
	const [one, two] = [open(), open()];
	for (let number = 0; number < 20_000; number++)
		(number % 2 ? one : two).info("event", { number, text: "x".repeat(150) });
	const numbers = readdirSync(join(folder, "state"))
		.sort()
		.reverse()
		.flatMap((name) => lines(join(folder, "state", name)))
		.map(({ number }) => number);
	expect(numbers).toEqual(Array.from({ length: 20_000 }, (_, i) => i));
});

test("equal lines are written once, with their number when another comes", () => {
	const logger = open();
	for (let i = 0; i < 5; i++) logger.error("net.down", { code: 7 });
	logger.error("net.down", { code: 8 });
	logger.error("net.down", { code: 8 });
	logger.close();
	logger.close();
	expect(lines().map(({ code, repeated }) => [code, repeated])).toEqual([
		[7, undefined],
		[7, 4],
		[8, undefined],
		[8, 1],
	]);
	expect(said).toHaveLength(4);
});

test("a line that never ends is counted now and then", () => {
	const logger = open();
	for (let i = 0; i < 3_501; i++) logger.info("again");
	logger.close();
	expect(lines().map(({ repeated }) => repeated)).toEqual([
		undefined,
		1000,
		1000,
		1000,
		500,
	]);
});

test("no secret reaches the log or stderr, wherever it is", async () => {
	const logger = open({ level: "debug" });
	const cause = Object.assign(new Error(`inner ${CANARY}`), { path: CANARY });
	const nested = new Error("outer", { cause: new Error("mid", { cause }) });
	nested.name = CANARY;
	for (const level of ["debug", "info", "warn", "error"] as const)
		logger[level](`event ${CANARY}`, {
			text: `a ${CANARY} b`,
			json: JSON.stringify({ key: CANARY }),
			url: `https://h.example/?q=${encodeURIComponent(CANARY)}`,
			[CANARY]: 1,
			list: [{ [CANARY]: [CANARY] }],
			error: nested,
			deep: { errors: [nested] },
			secret: new Secret(CANARY),
			level,
		});
	const failed = await fetch(
		`http://127.0.0.1:1/bot${BOT_TOKEN}/getMe?x=${CANARY}`,
	).catch((error: unknown) => error);
	expect(Bun.inspect(failed)).toContain(BOT_TOKEN);
	logger.error("telegram.failed", { error: failed });
	logger.close();
	const everything = readFileSync(path, "utf8") + said.join("\n");
	expect(lines()).toHaveLength(5);
	for (const part of ["canary", "9c+e2", "9c%2Be2", BOT_TOKEN, "AAHdqTcv"])
		expect(everything).not.toContain(part);
});

test("a value that cannot be read is said to be so", () => {
	const hostile = {
		get field(): string {
			throw new Error("gotcha");
		},
	};
	open().info("odd", { hostile });
	expect(lines()).toMatchObject([{ event: "odd", unreadable: "gotcha" }]);
});

test("a log that cannot be written is said once and stops nothing", () => {
	writeFileSync(join(folder, "state"), "a file where the folder should be");
	const logger = open();
	for (let i = 0; i < 300; i++) logger.info("event", { i });
	logger.close();
	expect(said).toEqual([
		expect.stringMatching(
			/^The log .*aeon\.log cannot be written: .*\. Aeon goes on without it\.$/,
		),
	]);
});

test.skipIf(!existsSync("/dev/full"))(
	"a full disk is said once and stops nothing (needs /dev/full)",
	() => {
		path = join(folder, "aeon.log");
		symlinkSync("/dev/full", path);
		const logger = open();
		for (let i = 0; i < 300; i++) logger.info("event", { i });
		expect(said).toEqual([expect.stringContaining("ENOSPC")]);
	},
);

test("the log is written again once there is room for it", () => {
	writeFileSync(join(folder, "state"), "a file where the folder should be");
	const logger = open();
	logger.info("lost");
	rmSync(join(folder, "state"));
	for (let number = 0; number < 200; number++) logger.info("event", { number });
	expect(lines().at(-1)).toMatchObject({ number: 199 });
});

function open(options: Partial<LoggerOptions> = {}) {
	return createLogger({
		path,
		level: "info",
		secrets: [CANARY],
		stderr: (line) => said.push(line),
		now: () => 1_760_000_000_000,
		...options,
	});
}

function fill(logger: ReturnType<typeof open>, records: number): void {
	for (let number = 0; number < records; number++)
		logger.info("event", { number, text: "x".repeat(150) });
}

function lines(file = path): Record<string, unknown>[] {
	return readFileSync(file, "utf8")
		.split("\n")
		.filter((line) => line.length > 0)
		.map((line) => JSON.parse(line));
}

function modeOf(file: string): string {
	return (statSync(file).mode & 0o777).toString(8);
}
