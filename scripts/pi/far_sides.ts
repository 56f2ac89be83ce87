// The far sides that the page leads to, under their own names and with TLS, in the machine's network: a model and Telegram.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type FakeLlm, startFakeLlm } from "../../test/support/fake_llm.ts";
import {
	type FakeTelegram,
	startFakeTelegram,
} from "../../test/support/fake_telegram.ts";
import { run } from "../vm/process.ts";
import type { Machine } from "./machine.ts";

/** What they are asked for by, and where that is. */
const NAMES = ["api.anthropic.com", "api.telegram.org"] as const;
const ADDRESS = "127.77.0.1";

/** The key that the model's side takes. */
export const KEY = "sk-ant-api03-0123456789abcdefghijklmnopqrstuvwxyz";

const MODELS = ["claude-sonnet-5", "claude-opus-4-20250514"];

/** What the model answers. */
export const ANSWER = "Hello from your Raspberry Pi.";

/** The far sides; they run as long as this program. */
export interface FarSides {
	telegram: FakeTelegram;
	llm: FakeLlm;
	/** Lines for /etc/hosts. */
	hosts: string;
	/** The certificate of whoever vouches for them. */
	certificate: string;
}

/** Starts them; `folder` is for their key. */
export async function startFarSides(
	machine: Machine,
	folder: string,
): Promise<FarSides> {
	const [key, certificate] = ["key.pem", "certificate.pem"].map((name) =>
		join(folder, name),
	) as [string, string];
	run(
		[
			...["openssl", "req", "-x509", "-nodes", "-days", "2"],
			...["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
			...["-subj", "/CN=Aeon's far sides", "-keyout", key, "-out", certificate],
			...["-addext", `subjectAltName=${NAMES.map((n) => `DNS:${n}`).join()}`],
		],
		folder,
	);
	const telegram = await startFakeTelegram();
	const llm = await startFakeLlm({
		api: "anthropic",
		models: { ids: MODELS, key: KEY },
		script: ({ headers }) =>
			headers["x-api-key"] === KEY
				? { text: ANSWER }
				: { status: 401, body: "wrong key" },
	});
	const places: Record<string, string> = {
		"api.anthropic.com": llm.url,
		"api.telegram.org": telegram.url,
	};
	machine.inNetwork(() =>
		Bun.serve({
			hostname: ADDRESS,
			port: 443,
			tls: {
				key: readFileSync(key, "utf8"),
				cert: readFileSync(certificate, "utf8"),
			},
			idleTimeout: 0,
			fetch(request) {
				const { hostname, pathname, search } = new URL(request.url);
				const place = places[hostname];
				if (!place) return new Response("no such host", { status: 421 });
				return fetch(`${place}${pathname}${search}`, {
					method: request.method,
					headers: request.headers,
					body: request.body,
					signal: request.signal,
				});
			},
		}),
	);
	return {
		telegram,
		llm,
		hosts: `${ADDRESS} ${NAMES.join(" ")}\n`,
		certificate: readFileSync(certificate, "utf8"),
	};
}
