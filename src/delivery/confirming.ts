// What platforms tell later of messages that they were given: delivered, read, or not to be delivered after all.

import type {
	DeliveryReport,
	OutboxPart,
	PartState,
} from "../core/delivery.ts";
import type { DialogEvent } from "../core/event.ts";
import type { Logger } from "../core/logger.ts";
import type { DialogProvider } from "../dialogs/provider.ts";
import type { SessionStore } from "../storage/store.ts";
import { isUncertain } from "./part.ts";
import { afterReport, type Outcome } from "./sending.ts";

/** What reports are brought together with. */
export interface ConfirmingParts {
	dialog: DialogProvider;
	now(): number;
	store: Pick<SessionStore, "saveParts" | "partsOf" | "findPart">;
	logger: Logger;
	isInHand(part: OutboxPart): boolean;
	/** Takes a part out of what waits to be sent; undefined where it is just being sent. */
	withdraw(part: OutboxPart): OutboxPart | undefined;
	/** Is told what became of a part that is sent no more, or once more. */
	settled(outcome: Outcome): Promise<void>;
	observe(event: DialogEvent): void;
}

/** A message only gets further. What was thought to have failed may be there after all. */
const RANKS: Record<PartState, number> = {
	pending: 0,
	failed: 0,
	sent: 1,
	delivered: 2,
	read: 3,
};

/** Reports of messages that are not known to be sent yet: of so many at most. */
const MAX_EARLY = 200;

/** Brings reports to the parts that they are about, one after the other. */
export class Confirming {
	readonly #parts: ConfirmingParts;
	readonly #early: DeliveryReport[] = [];
	#last: Promise<void> = Promise.resolve();

	constructor(parts: ConfirmingParts) {
		this.#parts = parts;
	}

	/** Takes a report in; resolves once what it says is safe: true where it was news. Throws `storage_failed`. */
	confirm(report: DeliveryReport): Promise<boolean> {
		const taken = this.#last.then(() => this.#take(report));
		this.#last = taken.then(
			() => {},
			() => {},
		);
		return taken;
	}

	/** A part is not being sent any more: what was told of it meanwhile counts now. */
	settled(part: OutboxPart): void {
		const mine = this.#early.filter((report) => isAbout(report, part));
		for (const report of mine) {
			this.#early.splice(this.#early.indexOf(report), 1);
			this.confirm(report).catch((error) =>
				this.#parts.logger.error("delivery.unconfirmed", { error }),
			);
		}
	}

	async #take(report: DeliveryReport): Promise<boolean> {
		const { isInHand, withdraw, settled } = this.#parts;
		const found = await this.#find(report);
		if (!found) this.#keep(report);
		if (!found || isStale(found, report)) return false;
		const part = isInHand(found) ? withdraw(found) : found;
		if (!part) {
			await this.#takeEarly(found, report);
			return true;
		}
		if (report.state === "failed") {
			await settled(afterReport(part, report, this.#parts));
			return true;
		}
		const after = confirmed(part, report);
		const isWaiting = isInHand(part);
		if (isWaiting) await settled({ part: after });
		else await this.#parts.store.saveParts([after]);
		// That it was sent is told already of what waited.
		if (!isWaiting || after.state !== "sent") await this.#tell(after);
		return true;
	}

	/** Of a part that is just being sent: it counts when that is over, or now if Aeon is ended meanwhile. */
	async #takeEarly(part: OutboxPart, report: DeliveryReport): Promise<void> {
		this.#keep(report);
		if (report.state === "failed") return;
		await this.#parts.store.saveParts([confirmed(part, report)]);
	}

	async #find({
		name,
		platformId,
	}: DeliveryReport): Promise<OutboxPart | undefined> {
		const { store, dialog } = this.#parts;
		if (!name) return store.findPart(dialog.name, platformId);
		const parts = await store.partsOf(name.deliveryId);
		return parts.find(
			(one) => one.part === name.part && one.dialog === dialog.name,
		);
	}

	#keep(report: DeliveryReport): void {
		this.#early.push(report);
		if (this.#early.length > MAX_EARLY) this.#early.shift();
	}

	/** Tells whoever watches how a message stands that answers nobody: as its slowest part. */
	async #tell({ deliveryId, to, sessionKey, state }: OutboxPart) {
		if (!deliveryId.startsWith("delivery-")) return;
		const { store, observe, dialog } = this.#parts;
		const parts = await store.partsOf(deliveryId);
		if (parts.some((part) => RANKS[part.state] < RANKS[state])) return;
		observe({
			type: "message.outbound",
			deliveryId,
			state,
			dialog: dialog.name,
			to,
			text: parts.map(({ content }) => content.text).join("\n\n"),
			...(sessionKey !== undefined && { sessionKey }),
		});
	}
}

function confirmed(
	{ triedAt, dueAt, reason, ...rest }: OutboxPart,
	{ platformId, state }: DeliveryReport,
): OutboxPart {
	return { ...rest, platformId, state };
}

function isAbout({ name, platformId }: DeliveryReport, part: OutboxPart) {
	return name
		? name.deliveryId === part.deliveryId && name.part === part.part
		: platformId === part.platformId;
}

/** True of what says nothing new: no more than is known, or the failure of an earlier try. */
function isStale(part: OutboxPart, report: DeliveryReport): boolean {
	const { state, platformId, triedAt } = part;
	// That it was taken is news only of a try that got no answer: what failed since did so after it was taken.
	if (report.state === "sent") return !isUncertain(part);
	if (report.state !== "failed") return RANKS[report.state] <= RANKS[state];
	if (state !== "pending" && state !== "sent") return true;
	return platformId === undefined
		? triedAt === undefined
		: platformId !== report.platformId;
}
