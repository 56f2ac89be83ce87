import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Aeon, openAeon } from "../../src/app.ts";
import type { ApprovalRequest, Decision } from "../../src/core/approval.ts";
import type { TurnEvent, TurnResult } from "../../src/core/event.ts";
import type { DialogHost, DialogProvider } from "../../src/dialogs/provider.ts";
import { loadSettings } from "../../src/settings/settings.ts";
import { type TemporaryFolder, temporaryHome } from "./home.ts";

/** An Aeon of its own home in this process, and everything that its one dialog was told. */
export interface TestAeon extends AsyncDisposable {
	aeon: Aeon;
	/** What its one dialog speaks to. */
	host: DialogHost;
	home: string;
	workspace: string;
	events: TurnEvent[];
	/** What `message_send` sent. */
	sent: string[];
	/** Says something in the session and waits for the end of the turn. */
	say(text: string, sessionKey?: string): Promise<TurnResult>;
	/** What the log has of an event. */
	logged(event: string): Record<string, unknown>[];
	/** Resolves when an event of this type has been told. */
	event(type: TurnEvent["type"]): Promise<void>;
}

/** The session that a test talks in where it names none. */
export const SESSION = "agent:main:cli:test";

/** Opens an Aeon whose main agent has this section, with these sections beside it. */
export async function openTestAeon(
	agent: object,
	sections: object = {},
	approve: (request: ApprovalRequest) => Promise<Decision> = async () =>
		"allow",
	others: Record<string, object> = {},
): Promise<TestAeon> {
	const folder: TemporaryFolder = temporaryHome({
		agents: { main: agent, ...others },
		...sections,
	});
	const home = folder.path;
	const settings = await loadSettings({
		env: {},
		cwd: home,
		home,
		needs: "everything",
	});
	const aeon = await openAeon(settings, {
		home,
		logLevel: "debug",
		warn: () => {},
	});
	const events: TurnEvent[] = [];
	const sent: string[] = [];
	const waiting: { type: TurnEvent["type"]; told(): void }[] = [];
	const dialog: DialogProvider = {
		name: "cli",
		start: async () => {},
		stop: async () => {},
		send: async (_user, { text }) => void sent.push(text),
		show(_user, event) {
			events.push(event);
			for (const one of waiting) if (one.type === event.type) one.told();
		},
		approve: (_user, request) => approve(request),
	};
	const host = aeon.addDialog(dialog);
	return {
		aeon,
		host,
		home,
		workspace: join(home, ".aeon", "workspace"),
		events,
		sent,
		say: (text, sessionKey = SESSION) => host.receive({ sessionKey, text }),
		logged: (event) =>
			readFileSync(settings.log_file_path, "utf8")
				.split("\n")
				.flatMap((line) => (line ? JSON.parse(line) : []))
				.filter((record) => record.event === event),
		async event(type) {
			if (events.some((event) => event.type === type)) return;
			await new Promise<void>((told) => waiting.push({ type, told }));
		},
		async [Symbol.asyncDispose]() {
			await aeon.close();
			folder[Symbol.dispose]();
		},
	};
}
