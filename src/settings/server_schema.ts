// The server of aeon.json: where it listens, whom it lets in, what it bears.

import * as z from "zod/mini";
import { secret } from "../core/secret.ts";

/** The end must come within ten seconds, whatever hangs, and closing takes some, too. */
const MAX_DRAIN_MS = 6_000;

/** What can be sent as `Authorization: Bearer` (RFC 6750 section 2.1). */
const TOKEN = /^[A-Za-z0-9\-._~+/=]*$/;

/** The section `server`. */
export const serverSchema = z.strictObject({
	host: z._default(
		z.string().check(z.describe("The address that aeon serve listens on")),
		"127.0.0.1",
	),
	port: z._default(
		z
			.int()
			.check(z.minimum(0), z.maximum(65_535))
			.check(z.describe("The port that aeon serve listens on")),
		7777,
	),
	token: z.optional(
		secret(
			"What clients prove themselves with; without it Aeon makes one.",
		).check(
			z.refine((token) => TOKEN.test(token.reveal()), {
				error:
					"has a character in it that clients cannot send: write only A-Z a-z 0-9 - . _ ~ + / =, for example of `openssl rand -hex 32`",
			}),
		),
	),
	hosts: z._default(
		z
			.array(z.string())
			.check(
				z.describe("Names it may be asked for by, beside its own address"),
			),
		[],
	),
	origins: z._default(
		z
			.array(z.string())
			.check(z.describe("Web pages that may talk to it: https://name[:port]")),
		[],
	),
	max_clients: z._default(
		z.int().check(z.minimum(1), z.describe("How many may be connected")),
		256,
	),
	max_frame_bytes: z._default(
		z.int().check(z.minimum(4096), z.describe("The largest frame it takes")),
		1024 * 1024,
	),
	max_buffered_bytes: z._default(
		z
			.int()
			.check(
				z.minimum(4096),
				z.describe("What may wait for a client that does not read"),
			),
		1024 * 1024,
	),
	idle_seconds: z._default(
		z
			.int()
			.check(
				z.minimum(8),
				z.maximum(960),
				z.describe("After so much silence, a client that is gone is dropped"),
			),
		60,
	),
	drain_ms: z._default(
		z
			.int()
			.check(
				z.minimum(0),
				z.maximum(MAX_DRAIN_MS),
				z.describe("How long running turns have when Aeon is told to end"),
			),
		3_000,
	),
});
