// What comes with a message: fetched when its turn begins, looked at, and put where the model finds it.

import type { Sender } from "./agent/sender.ts";
import type { OpenDialog } from "./app_dialogs.ts";
import { steadyClock } from "./core/clock.ts";
import type { Logger } from "./core/logger.ts";
import type { RemoteFile } from "./core/message.ts";
import { parseSessionKey } from "./core/session.ts";
import type { Settings } from "./settings/schema.ts";
import type { Workspace } from "./tools/workspace.ts";

/** What files are fetched and kept with. */
export interface MediaParts {
	dialogs: ReadonlyMap<string, OpenDialog>;
	workspace(): Workspace;
	settings(): Settings;
	logger: Logger;
}

/** How a message is completed: its files as attachments and as lines of its text. */
export function createCompletion({
	dialogs,
	workspace,
	settings,
	logger,
}: MediaParts): NonNullable<Sender["complete"]> {
	return async ({ sessionKey, text, attachments = [], files = [] }, signal) => {
		const { takeFiles } = await import("./media/intake.ts");
		const { openTranscriber } = await import("./media/transcriber.ts");
		const { dialog } = parseSessionKey(sessionKey);
		const provider = dialogs.get(dialog)?.provider;
		const { transcription } = settings();
		const taken = await takeFiles(
			files,
			{
				fetch: (file: RemoteFile, stop: AbortSignal) =>
					fetch(provider, file, stop),
				workspace: workspace(),
				...(transcription && { transcriber: openTranscriber(transcription) }),
				logger,
				clock: steadyClock,
			},
			signal,
		);
		return {
			text: [text, ...taken.notes].filter(Boolean).join("\n"),
			attachments: [...attachments, ...taken.attachments],
			remarks: taken.remarks,
		};
	};
}

function fetch(
	provider: OpenDialog["provider"] | undefined,
	file: RemoteFile,
	signal: AbortSignal,
): AsyncIterable<Uint8Array> {
	if (!provider?.media) throw new Error("this dialog has no files");
	return provider.media(file, signal);
}
