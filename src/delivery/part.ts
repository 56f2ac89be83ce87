// What a part is known by here: its name, and the way that it takes to its chat.

import type { OutboxPart, PartName } from "../core/delivery.ts";

/** One name for the two by which a part is known. */
export function nameOf({ deliveryId, part }: PartName): string {
	return `${deliveryId} ${part}`;
}

/** The way that a part goes. A file may take long, and nobody should wait for their answers behind it. */
export function laneOf({ to, content }: OutboxPart): string {
	return content.attachment ? fileLane(to) : to;
}

/** The way that files go to a chat; words go by the chat's own name. */
export function fileLane(to: string): string {
	return `${to} files`;
}

/** True where nobody knows whether it arrived. */
export function isUncertain({ triedAt, platformId }: OutboxPart): boolean {
	return triedAt !== undefined && platformId === undefined;
}
