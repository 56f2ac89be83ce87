// What stands before the methods: for a client that has not said who it is, and for one that asks too much at once.

import * as z from "zod/mini";
import { AeonError } from "../core/errors.ts";
import type { Client } from "./client.ts";
import { dispatch, type Method, type MethodTable } from "./dispatch.ts";
import { RequestError } from "./failure.ts";
import type { Guard, Refusal } from "./guard.ts";
import { createMethods, type MethodParts } from "./methods.ts";
import { METHODS, type MethodName, type Params } from "./protocol.ts";

const anyParams = z.looseObject({});

/** What is served however many answers a client waits for: by it the waiting can end. */
const URGENT: MethodName[] = ["agent.cancel", "approval.resolve", "ping"];

/** The tables that a client's requests are looked up in. */
export interface Tables {
	dispatch: typeof dispatch;
	/** Every method. */
	all: MethodTable<Client>;
	/** For a client that has not said who it is. */
	gate: MethodTable<Client>;
	/** For one that waits for too many answers. */
	busy: MethodTable<Client>;
}

/** Every table, the methods themselves among them. */
export function createTables(
	parts: MethodParts,
	guard: Guard,
	logWrongToken: (address: string) => void,
	hasRoom: () => boolean,
): Tables {
	const auth = {
		params: METHODS.auth.params,
		// Not async: what a client sends right behind it must find it let in.
		run({ token }: Params<"auth">, client: Client) {
			const refusal = guard.checkToken(token, client.address);
			if (refusal) {
				logWrongToken(client.address);
				return refusal.then((why) => Promise.reject(refused(why)));
			}
			if (!client.isAuthenticated && !hasRoom())
				throw new AeonError(
					"busy",
					"There are as many clients as server.max_clients allows",
				);
			client.admit();
			return { ok: true };
		},
	} satisfies Method<Client>;
	const gate = refuseAll(
		() =>
			new AeonError(
				"unauthorized",
				'Say who you are first: { "id": 1, "method": "auth", "params": { "token": "…" } }, or Authorization: Bearer … in the handshake',
			),
	);
	const busy = refuseAll(
		() =>
			new AeonError(
				"rate_limited",
				"Too many requests wait for their answers: wait for some",
				{ retryAfterMs: 1000 },
			),
	);
	const all: MethodTable<Client> = { ...createMethods(parts), auth };
	const urgent = Object.fromEntries(
		URGENT.map((name) => [name, all[name] as Method<Client>]),
	);
	return {
		dispatch,
		all,
		gate: { ...gate, auth },
		busy: { ...busy, ...urgent },
	};
}

function refuseAll(why: () => AeonError): MethodTable<Client> {
	const refuse = {
		params: anyParams,
		run() {
			throw why();
		},
	};
	return Object.fromEntries(Object.keys(METHODS).map((name) => [name, refuse]));
}

function refused({ status, message, retryAfterMs }: Refusal): RequestError {
	const code = status === 429 ? "RATE_LIMITED" : "UNAUTHORIZED";
	return new RequestError({
		code,
		message,
		...(retryAfterMs !== undefined && { retryable: true, retryAfterMs }),
	});
}
