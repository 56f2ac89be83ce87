import { expect, test } from "bun:test";
import { AeonError } from "../../../src/core/errors.ts";
import {
	accountProblem,
	codeOf,
	graphFailure,
	isBlock,
	kindOf,
	limitsCalls,
	postponed,
	reportFailure,
	scopeOf,
} from "../../../src/dialogs/whatsapp/failure.ts";
import { short } from "./graph.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const answer = (code: unknown, more: object = {}) => ({
	error: {
		message: `(#${code}) Said so`,
		type: "OAuthException",
		code,
		...more,
	},
});

/** What whoever sends goes by: the error's own code, status and pause, and whom it is about. */
const judged = (error: AeonError): unknown[] => [
	error.code,
	error.status,
	error.retryAfterMs,
	scopeOf(error),
];

const TOKEN = ["peer_rejected", 401, undefined, "account"];
const SHUT = ["peer_rejected", 403, undefined, "chat"];
const REFUSED = ["peer_rejected", 422, undefined, undefined];
const FAULT = ["peer_unavailable", 400, undefined, undefined];
const account = (pauseMs: number) => [
	"peer_unavailable",
	400,
	pauseMs,
	"account",
];

/** Every code that Meta names and a message can meet. */
const CODES: [codes: number[], judged: unknown[]][] = [
	[[0, 3, 10, 102, 190, 200, 230, 299, 131005], TOKEN],
	[
		[130403, 130472, 130497, 131021, 131026, 131030, 131047, 131049, 131050],
		SHUT,
	],
	[
		[
			100, 131001, 131002, 131006, 131008, 131009, 131043, 131051, 131052,
			131053, 131055, 131060, 131062, 132000, 132001, 132005, 132007, 132012,
			132015, 132016, 132068, 132069, 135000,
		],
		REFUSED,
	],
	[[1, 2, 131000, 131016, 133004], FAULT],
	[[130429], account(10_000)],
	[[429, 613], account(MINUTE)],
	[[4, 80007, 131057], account(5 * MINUTE)],
	[[368, 131048], account(HOUR)],
	[
		[
			33, 131031, 131037, 131042, 131045, 133000, 133006, 133010, 133016,
			135001,
		],
		account(30 * MINUTE),
	],
	[[131056], ["peer_unavailable", 400, 10_000, "chat"]],
];

test("every code that Meta names is judged by its number, whatever it says, and told with a sentence", () => {
	for (const [codes, expected] of CODES)
		for (const code of codes) {
			const error = graphFailure(answer(code), 400);
			expect({ code, judged: judged(error) }).toEqual({
				code,
				judged: expected,
			});
			expect(error.message).toMatch(
				/^[A-Z].{15,}\. WhatsApp said \d+: Said so$/,
			);
			expect(codeOf(error)).toBe(code);
		}
});

test("a known code counts for more than the HTTP status it comes with", () => {
	for (const status of [200, 400, 401, 403, 429, 500, 503])
		for (const [[code], expected] of CODES) {
			const error = graphFailure(answer(code), status);
			const [kind, , pauseMs, scope] = expected;
			expect([error.code, error.retryAfterMs, scopeOf(error)]).toEqual([
				kind,
				pauseMs,
				scope,
			] as never);
		}
});

test("a message that is refused never looks like another failure by the status it came with", () => {
	for (const [status, told] of [
		[400, 422],
		[401, 422],
		[403, 422],
		[404, 404],
		[413, 413],
	] as const)
		expect(graphFailure(answer(100), status).status).toBe(told);
});

test("an unknown code goes by what Graph says of it, then by the status", () => {
	const unknown = (status: number, more = {}) =>
		judged(graphFailure(answer(250012, more), status));
	const passing = { is_transient: true };
	expect(unknown(400)).toEqual(REFUSED);
	expect(unknown(400, passing)).toEqual(FAULT);
	expect(unknown(401)).toEqual(TOKEN);
	expect(unknown(401, passing)).toEqual(["peer_unavailable", 401, ...NOTHING]);
	expect(unknown(403)).toEqual(REFUSED);
	expect(unknown(404)).toEqual(["peer_rejected", 404, ...NOTHING]);
	expect(unknown(429)).toEqual(["peer_unavailable", 429, MINUTE, "account"]);
	expect(unknown(500)).toEqual(["peer_unavailable", 500, ...NOTHING]);
	expect(unknown(503, { is_transient: false })).toEqual([
		"peer_unavailable",
		503,
		...NOTHING,
	]);
	for (const code of ["190", "EVIL_STRING", null, undefined, {}, [190], true])
		expect(judged(graphFailure(answer(code), 400))).toEqual(REFUSED);
	for (const code of [-32602, 1.5, 404, 12455, 36000, 136024, 1e300])
		expect(judged(graphFailure(answer(code), 400))).toEqual(REFUSED);
});

const NOTHING = [undefined, undefined];

test("what is no error at all is judged by its status and tells nothing", () => {
	for (const body of [undefined, null, "no", 7, [], {}, { error: null }])
		expect(short(graphFailure(body, 400))).toEqual({
			code: "peer_rejected",
			message: "WhatsApp said 400",
			status: 422,
		});
});

test("what Graph does not find is the business number, where it says that it is not the message", () => {
	const error = graphFailure(answer(100, { error_subcode: 33 }), 400);
	expect(judged(error)).toEqual(TOKEN);
	expect(error.message).toStartWith(
		"WhatsApp does not know this phone_number_id, or the access token may not use it. ",
	);
	expect(error.hint).toContain("dialogs.whatsapp.access_token");
	const other = graphFailure(answer(190, { error_subcode: 33 }), 400);
	expect(other.message).toStartWith(
		"WhatsApp does not accept the access token",
	);
});

test("how long to wait is as Graph says, in seconds or as a date, before what is known of the code", () => {
	const wait = (code: number, headers: Record<string, string>) =>
		graphFailure(answer(code), 400, new Headers(headers)).retryAfterMs;
	const date = "Thu, 01 Jan 2026 00:00:00 GMT";
	expect(wait(130429, { "retry-after": "7" })).toBe(7_000);
	expect(wait(131056, { "retry-after": "90" })).toBe(90_000);
	expect(wait(368, { "retry-after": " 7200 " })).toBe(2 * HOUR);
	expect(
		wait(130429, { date, "retry-after": "Thu, 01 Jan 2026 00:02:00 GMT" }),
	).toBe(2 * MINUTE);
	expect(wait(130429, { "retry-after": "999999999" })).toBe(24 * HOUR);
	for (const none of ["0", "-5", "soon", "", date])
		expect(wait(130429, { date, "retry-after": none })).toBe(10_000);
	expect(wait(190, { "retry-after": "7" })).toBeUndefined();
	expect(wait(100, { "retry-after": "7" })).toBeUndefined();
});

test("a fault that says how long to wait says it of the whole account", () => {
	const headers = new Headers({ "retry-after": "30" });
	const error = graphFailure(answer(131016), 503, headers);
	expect(judged(error)).toEqual(["peer_unavailable", 503, 30_000, "account"]);
	expect(limitsCalls(error)).toBe(true);
	const chat = graphFailure(answer(131056), 400, headers);
	expect([scopeOf(chat), limitsCalls(chat)]).toEqual(["chat", false]);
});

test("what Graph says is on one line, not long, without its number twice", () => {
	const said = (error: object) => graphFailure({ error }, 400).message;
	expect(
		said({
			message: "(#131047) Re-engagement\r\n message\u0007",
			code: 131047,
			error_data: {
				messaging_product: "whatsapp",
				details: " More than\t24 h ",
			},
		}),
	).toBe(
		"WhatsApp lets Aeon write only within 24 hours after a person's last message: they have to write first. WhatsApp said 131047: Re-engagement message: More than 24 h",
	);
	expect(said({ message: "(#250012) some error", code: 250012 })).toBe(
		"WhatsApp said 250012: some error",
	);
	expect(said({ message: "same", code: 7, error_data: "same" })).toBe(
		"WhatsApp said 7: same",
	);
	expect(said({ message: "leak", code: "EVIL" })).toBe(
		"WhatsApp said 400: leak",
	);
	const long = said({
		message: `${"x".repeat(198)}😀${"y".repeat(9_000)}`,
		code: 7,
	});
	expect(long).toBe(`WhatsApp said 7: ${"x".repeat(198)}\ufffd…`);
});

test("errors of a status are judged as those of an answer", () => {
	const status = [
		{
			code: 130472,
			title: "User's number is part of an experiment",
			message: "User's number is part of an experiment",
			error_data: { details: "Failed to send message" },
			href: "https://developers.facebook.com/",
		},
	];
	expect(short(reportFailure(status))).toEqual({
		code: "peer_rejected",
		message:
			"WhatsApp does not deliver to this number, which is part of an experiment of Meta's. WhatsApp said 130472: User's number is part of an experiment: Failed to send message",
		status: 403,
	});
	for (const [codes, [kind, , pauseMs, scope]] of CODES)
		for (const code of codes) {
			const error = reportFailure([{ code, title: "Said so" }]);
			expect([error.code, error.retryAfterMs, scopeOf(error)]).toEqual([
				kind,
				pauseMs,
				scope,
			] as never);
			expect(error.message).toEndWith(`WhatsApp said ${code}: Said so`);
		}
	expect(codeOf(reportFailure([null, { title: "x" }, { code: 190 }]))).toBe(
		190,
	);
	for (const nothing of [undefined, null, [], [{}], "x", { errors: 1 }])
		expect(short(reportFailure(nothing))).toEqual({
			code: "peer_rejected",
			message: "WhatsApp does not say why",
			status: 422,
		});
});

test("the state of the dialog tells what concerns the account, and nothing else", () => {
	const problem = (code: number) =>
		accountProblem(graphFailure(answer(code), 400));
	for (const [codes, [, , , scope]] of CODES)
		for (const code of codes)
			expect(problem(code) !== undefined).toBe(scope === "account");
	expect(problem(131042)).toBe(
		"WhatsApp does not send because of a payment: see the billing settings of the business account (131042)",
	);
	for (const other of [new AeonError("peer_unavailable", "x"), undefined, "x"])
		expect([accountProblem(other), kindOf(other), codeOf(other)]).toEqual([
			undefined,
			undefined,
			undefined,
		]);
});

test("what blocks an account until somebody acts is told apart from what passes", () => {
	const blocks = CODES.flatMap(([codes]) => codes).filter((code) =>
		isBlock(graphFailure(answer(code), 400)),
	);
	expect(blocks.sort((a, b) => a - b)).toEqual([
		0, 3, 10, 33, 102, 190, 200, 230, 299, 368, 131005, 131031, 131037, 131042,
		131045, 131048, 133000, 133006, 133010, 133016, 135001,
	]);
});

test("a failure that is put off is the same one, later", () => {
	const later = postponed(graphFailure(answer(190), 401), 5_000);
	expect(short(later)).toEqual({
		code: "peer_unavailable",
		message:
			"WhatsApp does not accept the access token. WhatsApp said 190: Said so",
		status: 401,
		retryAfterMs: 5_000,
	});
	expect([kindOf(later), codeOf(later), isBlock(later)]).toEqual([
		"token",
		190,
		true,
	]);
});
