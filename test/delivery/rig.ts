// An outbox on a store of its own and a platform of a test's own, with the turns that speak through it.

import { join } from "node:path";
import type { DialogEvent } from "../../src/core/event.ts";
import { type Logger, silent } from "../../src/core/logger.ts";
import { type Loss, Outbox } from "../../src/delivery/outbox.ts";
import { sqlite } from "../../src/storage/sqlite.ts";
import { fakeClock } from "../support/fake_clock.ts";
import { temporaryFolder } from "../support/home.ts";
import { createPlatform } from "./platform.ts";
import { beginTurn } from "./turn.ts";

/** A picture that somebody is sent. */
export const PICTURE = { path: "cat.png", mimeType: "image/png" };

export type OutboxRig = Awaited<ReturnType<typeof openOutboxRig>>;

export async function openOutboxRig() {
	const folder = temporaryFolder();
	const store = await sqlite.open({
		sessions_db: join(folder.path, "aeon.db"),
	});
	const clock = fakeClock();
	const platform = createPlatform(clock.now);
	const logged: string[] = [];
	const observed: DialogEvent[] = [];
	const lost: Loss[] = [];
	const note = (event: string) => void logged.push(event);
	const logger: Logger = { ...silent, warn: note, error: note };
	const open = () =>
		new Outbox({
			dialog: platform.dialog,
			store,
			clock,
			logger,
			observe: (event) => void observed.push(event),
			lost: (loss) => void lost.push(loss),
			openFile: async ({ path, mimeType }) => ({
				name: path,
				mimeType,
				size: 0,
				async *read() {},
			}),
		});
	let outbox = open();

	return {
		store,
		clock,
		platform,
		logged,
		observed,
		lost,
		get outbox() {
			return outbox;
		},
		/** Ends this outbox as a kill does, and goes on with a new one. */
		async restart(): Promise<void> {
			await outbox.close(AbortSignal.abort());
			outbox = open();
			await outbox.resume();
		},
		/** Begins a turn of this run. */
		turn: (runId: string, to?: string) => beginTurn(() => outbox, runId, to),
		async [Symbol.asyncDispose]() {
			await outbox.close(AbortSignal.abort());
			await store.close();
			folder[Symbol.dispose]();
		},
	};
}

/** Lets the sends wait that are meant, until they may go on; or lets them fail. */
export function hinder(
	{ platform }: Pick<OutboxRig, "platform">,
	isMeant: (message: { text: string; file?: unknown }) => boolean,
	work: () => Promise<void>,
): { tries: string[] } {
	const { send } = platform.dialog;
	const tries: string[] = [];
	platform.dialog.send = async (to, message, signal) => {
		if (isMeant(message)) {
			tries.push(message.text);
			await work();
		}
		return send(to, message, signal);
	};
	return { tries };
}
