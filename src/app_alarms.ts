// What cannot be told where it happened: its dialog's owner hears it in another dialog.

import type { OpenDialog } from "./app_dialogs.ts";
import type { DialogState } from "./core/delivery.ts";
import type { Logger } from "./core/logger.ts";
import { literal } from "./core/markdown.ts";
import { platform } from "./core/platform.ts";
import type { Loss } from "./delivery/outbox.ts";

/** What alarms are raised with. */
export interface AlarmParts {
	/** Every dialog that is there, by its name. */
	dialogs: ReadonlyMap<string, OpenDialog>;
	logger: Logger;
	/** Milliseconds since 1970. */
	now(): number;
}

/** Alarms name what they are about. */
const PREFIX = "alarm-";

/** What nobody needs to hear of: an alarm about an alarm, and what strangers were not told. */
const SILENT = /^(failure-)?(alarm|stranger)-/;

/** Tells of something that was not said in a dialog, where the person there does not know: once a day for one person and reason. */
export function alarmLoss(
	dialog: string,
	{ deliveryId, to, reason, isTold }: Loss,
	parts: AlarmParts,
): void {
	if (isTold || SILENT.test(deliveryId)) return;
	const text = `What I had to say to ${to} in ${dialog} could not be delivered. ${reason}`;
	raise(dialog, text, parts);
}

/** Tells that a dialog has stopped by itself, and why: once a day for one reason. */
export function alarmState(
	dialog: string,
	{ state, problem }: DialogState,
	parts: AlarmParts,
): void {
	if (state !== "stopped" || problem === undefined) return;
	raise(dialog, `${dialog} does not work. ${problem}`, parts);
}

/** Says the same once a day. Where several dialogs could tell it, one that runs does. */
function raise(
	from: string,
	text: string,
	{ dialogs, logger, now }: AlarmParts,
): void {
	const day = new Date(now()).toISOString().slice(0, 10);
	const deliveryId = `${PREFIX}${from}-${day}-${platform.sha256(text).slice(0, 16)}`;
	const others = [...dialogs.values()].flatMap((open) => {
		const { provider, outbox } = open;
		const owner = provider.name === from ? undefined : provider.owner?.();
		return outbox && owner !== undefined ? [{ ...open, outbox, owner }] : [];
	});
	const best =
		others.find(({ state }) => state.state === "running") ?? others[0];
	best?.outbox
		.say(best.owner, { text: literal(text), deliveryId })
		.catch((error) => logger.error("alarm.unsaid", { from, error }));
}
