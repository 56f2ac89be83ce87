// What tests of the calls to the Graph API share: a client of a fake one, and its errors as they can be compared.

import { expect } from "bun:test";
import type { OutboundFile } from "../../../src/core/delivery.ts";
import { AeonError } from "../../../src/core/errors.ts";
import { Secret } from "../../../src/core/secret.ts";
import type { Fetch } from "../../../src/dialogs/peer/transport.ts";
import {
	type GraphClient,
	openClient,
} from "../../../src/dialogs/whatsapp/client.ts";
import type { FakeWhatsApp } from "../../support/fake_whatsapp.ts";

/** Whom the chats are with. */
export const ANNA = "+15550100001";
export const BERT = "+15550100002";

/** A client of a fake. */
export function clientOf(
	whatsapp: FakeWhatsApp,
	more: { apiRoot?: string; token?: () => Secret; fetch?: Fetch } = {},
): GraphClient {
	return openClient({
		token: () => new Secret(whatsapp.token),
		phoneNumberId: whatsapp.phoneNumberId,
		apiRoot: whatsapp.url,
		...more,
	});
}

/** The error of a call, which must be one of ours and must not show the token, whoever prints it. */
export async function failureOf(
	call: Promise<unknown>,
	token = "EAAFakeTokenForTestsOnly0123",
): Promise<AeonError> {
	const error = await call.then(
		(result) => new Error(`it gave ${JSON.stringify(result)}`),
		(error: unknown) => error,
	);
	expect(error).toBeInstanceOf(AeonError);
	expect(Bun.inspect(error, { depth: 20 })).not.toContain(token);
	expect(JSON.stringify(error)).not.toContain(token);
	return error as AeonError;
}

/** What of an error whoever catches it goes by. */
export const short = ({ code, message, status, retryAfterMs }: AeonError) => ({
	code,
	message,
	...(status === undefined ? {} : { status }),
	...(retryAfterMs === undefined ? {} : { retryAfterMs }),
});

/** A file on its way out, in pieces. */
export function outbound(
	name: string,
	mimeType: string,
	size = 10,
): OutboundFile {
	return {
		name,
		mimeType,
		size,
		async *read() {
			for (let left = size; left > 0; left -= 65_536)
				yield new Uint8Array(Math.min(left, 65_536)).fill(7);
		},
	};
}

/** All bytes of a file that came in. */
export async function readAll(
	pieces: AsyncIterable<Uint8Array>,
): Promise<Buffer> {
	return Buffer.concat(await Array.fromAsync(pieces));
}

/** A signal that is never aborted. */
export const NEVER = new AbortController().signal;
