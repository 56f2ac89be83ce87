// What Meta tells of messages that it has taken, from its page "status messages webhook reference".

import type { Clock } from "../../../src/core/clock.ts";
import type { Accepted } from "./fake_chats.ts";
import { type Fields, titleOf } from "./fake_rules.ts";
import type { FakeWebhooks } from "./fake_webhooks.ts";

/** What may become of a message. */
export type FakeStatus = "sent" | "delivered" | "read" | "failed";

/** An error as a status has it. */
export interface StatusError {
	code: number;
	details?: string;
}

/** Tells what becomes of messages. */
export class FakeStatuses {
	/** Told at once, kept until `release`, or never told. */
	mode: "told" | "held" | "off" = "told";
	/** The person reads what arrives. */
	isReading = false;
	readonly #webhooks: FakeWebhooks;
	readonly #clock: Clock;
	readonly #accepted = new Map<string, Accepted>();
	readonly #failing: StatusError[] = [];
	#held: Fields[] = [];

	constructor(webhooks: FakeWebhooks, clock: Clock) {
		this.#webhooks = webhooks;
		this.#clock = clock;
	}

	/** The next message that is taken fails with this. */
	failNext(error: StatusError): void {
		this.#failing.push(error);
	}

	/** Tells the usual of a message that was taken. */
	accept(message: Accepted): void {
		this.#accepted.set(message.id, message);
		const error = message.isLate ? { code: 131047 } : this.#failing.shift();
		const usual: FakeStatus[] = this.isReading
			? ["sent", "delivered", "read"]
			: ["sent", "delivered"];
		if (error) this.tell(message.id, "failed", error);
		else for (const status of usual) this.tell(message.id, status);
	}

	/** Tells something of a message; also of one that is not known. */
	tell(id: string, status: FakeStatus, error?: StatusError): void {
		const { to = "15550000000", tag } = this.#accepted.get(id) ?? {};
		const told = {
			id,
			status,
			timestamp: String(Math.floor(this.#clock.now() / 1_000)),
			recipient_id: to,
			...(tag !== undefined && { biz_opaque_callback_data: tag }),
			...(error ? { errors: [describe(error)] } : { pricing: PRICING }),
		};
		if (this.mode === "held") this.#held.push(told);
		else if (this.mode === "told") this.#post(told);
	}

	/** Tells what was held, and holds nothing back any more. */
	release(): void {
		this.mode = "told";
		for (const told of this.#held.splice(0)) this.#post(told);
	}

	#post(told: Fields): void {
		const payload = this.#webhooks.payload([[{ statuses: [told] }]]);
		this.#webhooks.queue("statuses", payload);
	}
}

const PRICING = {
	billable: false,
	pricing_model: "PMP",
	type: "free_customer_service",
	category: "service",
};

function describe({ code, details }: StatusError): object {
	return {
		code,
		title: titleOf(code),
		message: titleOf(code),
		error_data: { details: details ?? titleOf(code) },
		href: "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
	};
}
