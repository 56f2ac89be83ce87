import { expect, test } from "bun:test";
import {
	mkdirSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	statSync,
	utimesSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { openPairing } from "../../src/core/pairing.ts";
import { platform } from "../../src/core/platform.ts";
import { temporaryFolder } from "../support/home.ts";

const MIN = 60_000;
const EVE = { id: 888, name: "Eve" };
const FORM = /^[2-9A-HJKMNP-Z]{8}$/;

/** The pairing of a new state directory, as the command and as the server have it, and a time that a test moves. */
function openBoth() {
	const folder = temporaryFolder();
	const time = { now: 1_000_000 };
	const warnings: unknown[] = [];
	const open = (dialog = "telegram") =>
		openPairing({
			state: folder.path,
			dialog,
			now: () => time.now,
			logger: { warn: (...what) => warnings.push(what) },
		});
	return {
		folder: folder.path,
		time,
		warnings,
		open,
		command: open(),
		server: open(),
		[Symbol.dispose]: () => folder[Symbol.dispose](),
	};
}

/** Codes that are not this one. */
function wrongCodes(code: string): string[] {
	return ["2AAAAAAA", "3AAAAAAA", "4AAAAAAA", "5AAAAAAA"].filter(
		(one) => one !== code,
	);
}

test("a code is eight characters that are not mistaken for others, each time new, and is kept as its hash only", async () => {
	using both = openBoth();
	const codes = new Set<string>();
	for (let i = 0; i < 50; i++) {
		const code = await both.command.makeCode();
		expect(code).toMatch(FORM);
		expect(code).toMatch(/\d/);
		codes.add(code);
	}
	expect(codes.size).toBe(50);
	const file = join(both.folder, "pairing.json");
	const kept = readFileSync(file, "utf8");
	expect(JSON.parse(kept)).toEqual({
		telegram: {
			hash: platform.sha256([...codes].at(-1) ?? ""),
			expiresAt: both.time.now + 60 * MIN,
			attemptsLeft: 3,
		},
	});
	for (const code of codes) expect(kept).not.toContain(code);
	expect(statSync(file).mode & 0o777).toBe(0o600);
});

test("the code lets somebody in at once, in every process, and is good once", async () => {
	using both = openBoth();
	expect(both.server.isPaired(888)).toBe(false);
	const code = await both.command.makeCode();
	expect(await both.server.redeem(code, EVE)).toBe(true);
	expect(both.server.isPaired(888)).toBe(true);
	expect(both.open().isPaired(888)).toBe(true);
	expect(both.command.list()).toEqual([{ ...EVE, pairedAt: both.time.now }]);
	expect(await both.server.redeem(code, { id: 889, name: "Bob" })).toBe(false);
	const file = join(both.folder, "telegram-allowed.json");
	expect(statSync(file).mode & 0o777).toBe(0o600);
});

test("case, dashes and spaces do not matter", async () => {
	using both = openBoth();
	for (const write of [
		(code: string) => code.toLowerCase(),
		(code: string) => ` ${code.slice(0, 4)}-${code.slice(4)}\n`,
		(code: string) => [...code].join(" "),
		(code: string) => code.replace(/..../, "$&—"),
	]) {
		const code = await both.command.makeCode();
		expect(await both.server.redeem(write(code), EVE)).toBe(true);
	}
	expect(both.server.list()).toHaveLength(1);
});

test("two wrong codes are forgiven, after three the right one is void", async () => {
	using both = openBoth();
	const code = await both.command.makeCode();
	for (const wrong of wrongCodes(code).slice(0, 2))
		expect(await both.server.redeem(wrong, EVE)).toBe(false);
	expect(await both.open().redeem(code, EVE)).toBe(true);
	const next = await both.command.makeCode();
	for (const wrong of wrongCodes(next).slice(0, 3))
		expect(await both.open().redeem(wrong, EVE)).toBe(false);
	expect(await both.server.redeem(next, EVE)).toBe(false);
});

test("what is not of a code's form is no try", async () => {
	using both = openBoth();
	const code = await both.command.makeCode();
	const texts = [
		"",
		"hello",
		"whatnext",
		"222222",
		"222222222",
		"2222222O",
		"1AAAAAAA",
		`my code: ${code}`,
		`${code}.`,
		"2AAAAAAß",
	];
	for (const text of texts)
		expect(await both.server.redeem(text, EVE)).toBe(false);
	expect(await both.server.redeem(code, EVE)).toBe(true);
});

test("a code is good for an hour", async () => {
	using both = openBoth();
	const code = await both.command.makeCode();
	both.time.now += 60 * MIN;
	expect(await both.server.redeem(code, EVE)).toBe(false);
	const next = await both.command.makeCode();
	both.time.now += 60 * MIN - 1;
	expect(await both.server.redeem(next, EVE)).toBe(true);
});

test("a new code takes the place of the old one, with three tries of its own", async () => {
	using both = openBoth();
	const old = await both.command.makeCode();
	const [a = "", b = ""] = wrongCodes(old);
	await both.server.redeem(a, EVE);
	await both.server.redeem(b, EVE);
	const code = await both.command.makeCode();
	expect(await both.server.redeem(old, EVE)).toBe(false);
	expect(await both.server.redeem(a, EVE)).toBe(false);
	expect(await both.server.redeem(code, EVE)).toBe(true);
});

test("each dialog has a code of its own", async () => {
	using both = openBoth();
	const other = both.open("whatsapp");
	const [mine, theirs] = [
		await both.command.makeCode(),
		await other.makeCode(),
	];
	expect(await both.server.redeem(mine, EVE)).toBe(true);
	expect(other.isPaired(888)).toBe(false);
	expect(await other.redeem(theirs, EVE)).toBe(true);
});

test("without a code nothing lets anybody in", async () => {
	using both = openBoth();
	expect(await both.server.redeem("2AAAAAAA", EVE)).toBe(false);
	expect(readdirSync(both.folder)).toEqual([]);
	const code = await both.command.makeCode();
	expect(await both.open("whatsapp").redeem(code, EVE)).toBe(false);
	expect(await both.server.redeem(code, EVE)).toBe(true);
	expect(both.open("whatsapp").list()).toEqual([]);
});

test("a person may be called by a text as well as by a number, and the two are not the same", async () => {
	using both = openBoth();
	const eve = { id: "+15551234567", name: "Eve" };
	const whatsapp = both.open("whatsapp");
	expect(await whatsapp.redeem(await whatsapp.makeCode(), eve)).toBe(true);
	const other = both.open("whatsapp");
	const pairedAt = both.time.now;
	for (const people of [other.list(), other.people()])
		expect(people).toEqual([{ ...eve, pairedAt }]);
	expect(other.isPaired("+15551234567")).toBe(true);
	for (const id of [15551234567, "15551234567"])
		expect(other.isPaired(id)).toBe(false);
	expect(await other.remove(15551234567)).toBeUndefined();
	await both.server.redeem(await both.command.makeCode(), EVE);
	expect([888, "888"].map(both.server.isPaired)).toEqual([true, false]);
	expect(await other.remove("+15551234567")).toEqual({ ...eve, pairedAt });
	expect(whatsapp.people()).toEqual([]);
});

test("two people who send the code at the same time: one is let in; wrong ones at the same time are all counted", async () => {
	using both = openBoth();
	const code = await both.command.makeCode();
	const results = await Promise.all(
		[888, 889, 890].map((id) => both.open().redeem(code, { id, name: "x" })),
	);
	expect(results.filter(Boolean)).toHaveLength(1);
	expect(both.server.list()).toHaveLength(1);
	const next = await both.command.makeCode();
	await Promise.all(
		wrongCodes(next)
			.slice(0, 3)
			.map((wrong) => both.open().redeem(wrong, EVE)),
	);
	expect(await both.server.redeem(next, EVE)).toBe(false);
});

test("somebody who is taken out is out at once, and comes in again by a new code only", async () => {
	using both = openBoth();
	await both.server.redeem(await both.command.makeCode(), EVE);
	await both.server.redeem(await both.command.makeCode(), { id: 5, name: "B" });
	expect(both.server.isPaired(888)).toBe(true);
	expect(await both.command.remove(888)).toMatchObject(EVE);
	expect(await both.command.remove(888)).toBeUndefined();
	expect([888, 5].map(both.server.isPaired)).toEqual([false, true]);
	await both.server.redeem(await both.command.makeCode(), EVE);
	expect(both.server.isPaired(888)).toBe(true);
});

test("a list that another process has replaced is seen, even of the same size and time", async () => {
	using both = openBoth();
	const file = join(both.folder, "telegram-allowed.json");
	const replace = (id: number) => {
		const other = join(both.folder, "other");
		const people = [{ id, name: "x", pairedAt: 1 }];
		writeFileSync(other, JSON.stringify(people));
		utimesSync(other, 1, 1);
		renameSync(other, file);
	};
	replace(888);
	expect([888, 889].map(both.server.isPaired)).toEqual([true, false]);
	replace(889);
	expect([888, 889].map(both.server.isPaired)).toEqual([false, true]);
	rmSync(file);
	expect(both.server.isPaired(889)).toBe(false);
});

test.each([
	["cut", '[{"id": 888'],
	["of another shape", '[{"id": null, "name": "x", "pairedAt": 1}]'],
])("a list that is %s lets nobody in, and that is logged", async (_, text) => {
	using both = openBoth();
	writeFileSync(join(both.folder, "telegram-allowed.json"), text);
	expect(both.server.isPaired(888)).toBe(false);
	expect(both.warnings).toHaveLength(1);
	await both.server.redeem(await both.command.makeCode(), EVE);
	expect(both.server.isPaired(888)).toBe(true);
});

test("a list that cannot be read lets nobody in, and is not written over", async () => {
	using both = openBoth();
	const code = await both.command.makeCode();
	mkdirSync(join(both.folder, "telegram-allowed.json"));
	expect(both.server.isPaired(888)).toBe(false);
	expect(both.server.people()).toEqual([]);
	expect(both.warnings).not.toEqual([]);
	await expect(both.server.redeem(code, EVE)).rejects.toThrow(
		`The pairing in ${both.folder} cannot be changed`,
	);
});
