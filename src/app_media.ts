// What comes with a message: fetched when its turn begins, looked at, and put where the model finds it.

import type { Sender } from "./agent/sender.ts";
import type { OpenDialog } from "./app_dialogs.ts";
import { steadyClock } from "./core/clock.ts";
import type { Logger } from "./core/logger.ts";
import type { InboundMessage, RemoteFile } from "./core/message.ts";
import { parseSessionKey } from "./core/session.ts";
import type { Prefetch } from "./media/prefetch.ts";
import type { Settings } from "./settings/schema.ts";
import type { Workspace } from "./tools/workspace.ts";

/** What files are fetched and kept with. */
export interface MediaParts {
	dialogs: ReadonlyMap<string, OpenDialog>;
	workspace(): Workspace;
	settings(): Settings;
	logger: Logger;
}

/** The files of messages. */
export interface Media {
	/** A message with its files as attachments and as lines of its text. */
	complete: NonNullable<Sender["complete"]>;
	/** Fetches the files of a message of a dialog before its turn begins. */
	prefetch(dialog: string, message: InboundMessage): void;
}

/** Fetches, keeps and describes files. */
export function createMedia(parts: MediaParts): Media {
	const { workspace, settings, logger } = parts;
	let fetched: Promise<Prefetch> | undefined;

	const downloading = (dialog: string) => ({
		fetch: (file: RemoteFile, stop: AbortSignal) =>
			fetch(parts.dialogs.get(dialog)?.provider, file, stop),
		workspace: workspace(),
		clock: steadyClock,
	});

	return {
		async complete({ sessionKey, text, attachments = [], files = [] }, signal) {
			const { takeFiles } = await import("./media/intake.ts");
			const { openTranscriber } = await import("./media/transcriber.ts");
			const { dialog } = parseSessionKey(sessionKey);
			const { transcription } = settings();
			const taken = await takeFiles(
				files,
				{
					...downloading(dialog),
					...(transcription && { transcriber: openTranscriber(transcription) }),
					logger,
					ready: async (file) => (await fetched)?.take(sessionKey, file),
				},
				signal,
			);
			return {
				text: [text, ...taken.notes].filter(Boolean).join("\n"),
				attachments: [...attachments, ...taken.attachments],
				remarks: taken.remarks,
			};
		},

		prefetch(dialog, { sessionKey, files = [] }) {
			if (files.length === 0) return;
			fetched ??= import("./media/prefetch.ts").then(
				(media) => new media.Prefetch(logger),
			);
			void fetched.then((before) => {
				for (const file of files)
					before.begin(sessionKey, file, downloading(dialog));
			});
		},
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
