// From a frame to its answer: the protocol's own requests, and those of JSON-RPC 2.0 with batches and notifications.

import type { ZodMiniObject } from "zod/mini";
import { asRecord, isRecord } from "../core/json.ts";
import { type Dialect, dialectOf } from "./encoding.ts";
import {
	describeFailure,
	invalidRequest,
	RequestError,
	type WireFailure,
} from "./failure.ts";
import type { RequestId } from "./frames.ts";
import { checkParams } from "./params.ts";

/** One method: what it takes, and what it does. `from` is whoever asks. */
export interface Method<From> {
	params: ZodMiniObject;
	run(params: never, from: From): object | Promise<object>;
}

/** The methods by their names. */
export type MethodTable<From> = Readonly<Record<string, Method<From>>>;

const NOT_READABLE =
	"The frame is not JSON, or not CBOR where that was agreed on";

/** Entries of one batch. */
const MAX_BATCH = 100;

/** Codes of JSON-RPC 2.0 (section 5.1), by those of the protocol; -32000 for the rest. */
const RPC_CODES: Partial<Record<WireFailure["code"], [number, string?]>> = {
	PARSE_ERROR: [-32700, "Parse error"],
	UNKNOWN_METHOD: [-32601, "Method not found"],
	INVALID_REQUEST: [-32602],
	INTERNAL: [-32603],
};
const RPC_INVALID_REQUEST = -32600;
const RPC_SERVER_ERROR = -32000;

/** An answer, or the promise of one; nothing where none is to be sent. */
type Answer = object | undefined | Promise<object | undefined>;

/**
 * The answer to a frame, which `value` is the content of; undefined where that could not be read. `methods` is asked for each
 * request in it. Never throws: what goes wrong is an answer, too.
 */
export function dispatch<From>(
	value: unknown,
	home: Dialect,
	methods: () => MethodTable<From>,
	from: From,
): Answer {
	if (value === undefined)
		return home === "jsonrpc" ? rpcParseError() : parseError();
	if (Array.isArray(value)) return dispatchBatch(value, methods, from);
	return dialectOf(value, home) === "jsonrpc"
		? dispatchRpc(value, methods, from)
		: dispatchOwn(value, methods, from);
}

/** A request in the protocol's own words. One without an id is served, too; its answer has null for one. */
function dispatchOwn<From>(
	value: unknown,
	methods: () => MethodTable<From>,
	from: From,
): Answer {
	const { id: given = null, method, params = {} } = asRecord(value) ?? {};
	const id = isUsableId(given) ? given : null;
	const failed = (error: unknown) => ({
		id,
		type: "error",
		...describeFailure(error),
	});
	if (!isRecord(value))
		return failed(
			invalidRequest("A frame is one JSON object: { id, method, params }"),
		);
	if (given !== null && id === null)
		return failed(
			invalidRequest(
				"'id' must be a string or a number that JSON keeps exactly",
			),
		);
	if (typeof method !== "string")
		return failed(invalidRequest("Missing required field 'method'"));
	if (!isRecord(params))
		return failed(invalidRequest("'params' must be an object"));
	return answered(
		() => call(method, params, methods(), from),
		(payload) => ({ id, type: "response", payload }),
		failed,
	);
}

function dispatchBatch<From>(
	batch: unknown[],
	methods: () => MethodTable<From>,
	from: From,
): Answer {
	if (batch.length === 0 || batch.length > MAX_BATCH)
		return rpcInvalidRequest(
			null,
			batch.length === 0
				? "an empty batch"
				: `a batch of more than ${MAX_BATCH}`,
		);
	const answers = batch.map((one) => dispatchRpc(one, methods, from));
	const sent = (all: (object | undefined)[]) => {
		const some = all.filter((answer) => answer !== undefined);
		return some.length > 0 ? some : undefined;
	};
	return answers.some((answer) => answer instanceof Promise)
		? Promise.all(answers).then(sent)
		: sent(answers as (object | undefined)[]);
}

/** A request of JSON-RPC 2.0 (sections 4 and 5). */
function dispatchRpc<From>(
	value: unknown,
	methods: () => MethodTable<From>,
	from: From,
): Answer {
	const { jsonrpc, id: given, method, params = {} } = asRecord(value) ?? {};
	const id = isUsableId(given) ? given : null;
	const isNotification = isRecord(value) && !("id" in value);
	const isRequest = jsonrpc === "2.0" && typeof method === "string";
	const areParams = typeof params === "object" && params !== null;
	if (
		!isRequest ||
		!areParams ||
		(given !== undefined && given !== null && id === null)
	)
		return rpcInvalidRequest(id, "it is no request of JSON-RPC 2.0");
	const answer = answered(
		() => call(method, byName(method, params, methods()), methods(), from),
		(result) => ({ jsonrpc: "2.0", result, id }),
		(error) => rpcError(id, describeFailure(error)),
	);
	if (!isNotification) return answer;
	return answer instanceof Promise ? answer.then(() => undefined) : undefined;
}

/** Parameters by position have the order in which the schema names them. */
function byName<From>(
	method: string,
	params: object,
	methods: MethodTable<From>,
): object {
	if (!Array.isArray(params)) return params;
	// That there is no such method is said by whoever calls it.
	if (!Object.hasOwn(methods, method)) return {};
	const names = Object.keys(methods[method]?.params.shape ?? {});
	if (params.length > names.length)
		throw invalidRequest(`${method} takes at most ${names.length} parameters`);
	return Object.fromEntries(
		params.map((param, index) => [names[index], param]),
	);
}

function call<From>(
	name: string,
	params: object,
	methods: MethodTable<From>,
	from: From,
): object | Promise<object> {
	if (!Object.hasOwn(methods, name))
		throw new RequestError({
			code: "UNKNOWN_METHOD",
			message: `There is no method ${JSON.stringify(name.slice(0, 80))}: hello names those that there are`,
		});
	const method = methods[name] as Method<From>;
	return method.run(checkParams(method.params, params) as never, from);
}

/** Does the work, at once where it can be done at once. */
function answered(
	work: () => object | Promise<object>,
	succeeded: (payload: object) => object,
	failed: (error: unknown) => object,
): object | Promise<object> {
	try {
		const payload = work();
		return payload instanceof Promise
			? payload.then(succeeded, failed)
			: succeeded(payload);
	} catch (error) {
		return failed(error);
	}
}

/** A number that JSON would give back as another one is no good as an id. */
function isUsableId(id: unknown): id is RequestId {
	if (typeof id === "string") return true;
	return (
		typeof id === "number" &&
		Number.isFinite(id) &&
		Math.abs(id) <= Number.MAX_SAFE_INTEGER
	);
}

function parseError(): object {
	const message = NOT_READABLE;
	return { id: null, type: "error", code: "PARSE_ERROR", message };
}

function rpcParseError(): object {
	return rpcError(null, {
		code: "PARSE_ERROR",
		message: NOT_READABLE,
	});
}

function rpcInvalidRequest(id: RequestId | null, message: string): object {
	const data = { code: "INVALID_REQUEST", message };
	return {
		jsonrpc: "2.0",
		error: { code: RPC_INVALID_REQUEST, message: "Invalid Request", data },
		id,
	};
}

function rpcError(id: RequestId | null, failure: WireFailure): object {
	const [code, title] = RPC_CODES[failure.code] ?? [RPC_SERVER_ERROR];
	const { message, ...rest } = failure;
	const data = title ? { ...rest, message } : rest;
	return {
		jsonrpc: "2.0",
		error: { code, message: title ?? message, data },
		id,
	};
}
