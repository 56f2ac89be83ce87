// What the server answers to plain HTTP: whether it lives, whether it is ready, its figures.

import { Hono } from "hono";
import { VERSION } from "../core/version.ts";
import type { Refusal } from "./guard.ts";

/** What the routes ask of the server. */
export interface HttpParts {
	/** What `/ready` says; ready where `isReady`. */
	readiness(): { isReady: boolean } & Record<string, unknown>;
	/** Why a caller may not see the figures; undefined where it may. */
	refuse(request: Request, address: string): Promise<Refusal | undefined>;
	metrics(): string;
	/** What a platform sends to a dialog; undefined where no such dialog takes anything in that way. */
	webhook(dialog: string, request: Request): Promise<Response | undefined>;
	/** Tells the operator of a request that nothing here takes. */
	noteRefusal(address: string, status: number, reason: string): void;
}

/** What a request brings beside itself. */
export interface HttpEnv {
	Bindings: { address: string };
}

/** Where platforms send to; they know Aeon by whatever name and prove themselves, so that nobody is kept out before. */
export const WEBHOOKS = "/webhooks/";

/** The routes. Who may come by which name and from which page is checked before them. */
export function createRoutes(parts: HttpParts): Hono<HttpEnv> {
	const routes = new Hono<HttpEnv>();
	routes.get("/health", (c) => c.json({ ok: true, version: VERSION }));
	routes.get("/ready", (c) => {
		const { isReady, ...rest } = parts.readiness();
		return c.json({ ok: isReady, ...rest }, isReady ? 200 : 503);
	});
	routes.get("/metrics", async (c) => {
		const refusal = await parts.refuse(c.req.raw, c.env.address);
		if (refusal) return refuse(refusal);
		return c.body(parts.metrics(), 200, {
			"Content-Type": "text/plain; version=0.0.4; charset=utf-8",
		});
	});
	routes.all(`${WEBHOOKS}:dialog`, async (c) => {
		const answer = await parts.webhook(c.req.param("dialog"), c.req.raw);
		if (!answer) return c.text("There is nothing here.\n", 404);
		const { status } = answer;
		if (status >= 400)
			parts.noteRefusal(
				c.env.address,
				status,
				status === 503 ? "it has to come again" : "it is no webhook of ours",
			);
		return answer;
	});
	for (const path of ["/", "/ws"])
		routes.get(path, (c) =>
			c.text(`Aeon ${VERSION}: connect to /ws as a WebSocket.\n`, 426, {
				Upgrade: "websocket",
			}),
		);
	routes.all("*", (c) => {
		const { method } = c.req;
		if (method === "GET" || method === "HEAD")
			return c.text("There is nothing here.\n", 404);
		parts.noteRefusal(c.env.address, 405, `it is a ${method}`);
		return c.text("Nothing here takes that method.\n", 405, {
			Allow: "GET, HEAD",
		});
	});
	return routes;
}

/** A refusal as a response. */
export function refuse({ status, message, retryAfterMs }: Refusal): Response {
	return new Response(`${message}\n`, {
		status,
		headers: {
			"Content-Type": "text/plain; charset=utf-8",
			...(status === 401 && { "WWW-Authenticate": 'Bearer realm="aeon"' }),
			...(retryAfterMs !== undefined && {
				"Retry-After": String(Math.ceil(retryAfterMs / 1000)),
			}),
		},
	});
}
