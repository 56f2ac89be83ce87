// What the fake Graph API can be asked, by path and method.

import type { HttpCall } from "../../support/fake_http.ts";
import { MEDIA_PATH } from "./fake_media.ts";
import { Breach, type Fields } from "./fake_rules.ts";

/** `describe` gives the address of a file, `download` its bytes, `probe` the number's entry. */
export type FakeMethod =
	| "messages"
	| "read"
	| "media"
	| "describe"
	| "download"
	| "probe";

/** What a call asks for, and the JSON that it brings. Throws where there is no such thing. */
export function readCall(
	call: HttpCall,
	phoneNumberId: string,
): { method: FakeMethod; address: URL; body: Fields } {
	const address = new URL(call.path, "http://fake");
	const method = methodOf(call.method, address.pathname, phoneNumberId);
	if (!method)
		throw new Breach(100, `Unsupported request: ${call.method} ${call.path}`);
	if (method !== "messages") return { method, address, body: {} };
	const body = readJson(call);
	// One address for both, which the fields tell apart.
	return { method: "status" in body ? "read" : method, address, body };
}

function methodOf(
	verb: string,
	path: string,
	phoneNumberId: string,
): FakeMethod | undefined {
	if (verb === "GET" && path === MEDIA_PATH) return "download";
	const [, id, what] = /^\/v\d+\.\d+\/([^/]+)(?:\/([^/]+))?$/.exec(path) ?? [];
	if (id === undefined) return undefined;
	if (verb === "GET" && what === undefined)
		return id === phoneNumberId ? "probe" : "describe";
	if (verb !== "POST" || id !== phoneNumberId) return undefined;
	return what === "messages" || what === "media" ? what : undefined;
}

function readJson({ headers, body }: HttpCall): Fields {
	if (!/^application\/json\b/.test(headers["content-type"] ?? ""))
		throw new Breach(100, "a message that is not said to be JSON");
	try {
		return JSON.parse(body.toString());
	} catch {
		throw new Breach(100, "a message that is no JSON");
	}
}
