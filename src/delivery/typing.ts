// "Typing…" while a turn runs, and not a moment longer.

import type { Clock } from "../core/clock.ts";
import { hasCode } from "../core/errors.ts";
import type { DialogProvider } from "../dialogs/provider.ts";

/** What most platforms show it for; it is shown again a second before that is over. */
const SHOWN_MS = 5_000;
const OVERLAP_MS = 1_000;

/** A turn that takes longer is no news any more. */
const MAX_MS = 5 * 60 * 1000;

/** Shows it again and again until the signal is aborted, or the platform refuses. What fails in it is nobody's concern. */
export async function showTyping(
	dialog: DialogProvider,
	to: string,
	clock: Clock,
	signal: AbortSignal,
	reference?: string,
): Promise<void> {
	const end = clock.now() + MAX_MS;
	const { typingMs = SHOWN_MS } = dialog;
	try {
		while (dialog.typing && clock.now() < end && !signal.aborted) {
			await dialog.typing(to, signal, reference).catch((error) => {
				if (hasCode(error, "peer_rejected")) throw error;
			});
			await clock.sleep(typingMs - OVERLAP_MS, signal);
		}
	} catch {
		return; // the turn has ended, or nobody is there to see it
	}
}
