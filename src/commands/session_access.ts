// How a command comes to the sessions: through the server where one runs.

import { AeonError } from "../core/errors.ts";
import { completeSessionKey, formatSessionKey } from "../core/session.ts";
import type { RemoteStore } from "../remote/store.ts";
import { configFlag, surroundings } from "./options.ts";
import { reachServer } from "./reach.ts";

/** A session as an argument, and the configuration that it is looked for by. */
export const keyArgument = {
	session: {
		type: "positional",
		description:
			"The session: a whole key, or the name given to chat --session",
		required: true,
	},
	...configFlag,
} as const;

/** Works on the sessions, through the server where one runs. */
export async function withStore(
	config: string | undefined,
	work: (store: RemoteStore, agent: string) => Promise<void>,
): Promise<void> {
	const { store, agent } = await openSessions(config);
	try {
		await work(store, agent);
	} finally {
		await store.close();
	}
}

/** The sessions of the server or of the store, and the agent that answers where nobody names one. */
async function openSessions(
	config: string | undefined,
): Promise<{ store: RemoteStore; agent: string }> {
	const server = await reachServer({ config, shares: "storage" });
	if (server) {
		const { remoteStore } = await import("../remote/store.ts");
		const agent = server.hello.defaultAgent;
		return { store: remoteStore(server.connection), agent };
	}
	const [{ openStore }, { defaultAgent, loadSettings }] = await Promise.all([
		import("../app_store.ts"),
		import("../settings/settings.ts"),
	]);
	const settings = await loadSettings({
		...surroundings(),
		configFlag: config,
		needs: "storage",
	});
	const agent = defaultAgent(settings.agents);
	return { store: await openStore(settings), agent };
}

/** Works on one session. Throws `not_found` where there is none of that name. */
export function withSession(
	config: string | undefined,
	name: string,
	work: (store: RemoteStore, key: string) => Promise<void>,
): Promise<void> {
	return withStore(config, async (store, agentId) => {
		const like = formatSessionKey({ agentId, dialog: "cli", userId: "local" });
		const key = completeSessionKey(name, like);
		if (!(await store.getSession(key)))
			throw new AeonError("not_found", `there is no session ${key}`, {
				hint: "aeon sessions list shows those that there are.",
			});
		await work(store, key);
	});
}
