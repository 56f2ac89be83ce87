import { describe, expect, test } from "bun:test";
import { Secret } from "../../src/core/secret.ts";
import {
	faultError,
	networkError,
	parseFault,
	statusError,
} from "../../src/llm/failure.ts";

const SIDE = { host: "api.test", secrets: [new Secret("hunter2hunter2")] };
const NOW = Date.parse("2026-11-22T12:00:00Z");

function of(status: number, body: unknown = "", headers = {}) {
	const text = typeof body === "string" ? body : JSON.stringify(body);
	return statusError(SIDE, status, new Headers(headers), text, NOW);
}

describe("a status says whether trying again may help", () => {
	for (const status of [408, 409, 429, 500, 502, 503, 504, 529]) {
		test(`${status}: it may`, () => {
			const { code, status: kept, message } = of(status);
			expect({ code, kept, message }).toEqual({
				code: "llm_unavailable",
				kept: status,
				message: `api.test said ${status}`,
			});
		});
	}
	for (const status of [301, 400, 401, 402, 403, 404, 413, 422]) {
		test(`${status}: it will not`, () => {
			expect(of(status).code).toBe("llm_rejected");
		});
	}

	test("whatever words the body has", () => {
		expect(of(400, { error: { message: "overloaded, try later" } }).code).toBe(
			"llm_rejected",
		);
		expect(of(503, { error: { message: "invalid api key" } }).code).toBe(
			"llm_unavailable",
		);
	});

	test("but a 429 for an empty account will not pass", () => {
		for (const word of ["code", "type"]) {
			const error = of(429, { error: { [word]: "insufficient_quota" } });
			expect(error.code).toBe("llm_rejected");
			expect(error.hint).toContain("balance");
		}
	});
});

describe("what the provider says is part of the message", () => {
	const page =
		"<!doctype html><html><head><style>p { color: red }</style><title>502 Bad Gateway</title></head><body><p>nginx</p></body></html>";
	const cases: [body: unknown, message: string][] = [
		[
			{ type: "error", error: { type: "x", message: "Overloaded" } },
			"Overloaded",
		],
		[
			{ error: { message: "No such model", code: "model_not_found" } },
			"No such model",
		],
		[{ error: "model 'x' not found" }, "model 'x' not found"],
		[{ message: "Unauthorized" }, "Unauthorized"],
		[{ detail: "Not Found" }, "Not Found"],
		[[{ error: { code: 400, message: "a list" } }], "a list"],
		['"only a string"', "only a string"],
		["upstream connect error", "upstream connect error"],
		[page, "502 Bad Gateway nginx"],
		["two\nlines\tand\u0007 a bell", "two lines and a bell"],
		["x".repeat(1000), `${"x".repeat(299)}…`],
		[`${"x".repeat(298)}🐢 and more`, `${"x".repeat(298)}…`],
	];
	for (const [body, message] of cases) {
		test(`out of ${JSON.stringify(body).slice(0, 60)}`, () => {
			expect(of(500, body).message).toBe(`api.test said 500: ${message}`);
		});
	}
	for (const body of [
		"",
		"{}",
		"null",
		"[]",
		'{"error":{"code":7}}',
		"<p></p>",
	]) {
		test(`but ${body || "an empty body"} says nothing`, () => {
			expect(of(500, body).message).toBe("api.test said 500");
		});
	}
});

test("no secret gets into a message, whole or in part", () => {
	const cases: [text: string, clean: string][] = [
		["bad key hunter2hunter2!", "bad key ***!"],
		[
			"Incorrect API key provided: sk-proj-abc*****xyz.",
			"Incorrect API key provided: ***.",
		],
		["header was Bearer abcdefgh", "header was Bearer ***"],
		[`${"x".repeat(290)} hunter2hunter2`, `${"x".repeat(290)} ***`],
	];
	for (const [text, clean] of cases) {
		expect(of(401, { error: { message: text } }).message).toBe(
			`api.test said 401: ${clean}`,
		);
	}
});

test("a word that a local server takes for a key stays in its messages", () => {
	const side = { host: "api.test", secrets: [new Secret("none")] };
	expect(statusError(side, 500, new Headers(), "none left", NOW).message).toBe(
		"api.test said 500: none left",
	);
});

describe("the time to wait is read from", () => {
	const cases: [headers: Record<string, string>, ms: number | undefined][] = [
		[{ "retry-after": "7" }, 7000],
		[{ "retry-after": "0.25" }, 250],
		[{ "retry-after-ms": "1234", "retry-after": "9" }, 1234],
		[{ "retry-after": "Sun, 22 Nov 2026 12:00:30 GMT" }, 30_000],
		[{ "retry-after": "Sun, 22 Nov 2026 11:00:00 GMT" }, 0],
		[{ "retry-after": "soon" }, undefined],
		[{ "retry-after": "-3" }, undefined],
		[{}, undefined],
	];
	for (const [headers, ms] of cases) {
		test(JSON.stringify(headers), () => {
			expect(of(429, "", headers).retryAfterMs).toBe(ms as number);
		});
	}
});

test("the operator gets a hint where there is one", () => {
	expect(of(401).hint).toBe("Check api_key.");
	expect(of(403).hint).toBe("Check api_key.");
	expect(of(404).hint).toBe("Check model and base_url.");
	expect(of(301).hint).toBe("Check base_url: it moved.");
	expect(of(402).hint).toContain("balance");
	expect(of(529).hint).toBeUndefined();
});

describe("a failure inside a stream is told by its type and code", () => {
	const unavailable = [
		{ type: "overloaded_error" },
		{ type: "rate_limit_error" },
		{ type: "api_error" },
		{ type: "timeout_error" },
		{ type: "something_new" },
		{ code: "server_error" },
		{ code: "rate_limit_exceeded", type: "invalid_request_error" },
		{ code: 429 },
		{ code: "502" },
		{},
	];
	const rejected = [
		{ type: "invalid_request_error" },
		{ type: "authentication_error" },
		{ type: "permission_error" },
		{ type: "not_found_error" },
		{ type: "request_too_large" },
		{ type: "billing_error" },
		{ code: "insufficient_quota", type: "server_error" },
		{ code: "context_length_exceeded" },
		{ code: 400 },
	];
	const code = (error: object) =>
		faultError(SIDE, parseFault({ type: "error", error })).code;
	for (const error of unavailable) {
		test(`${JSON.stringify(error)} may pass`, () => {
			expect(code(error)).toBe("llm_unavailable");
		});
	}
	for (const error of rejected) {
		test(`${JSON.stringify(error)} will not`, () => {
			expect(code(error)).toBe("llm_rejected");
		});
	}

	test("and named by them", () => {
		const say = (value: unknown) => faultError(SIDE, parseFault(value)).message;
		expect(
			say({ error: { type: "overloaded_error", message: "Overloaded" } }),
		).toBe("api.test said overloaded_error: Overloaded");
		expect(say({ error: { code: 502, message: "Upstream" } })).toBe(
			"api.test said 502: Upstream",
		);
		expect(say({ error: "it broke" })).toBe("api.test failed: it broke");
	});
});

describe("a connection that did not come about", () => {
	const hint = (host: string, code: string) =>
		networkError({ host, secrets: [] }, { code }, false).hint;

	test("is named by the code of the network's error, or by its name", () => {
		const say = (cause: unknown, answered: boolean) =>
			networkError(SIDE, cause, answered).message;
		expect(say({ code: "ENOTFOUND" }, false)).toBe(
			"api.test cannot be reached (ENOTFOUND)",
		);
		expect(say(new DOMException("late", "TimeoutError"), true)).toBe(
			"the connection to api.test broke off (TimeoutError)",
		);
		expect(say("what?", false)).toBe(
			"api.test cannot be reached (unknown error)",
		);
	});

	test("comes with a hint that knows local servers from others", () => {
		const local = "Is the local model server running?";
		const remote = "Check base_url and the network.";
		for (const host of [
			"localhost:11434",
			"127.0.0.1:80",
			"[::1]:9",
			"pi.local",
		]) {
			expect(hint(host, "ECONNREFUSED")).toBe(local);
		}
		expect(hint("api.test", "ECONNREFUSED")).toBe(remote);
		expect(hint("api.test", "ENOTFOUND")).toBe(remote);
		expect(hint("api.test", "ECONNRESET")).toBeUndefined();
	});
});
