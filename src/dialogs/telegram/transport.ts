// One call of the Bot API, and its answer.

import { strangeReply } from "../peer/failure.ts";
import {
	type Exchange,
	jsonObject,
	post as postTo,
} from "../peer/transport.ts";

/** Posts a body and gives the JSON object that came back. */
export async function post(
	exchange: Exchange,
	url: string,
	contentType: string,
	body: string | ReadableStream<Uint8Array>,
): Promise<{ ok: boolean }> {
	const headers = { "content-type": contentType };
	const { status, text } = await postTo(exchange, url, { headers, body });
	const answer = readAnswer(text);
	if (!answer) throw strangeReply(exchange.peer, status);
	return answer;
}

/** What every answer of the Bot API is (https://core.telegram.org/bots/api#making-requests); undefined of anything else. */
export function readAnswer(text: string): { ok: boolean } | undefined {
	const answer = jsonObject(text);
	return typeof answer?.ok === "boolean"
		? { ...answer, ok: answer.ok }
		: undefined;
}
