// `agent.send`: a message with what belongs to it is kept, answered, and its turn goes on whoever listens.

import { AeonError } from "../core/errors.ts";
import type { TurnResult } from "../core/event.ts";
import type { Attachment } from "../core/message.ts";
import type { Backend, IncomingFile } from "./backend.ts";
import { CODE_ON_WIRE } from "./codes.ts";
import { invalidRequest, RequestError } from "./failure.ts";
import type { Params, Payload } from "./protocol.ts";
import { outcome } from "./translate.ts";

/** Base64 (RFC 4648 section 4), padded or not: whole groups of four characters, and a last one of two to four. */
const BASE64 =
	/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;

/** Keeps the message; resolves then, or with `wait` at the end of its turn. */
export async function sendMessage(
	backend: Backend,
	request: Params<"agent.send"> & { sessionKey: string },
): Promise<Payload<"agent.send">> {
	const { message, sessionKey, attachments, messageId, model, wait } = request;
	const attached = await attachFiles(backend, attachments);
	const { runId, queued, result, ...accepted } = await backend.host.accept({
		sessionKey,
		text: message,
		...(attached.length > 0 && { attachments: attached }),
		...(model !== undefined && { model }),
		// Clients number their messages each for itself.
		...(messageId !== undefined && {
			messageId: JSON.stringify([sessionKey, messageId]),
		}),
	});
	const taken = {
		ok: true as const,
		runId,
		sessionKey: accepted.sessionKey,
		queued,
	};
	// Nobody need wait for it, and a fault in it is told by its events.
	result?.catch(() => {});
	if (!wait) return taken;
	if (!result)
		throw new AeonError(
			"not_found",
			`The run ${runId} has ended, and how is not known any more: session.history has what it said`,
		);
	return { ...taken, ...atEnd(await result) };
}

/** The files of a request as attachments. */
export function attachFiles(
	backend: Backend,
	attachments: Params<"agent.send">["attachments"] = [],
): Promise<Attachment[]> {
	const files = attachments.map(readFile);
	return Promise.all(files.map((file) => backend.attach(file)));
}

function atEnd(result: TurnResult) {
	const { error, toolCalls } = result;
	const end = {
		...outcome(result),
		toolCalls: toolCalls.map(({ id, name, input, success }) => ({
			id,
			name,
			input,
			success,
		})),
	};
	if (!error) return end;
	const { runId, sessionKey } = result;
	throw new RequestError({
		code: CODE_ON_WIRE[error.code],
		message: error.message,
		details: { runId, sessionKey, ...end },
	});
}

function readFile(
	file: NonNullable<Params<"agent.send">["attachments"]>[number],
): IncomingFile {
	if ("path" in file) return file;
	if (!BASE64.test(file.data))
		throw invalidRequest("Parameter 'attachments' has data that is not base64");
	return { name: file.name, bytes: Buffer.from(file.data, "base64") };
}
