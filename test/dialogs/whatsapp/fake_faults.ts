// How calls of the fake Graph API fail when a test wants it.

import type { Clock } from "../../../src/core/clock.ts";
import type { HttpCall } from "../../support/fake_http.ts";
import type { FakeMethod } from "./fake_routes.ts";
import { statusOf, titleOf } from "./fake_rules.ts";

/** How calls fail. By default with an error body of `code`. */
export interface FakeFailure {
	/** `*` for every method. */
	method: FakeMethod | "*";
	/** 1 by default; `Number.POSITIVE_INFINITY` until `mend()`. */
	times?: number;
	/** Calls that go well before. */
	after?: number;
	/** 131000 by default. */
	code?: number;
	/** What "Error codes" says of the code by default. */
	status?: number;
	details?: string;
	/** The whole body instead: a string as it is, anything else as JSON. */
	body?: unknown;
	/** Seconds, as the header Retry-After; the same call for the same number within them is a violation. */
	retryAfter?: number;
	/** `reset_after`, `hang_after`: it is carried out, then the connection is cut, or left alone, without an answer. */
	mode?: "reset" | "hang" | "html502" | "reset_after" | "hang_after";
	/** Where a download is redirected to. */
	location?: string;
}

const HTML =
	"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><center><h1>502 Bad Gateway</h1></center></body>\r\n</html>\r\n";

/** An error as the Graph API tells of it ("Error codes", "Error handling"). */
export function errorBody(code: number, details?: string): string {
	return JSON.stringify({
		error: {
			message: `(#${code}) ${titleOf(code)}`,
			type: "OAuthException",
			code,
			...(details !== undefined && {
				error_data: { messaging_product: "whatsapp", details },
			}),
			fbtrace_id: "AFakeTraceOfTheTests",
		},
	});
}

/** The failures that are ordered. */
export class FakeFaults {
	readonly #clock: Clock;
	readonly #breach: (what: string) => void;
	readonly #quietUntil = new Map<string, number>();
	#failures: (FakeFailure & { times: number; after: number })[] = [];

	constructor(clock: Clock, breach: (what: string) => void) {
		this.#clock = clock;
		this.#breach = breach;
	}

	fail(failure: FakeFailure): void {
		this.#failures.push({ times: 1, after: 0, ...failure });
	}

	/** Nothing fails any more. */
	mend(): void {
		this.#failures = [];
	}

	/**
	 * Fails a call where that is ordered. `done` where nothing else is to be done; `hush` where it is to be carried out
	 * and its answer goes nowhere; undefined where it goes well.
	 */
	strike(
		method: FakeMethod,
		to: string | undefined,
		call: HttpCall,
	): "done" | "hush" | undefined {
		const place = `${method} ${to ?? ""}`;
		if ((this.#quietUntil.get(place) ?? 0) > this.#clock.now())
			this.#breach(`${method} within the Retry-After of ${to}`);
		const failure = this.#next(method);
		if (!failure) return undefined;
		const { mode, retryAfter, code = 131000, location } = failure;
		if (mode === "reset_after" || mode === "hang_after") {
			call.answer = () => {
				if (mode === "reset_after") call.reset();
				return false;
			};
			return "hush";
		}
		if (mode === "reset") call.reset();
		else if (mode === "html502")
			call.answer(502, HTML, { "content-type": "text/html" });
		else if (location !== undefined) call.answer(302, "", { location });
		else if (mode === undefined) {
			if (retryAfter !== undefined)
				this.#quietUntil.set(place, this.#clock.now() + retryAfter * 1_000);
			const { body = errorBody(code, failure.details) } = failure;
			call.answer(
				failure.status ?? statusOf(code),
				typeof body === "string" ? body : JSON.stringify(body),
				retryAfter === undefined ? {} : { "retry-after": String(retryAfter) },
			);
		}
		return "done";
	}

	#next(method: FakeMethod): FakeFailure | undefined {
		const failure = this.#failures.find(
			(one) => one.times > 0 && [method, "*"].includes(one.method),
		);
		if (!failure || failure.after-- > 0) return undefined;
		failure.times--;
		return failure;
	}
}
