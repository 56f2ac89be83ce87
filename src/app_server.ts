// Aeon as the server sees it: what the methods of the protocol act on.

import { basename } from "node:path";
import type { Aeon } from "./app.ts";
import { sendTo } from "./app_dialogs.ts";
import { AeonError } from "./core/errors.ts";
import { sniffImage } from "./core/image.ts";
import type { Attachment } from "./core/message.ts";
import { platform } from "./core/platform.ts";
import type { DialogHost } from "./dialogs/provider.ts";
import type { Backend, IncomingFile } from "./server/backend.ts";
import type { Reading } from "./settings/settings.ts";
import { defaultAgent } from "./settings/settings.ts";
import { showSettings } from "./settings/show.ts";
import type { ResilientStore } from "./storage/resilient.ts";
import type { Workspace } from "./tools/workspace.ts";

/** What is said of the store before it is known how it is. */
const OPENING = "The store is being opened.";

/** Where files that come with messages are put, in the workspace. */
const ATTACHMENTS = "attachments";

const MAX_NAME_LENGTH = 100;

/** A picture of more bytes is not sent to any model anyway. */
const MAX_LOOK = 8_000_000;

/** What stands behind a server beside Aeon itself. */
export interface BackendParts {
	aeon: Aeon;
	/** What the clients' dialog was given. */
	host: DialogHost;
	store: ResilientStore;
	/** False until the store has been tried for the first time. */
	isOpen(): boolean;
	/** The configuration in force, as it was read. */
	reading(): Reading;
	/** Sentences about the configuration that every client should see. */
	notices(): readonly string[];
	faults(): number;
}

/** What a server is attached to. */
export function createBackend({
	aeon,
	host,
	store,
	isOpen,
	reading,
	notices,
	faults,
}: BackendParts): Backend {
	const { runtime, settings } = aeon;
	return {
		runtime,
		store,
		host,
		mailbox: aeon.mailbox,
		agents: () =>
			[...aeon.agents().values()].map(({ id, llm }) => {
				const problem = settings().unusable.get(id);
				return { id, model: llm.label, ...(problem && { problem }) };
			}),
		defaultAgent: () => defaultAgent(settings().agents),
		notice: () => settings().notice,
		tools(id) {
			const agent = aeon.agents().get(id);
			if (!agent)
				throw new AeonError(
					"not_found",
					`There is no agent ${JSON.stringify(id)}: agents are ${[...aeon.agents().keys()].join(", ")}`,
				);
			return agent.toolSpecs.map((spec) => ({
				...spec,
				approval: approvalOf(settings().tools[spec.name]),
			}));
		},
		dialogs: () =>
			[...aeon.dialogs].map(([name, { state, outbox, lastFailure }]) => ({
				name,
				...state,
				...(outbox?.delay && { delay: outbox.delay }),
				...(lastFailure && { lastFailure }),
			})),
		async send(name, to, text, attachments) {
			const dialog = aeon.dialogs.get(name);
			if (!dialog)
				throw new AeonError(
					"not_found",
					`There is no dialog ${JSON.stringify(name)}: dialog.list names those that there are`,
				);
			return sendTo(dialog, to, { text, attachments });
		},
		webhook: (name, request) =>
			aeon.dialogs.get(name)?.provider.webhook?.(request),
		attach: (file) => attach(file, aeon.workspace()),
		config: () => showSettings(reading()) as Record<string, unknown>,
		configFile: () => settings().file,
		memory: aeon.memory,
		storageDriver: () => settings().storage.driver,
		health: () =>
			isOpen() ? store.health() : { isWell: false, problem: OPENING },
		notices: () => [...store.notices(), ...notices()],
		faults,
	};
}

/** What a tool's section says of asking a person first; one without such a word just runs. */
function approvalOf(section: unknown): string {
	const { approval } = (section ?? {}) as { approval?: unknown };
	return typeof approval === "string" ? approval : "allow";
}

/** A file of the workspace as an attachment; bytes are put there first, the same bytes under the same name. */
async function attach(
	file: IncomingFile,
	workspace: Workspace,
): Promise<Attachment> {
	const path = "path" in file ? file.path : await keep(file, workspace);
	let opened: Awaited<ReturnType<Workspace["open"]>>;
	try {
		opened = await workspace.open(path);
	} catch (error) {
		throw asUsage(error);
	}
	await using it = opened;
	if (it.kind !== "file")
		throw new AeonError("usage", `${JSON.stringify(path)} is a directory`);
	const bytes = new Uint8Array(Math.min(it.size, MAX_LOOK));
	const image = sniffImage(bytes.subarray(0, await it.read(bytes, 0)));
	return {
		path: it.path,
		mimeType: image?.mimeType ?? "application/octet-stream",
	};
}

async function keep(
	{ name, bytes }: { name: string; bytes: Uint8Array },
	workspace: Workspace,
): Promise<string> {
	const plain = basename(name.replaceAll("\\", "/"))
		.replaceAll(/[^\p{L}\p{N}._ -]/gu, "_")
		.slice(-MAX_NAME_LENGTH);
	const path = `${ATTACHMENTS}/${platform.sha256(bytes).slice(0, 12)}-${plain || "file"}`;
	try {
		await workspace.write(path, bytes, "write");
	} catch (error) {
		throw asUsage(error);
	}
	return path;
}

/** The workspace refuses in sentences for whoever asked. */
function asUsage(error: unknown): unknown {
	return error instanceof Error && error.name === "Refusal"
		? new AeonError("usage", error.message)
		: error;
}
