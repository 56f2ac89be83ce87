// What Meta posts to a webhook: signed over its bytes, again and again until it is answered with 200. From Meta's pages "Create a webhook
// endpoint" (handshake, signature of the escaped payload) and "messages webhook reference".

import type { Clock } from "../../../src/core/clock.ts";
import type { Changes } from "../../support/changes.ts";
import type { Fields } from "./fake_rules.ts";

/** How long an answer is waited for. */
const ANSWER_MS = 10_000;

/** What a webhook belongs to. */
export interface FakeAccount {
	appSecret: string;
	phoneNumberId: string;
	displayNumber: string;
}

/** What is posted one after the other: messages do not wait for statuses. */
type Lane = "messages" | "statuses";

/** JSON as Meta writes it: what is not ASCII escaped in small letters, and slashes, too. */
export function metaJson(value: unknown): string {
	return JSON.stringify(value)
		.replace(
			/[\u007f-\uffff]/g,
			(unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
		)
		.replaceAll("/", "\\/");
}

/** The header X-Hub-Signature-256 of a body. */
export function signatureOf(body: string, appSecret: string): string {
	const hasher = new Bun.CryptoHasher("sha256", appSecret);
	return `sha256=${hasher.update(body).digest("hex")}`;
}

/** The sender of webhooks. */
export class FakeWebhooks {
	/** The status of every answer, 0 where none came. */
	readonly answers: number[] = [];
	readonly #account: FakeAccount;
	readonly #clock: Clock;
	readonly #repeatMs: number;
	readonly #changes: Changes;
	readonly #ended = new AbortController();
	readonly #queues: Record<Lane, string[]> = { messages: [], statuses: [] };
	readonly #running = new Set<Lane>();
	#url: string | undefined;

	constructor(parts: {
		account: FakeAccount;
		clock: Clock;
		repeatMs: number;
		changes: Changes;
	}) {
		this.#account = parts.account;
		this.#clock = parts.clock;
		this.#repeatMs = parts.repeatMs;
		this.#changes = parts.changes;
	}

	/** Proves the address as Meta does, and posts to it from then on. Throws where the proof fails. */
	async subscribe(url: string, verifyToken: string): Promise<void> {
		const challenge = String(1_000_000 + Math.floor(Math.random() * 1_000_000));
		const address = new URL(url);
		address.searchParams.set("hub.mode", "subscribe");
		address.searchParams.set("hub.challenge", challenge);
		address.searchParams.set("hub.verify_token", verifyToken);
		const answer = await fetch(address);
		const text = await answer.text();
		if (answer.status !== 200 || text !== challenge)
			throw new Error(`the handshake failed: ${answer.status} ${text}`);
		this.#url = url;
		void this.#run("messages");
		void this.#run("statuses");
	}

	/** What is to be posted waits until there is an address again. */
	unsubscribe(): void {
		this.#url = undefined;
	}

	/** Posts until it is answered with 200. */
	queue(lane: Lane, payload: object): void {
		this.#queues[lane].push(metaJson(payload));
		void this.#run(lane);
	}

	/** What was not answered with 200 yet. */
	pending(lane: Lane): number {
		return this.#queues[lane].length;
	}

	/** Posts once, with the right signature unless another one, or none, is given; gives the status, 0 where there is no answer. */
	async post(body: string, signature?: string | null): Promise<number> {
		const proof = signature ?? signatureOf(body, this.#account.appSecret);
		const status = await fetch(this.#url ?? "", {
			method: "POST",
			headers: {
				"content-type": "application/json",
				"user-agent": "facebookexternalua",
				...(signature !== null && { "x-hub-signature-256": proof }),
			},
			body,
			signal: AbortSignal.any([
				this.#ended.signal,
				AbortSignal.timeout(ANSWER_MS),
			]),
		}).then(
			async (answer) => {
				await answer.arrayBuffer();
				return answer.status;
			},
			() => 0,
		);
		this.answers.push(status);
		this.#changes.tell();
		return status;
	}

	/** One entry for each list of changes, a change for each value, around what a value has of its own. */
	payload(entries: Fields[][]): object {
		const { phoneNumberId, displayNumber } = this.#account;
		const metadata = {
			display_phone_number: displayNumber,
			phone_number_id: phoneNumberId,
		};
		return {
			object: "whatsapp_business_account",
			entry: entries.map((values, n) => ({
				id: String(102_290_129_340_398 + n),
				changes: values.map((value) => ({
					value: { messaging_product: "whatsapp", metadata, ...value },
					field: "messages",
				})),
			})),
		};
	}

	stop(): void {
		this.#url = undefined;
		this.#ended.abort(new Error("the fake was stopped"));
	}

	async #run(lane: Lane): Promise<void> {
		if (this.#running.has(lane)) return;
		this.#running.add(lane);
		const queue = this.#queues[lane];
		for (;;) {
			const [body] = queue;
			if (body === undefined || this.#url === undefined) break;
			if ((await this.post(body)) === 200) {
				queue.shift();
				this.#changes.tell();
				continue;
			}
			await this.#clock
				.sleep(this.#repeatMs, this.#ended.signal)
				.catch(() => {});
		}
		this.#running.delete(lane);
	}
}
