// How updates leave the fake Bot API: to one getUpdates at a time, or to a webhook until it says 2xx.

import type { Update } from "grammy/types";
import type { Clock } from "../../../src/core/clock.ts";
import type { HttpCall } from "../../support/fake_http.ts";
import { badRequest, type Parameters, Refused } from "./fake_rules.ts";

const MAX_POLL_SECONDS = 50;
const WEBHOOK_PAUSE_MS = 200;

/** A connection that was just cut may be heard of after the next one. */
const CLOSE_GRACE_MS = 20;

/** What is not asked for unless named. */
const UNASKED = ["chat_member", "message_reaction", "message_reaction_count"];

/** The queue of updates and who gets them. */
export class FakeUpdates {
	webhook: { url: string; secret?: string } | undefined;
	maxPollers = 0;
	readonly #clock: Clock;
	readonly #breach: (what: string) => void;
	readonly #open = new Set<HttpCall>();
	readonly #ended = new AbortController();
	#pending: Update[] = [];
	#lastId = 1_000;
	#allowed: string[] = [];
	#wake = (_why: "news" | Refused) => {};
	#isDelivering = false;
	#lastError: string | undefined;

	constructor(clock: Clock, breach: (what: string) => void) {
		this.#clock = clock;
		this.#breach = breach;
	}

	push(update: Omit<Update, "update_id">): number {
		const update_id = ++this.#lastId;
		this.#pending.push({ ...update, update_id } as Update);
		this.#wake("news");
		void this.#deliver();
		return update_id;
	}

	pending(): number {
		return this.#pending.length;
	}

	pollers(): number {
		return [...this.#open].filter((call) => !call.isClosed()).length;
	}

	/** Takes a getUpdates for open, from its arrival until it is answered or gone. */
	async count(call: HttpCall): Promise<void> {
		this.#open.add(call);
		void call.closed.then(() => this.#open.delete(call));
		const { answer } = call;
		call.answer = (...content) => {
			const isSent = answer(...content);
			if (isSent) this.#open.delete(call);
			return isSent;
		};
		if (this.pollers() > 1) await realPause(CLOSE_GRACE_MS);
		this.maxPollers = Math.max(this.maxPollers, this.pollers());
		if (this.pollers() > 1) this.#breach("more than one poller");
	}

	async poll(params: Parameters, call: HttpCall): Promise<Update[]> {
		this.#wake(
			new Refused(
				409,
				"Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
			),
		);
		if (this.webhook)
			throw new Refused(
				409,
				"Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
			);
		const offset = Number(params.offset ?? 0);
		if (offset > 0)
			this.#pending = this.#pending.filter((one) => one.update_id >= offset);
		else if (offset < 0) this.#pending = this.#pending.slice(offset);
		if (params.allowed_updates) this.#allowed = params.allowed_updates;
		const limit = Math.min(100, Number(params.limit ?? 100) || 100);
		const seconds = Math.min(MAX_POLL_SECONDS, Number(params.timeout ?? 0));
		if (this.#asked().length === 0 && seconds > 0)
			await this.#wait(seconds * 1_000, call);
		return this.#asked().slice(0, limit);
	}

	setWebhook(params: Parameters): true {
		const { url, secret_token: secret } = params;
		if (secret !== undefined && !/^[\w-]{1,256}$/.test(secret))
			throw badRequest("secret token contains unallowed characters");
		if (url && !URL.canParse(url)) throw badRequest("bad webhook: invalid URL");
		this.webhook = url ? { url, secret } : undefined;
		this.#lastError = undefined;
		if (params.allowed_updates) this.#allowed = params.allowed_updates;
		if (params.drop_pending_updates) this.#pending = [];
		if (url) {
			this.#wake(
				new Refused(409, "Conflict: terminated by setWebhook request"),
			);
			void this.#deliver();
		}
		return true;
	}

	webhookInfo(): object {
		return {
			url: this.webhook?.url ?? "",
			has_custom_certificate: false,
			pending_update_count: this.#pending.length,
			...(this.#lastError ? { last_error_message: this.#lastError } : {}),
		};
	}

	stop(): void {
		this.#ended.abort(new Error("the fake was stopped"));
		this.webhook = undefined;
	}

	/** What waits, without what nobody asks for, which is forgotten. */
	#asked(): Update[] {
		this.#pending = this.#pending.filter((update) => {
			const kind = Object.keys(update).find((key) => key !== "update_id");
			return this.#allowed.length > 0
				? this.#allowed.includes(kind ?? "")
				: !UNASKED.includes(kind ?? "");
		});
		return this.#pending;
	}

	async #wait(ms: number, call: HttpCall): Promise<void> {
		const { promise, resolve, reject } = Promise.withResolvers<void>();
		const over = new AbortController();
		const wake = (why: "news" | Refused) => {
			if (why !== "news") reject(why);
			else if (this.#asked().length > 0) resolve();
		};
		this.#wake = wake;
		const signal = AbortSignal.any([over.signal, this.#ended.signal]);
		this.#clock.sleep(ms, signal).then(resolve, () => resolve());
		void call.closed.then(resolve);
		try {
			await promise;
		} finally {
			over.abort();
			if (this.#wake === wake) this.#wake = () => {};
		}
	}

	async #deliver(): Promise<void> {
		if (this.#isDelivering) return;
		this.#isDelivering = true;
		for (;;) {
			const [update] = this.#asked();
			const { webhook } = this;
			if (!webhook || !update) break;
			const status = await post(webhook, update);
			if (status >= 200 && status < 300) {
				this.#pending = this.#pending.filter((one) => one !== update);
				continue;
			}
			this.#lastError = `Wrong response from the webhook: ${status}`;
			await this.#clock
				.sleep(WEBHOOK_PAUSE_MS, this.#ended.signal)
				.catch(() => {});
		}
		this.#isDelivering = false;
	}
}

async function post(
	{ url, secret }: { url: string; secret?: string },
	update: Update,
): Promise<number> {
	try {
		const response = await fetch(url, {
			method: "POST",
			headers: {
				"content-type": "application/json",
				...(secret ? { "x-telegram-bot-api-secret-token": secret } : {}),
			},
			body: JSON.stringify(update),
		});
		await response.text();
		return response.status;
	} catch {
		return 0;
	}
}

function realPause(ms: number): Promise<void> {
	return new Promise((resolve) => setTimeout(resolve, ms));
}
