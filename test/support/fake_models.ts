// The list of models at a fake of a model's API.

import type { FakeAnswer } from "./fake_llm.ts";

/** What a list of models has, and who may see it. */
export interface FakeModels {
	ids: readonly string[];
	/** The key that is right; any, also none, where it is left out. */
	key?: string;
	/** So many a page, at Anthropic's only. */
	pageSize?: number;
	/** Each request's first line, as it comes. */
	seen?: string[];
	/** Another answer. */
	instead?: FakeAnswer;
}

/** The list of models by either API's rules: path, header, pages, and the refusals as they word them. */
export function answerList(
	api: "anthropic" | "openai",
	list: FakeModels | undefined,
	head: string,
): FakeAnswer {
	const [first = ""] = head.split("\r\n");
	const { pathname, searchParams } = new URL(
		first.split(" ")[1] ?? "/",
		"http://fake",
	);
	const json = { "content-type": "application/json" };
	const error = (status: number, type: string, message: string) => ({
		status,
		headers: json,
		body: { type: "error", error: { type, message } },
	});
	if (!list || pathname !== "/v1/models")
		return error(404, "not_found_error", "Not Found");
	list.seen?.push(first);
	if (list.instead) return list.instead;
	const header = api === "anthropic" ? "x-api-key" : "authorization";
	const [, given = ""] =
		new RegExp(`^${header}: *(.*)$`, "im").exec(head) ?? [];
	const key = given.trim().replace(/^Bearer /, "");
	if (list.key !== undefined && key !== list.key)
		return error(
			401,
			"authentication_error",
			api === "anthropic"
				? "invalid x-api-key"
				: `Incorrect API key provided: ${key}.`,
		);
	if (api === "anthropic" && !/^anthropic-version: /im.test(head))
		return error(
			400,
			"invalid_request_error",
			"anthropic-version: header is required",
		);
	const { ids, pageSize = ids.length } = list;
	const from = ids.indexOf(searchParams.get("after_id") ?? "") + 1;
	const page = ids.slice(from, from + pageSize);
	const data = page.map((id) => ({ id, object: "model", type: "model" }));
	const hasMore = from + pageSize < ids.length;
	return {
		headers: json,
		raw: JSON.stringify(
			api === "anthropic"
				? { data, has_more: hasMore, last_id: page.at(-1) ?? null }
				: { object: "list", data },
		),
	};
}
