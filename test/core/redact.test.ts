import { describe, expect, test } from "bun:test";
import { createCleaner, createRedactor } from "../../src/core/redact.ts";
import { Secret } from "../../src/core/secret.ts";

const BOT_TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1";

describe("a known secret", () => {
	const secret = 'pä"ss\\wörd /& +1';
	const redact = createRedactor([secret, "abc", "prefix-1", "prefix-1-long"]);

	test.each([
		["as it is", `say ${secret}!`, "say ***!"],
		[
			"as JSON writes it",
			JSON.stringify({ a: `say ${secret}!` }),
			'{"a":"say ***!"}',
		],
		["as a URL writes it", `say ${encodeURIComponent(secret)}!`, "say ***!"],
		[
			"as a URL in small letters writes it",
			`say ${encodeURIComponent(secret).replace(/%../g, (byte) => byte.toLowerCase())}!`,
			"say ***!",
		],
		["that begins like another", "prefix-1 prefix-1-long", "*** ***"],
		["of less than six characters is too common to hide", "abcabc", "abcabc"],
	])("%s", (_, text, expected) => {
		expect(redact(text)).toBe(expected);
	});
});

describe("what looks like a secret is hidden", () => {
	const redact = createRedactor([]);

	test.each([
		["key sk-ant-api03-abc_DEF-123456 is bad", "key *** is bad"],
		["sk-proj-abcdefghijklmnop", "***"],
		["Authorization: Bearer abc.def-ghi_123=", "Authorization: Bearer ***"],
		["authorization: basic dXNlcjpwYXNz", "authorization: basic ***"],
		[
			`https://api.telegram.org/bot${BOT_TOKEN}/getMe`,
			"https://api.telegram.org/bot***/getMe",
		],
		[`/bot${encodeURIComponent(BOT_TOKEN)}/x`, "/bot***/x"],
		[`the token ${BOT_TOKEN}.`, "the token ***."],
		["ghp_abcdefghijklmnopqrstuvwxyz0123456789", "***"],
		["github_pat_11ABCDEFG0abcdefghijkl_mnop", "***"],
		["xoxb-1234567890-abcdefghij", "***"],
		[`AIza${"Sy-_0123456789abcdefghijklmnopqrstu"}`, "***"],
		["AKIAIOSFODNN7EXAMPLE", "***"],
		[
			"postgres://user:p@ss:w@db.example/x?y=1",
			"postgres://***@db.example/x?y=1",
		],
		[
			"GET /v1?key=abc&x=1&access_token=d%20e&api_key=f#token=g",
			"GET /v1?key=***&x=1&access_token=***&api_key=***#token=g",
		],
	])("%s", (text, expected) => {
		expect(redact(text)).toBe(expected);
	});
});

test.each([
	"the task-runner-of-the-desk and risk-management-department",
	"agent:main:telegram:123456789",
	"https://medium.com/@someone/an-article",
	"2025-11-22T10:11:12.123Z 12345678:90",
	"mail me@example.com, ratio 3:4",
	"",
])("ordinary text stays as it is: %s", (text) => {
	expect(createRedactor(["a secret"])(text)).toBe(text);
});

test("a megabyte of anything is redacted in a moment", () => {
	const redact = createRedactor(["a secret"]);
	const began = performance.now();
	for (const piece of [
		"a",
		"1",
		"://",
		"?",
		"sk-",
		"bot1",
		" ",
		"Bearer ",
		"%",
	])
		redact(piece.repeat(1_000_000 / piece.length));
	expect(performance.now() - began).toBeLessThan(5_000);
});

describe("a value for the log", () => {
	const clean = createCleaner(createRedactor(["the-canary"]));

	test("loses its secrets wherever they are", () => {
		expect(
			clean({
				text: "x the-canary",
				list: ["the-canary", [{ deep: "the-canary" }]],
				"the-canary": 1,
				secret: new Secret("anything"),
				url: new URL("https://u:p@h.example/?key=1"),
				when: new Date(0),
				bytes: new Uint8Array(3),
				none: null,
				big: 12n,
			} as object),
		).toEqual({
			text: "x ***",
			list: ["***", [{ deep: "***" }]],
			"***": 1,
			secret: "***",
			url: "https://***@h.example/?key=***",
			when: "1970-01-01T00:00:00.000Z",
			bytes: "<3 bytes>",
			none: null,
			big: "12",
		});
	});

	test("of an error keeps name, code, message and causes alone", () => {
		const cause = Object.assign(new TypeError("no the-canary"), {
			path: "/the-canary",
			code: "E_INNER",
		});
		const error = new Error("failed", { cause });
		expect(JSON.parse(JSON.stringify(clean({ error } as object)))).toEqual({
			error: {
				name: "Error",
				message: "failed",
				cause: { name: "TypeError", code: "E_INNER", message: "no ***" },
			},
		});
	});

	test("is bounded in length, depth and number", () => {
		const circle: Record<string, unknown> = { name: "circle" };
		circle.self = circle;
		circle.again = [circle, circle];
		expect(JSON.stringify(clean(circle)).length).toBeLessThan(20_000);
		expect(clean("x".repeat(5_000))).toBe(`${"x".repeat(2_000)}…`);
		const wide = Array.from({ length: 10_000 }, () => "x".repeat(5_000));
		expect(JSON.stringify(clean({ wide })).length).toBeLessThan(1_000_000);
	});

	test("is redacted before it is cut", () => {
		const text = `${"x".repeat(1_995)}the-canary`;
		expect(clean(text)).toBe(`${"x".repeat(1_995)}***`);
	});
});
