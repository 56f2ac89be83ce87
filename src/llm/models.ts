// Which models a key can use, as the provider's own list has it: how a key is tried without paying for an answer.

import { AeonError } from "../core/errors.ts";
import { asRecord, asText, parseJson } from "../core/json.ts";
import { type FarSide, networkError, statusError } from "./failure.ts";

/** What no name has: a person chooses from what they see, and it is written into aeon.json. */
const UNSEEN = /\p{C}/u;

/** Where a list is asked for. */
export interface ModelList extends FarSide {
	url: string;
	headers: Record<string, string>;
}

/** Aggregators list hundreds of models with a page of text each. */
const MAX_BYTES = 4 * 1024 * 1024;

/** More pages than any provider has; without a bound, one that always says "more" would be asked for ever. */
const MAX_PAGES = 5;

/** The ids of a list, page after page where it has several. Throws as `LlmDriver.models` does. */
export async function listModels(
	list: ModelList,
	signal: AbortSignal,
): Promise<string[]> {
	const ids: string[] = [];
	const url = new URL(list.url);
	for (let page = 1; page <= MAX_PAGES; page++) {
		const answer = asRecord(parseJson(await get(list, url.href, signal)));
		const { data, has_more: hasMore, last_id: lastId } = answer ?? {};
		// A server of one's own that has no model yet has `null` there.
		if (!Array.isArray(data) && data !== null)
			throw new AeonError(
				"llm_rejected",
				`${list.host} sent something else than a list of models`,
				{ hint: "Check base_url." },
			);
		for (const model of data ?? []) {
			const id = asText(asRecord(model)?.id);
			if (id !== "" && !UNSEEN.test(id)) ids.push(id);
		}
		if (hasMore !== true || asText(lastId) === "") break;
		url.searchParams.set("after_id", asText(lastId));
	}
	return [...new Set(ids)];
}

/** The text of a good answer. No redirect is followed: it would take the key along to another host. */
async function get(
	list: ModelList,
	url: string,
	signal: AbortSignal,
): Promise<string> {
	let answered = false;
	try {
		const response = await fetch(url, {
			headers: { accept: "application/json", ...list.headers },
			redirect: "manual",
			keepalive: false,
			signal,
		});
		answered = true;
		const text = await readText(response, list.host);
		const { ok, status, headers } = response;
		if (!ok) throw statusError(list, status, headers, text, Date.now());
		return text;
	} catch (error) {
		signal.throwIfAborted();
		if (error instanceof AeonError) throw error;
		throw networkError(list, error, answered);
	}
}

async function readText(response: Response, host: string): Promise<string> {
	const decoder = new TextDecoder();
	let text = "";
	let size = 0;
	for await (const piece of response.body ?? []) {
		size += piece.length;
		if (size > MAX_BYTES)
			throw new AeonError(
				"llm_rejected",
				`${host} sent more than a list of models can be`,
				{ hint: "Check base_url." },
			);
		text += decoder.decode(piece, { stream: true });
	}
	return text + decoder.decode();
}
