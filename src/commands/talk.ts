// Whom a chat talks to: an Aeon in this process, or the one that serves. A chat cannot tell which.

import type { AppOptions } from "../app.ts";
import type { DialogHost, DialogProvider } from "../dialogs/provider.ts";
import { surroundings } from "./options.ts";
import { type Reach, type Reached, reachServer } from "./reach.ts";

/** Somebody who can be talked to. */
export interface Talk {
	/** Makes a dialog known, and gives what it is started with. Called once. */
	addDialog(dialog: DialogProvider): DialogHost;
}

/** What is known of them before the talk begins. */
export interface Partner {
	agents: readonly string[];
	defaultAgent: string;
	/** What the person should know of the set-up. */
	notice: string | undefined;
	/** Opens everything that is needed to talk. */
	open(): Promise<Talk>;
	close(): Promise<void>;
}

/** What a chat wants: where, and with whom. */
export interface Wish extends Reach {
	agent: string | undefined;
}

/** The server where one runs or is named; otherwise an Aeon of the configuration. */
export async function findPartner(
	wish: Wish,
	options: AppOptions,
): Promise<Partner> {
	const reached = await reachServer(wish);
	return reached ? remotePartner(reached) : localPartner(wish, options);
}

async function remotePartner({ connection, hello }: Reached): Promise<Partner> {
	const { RemoteHost } = await import("../remote/host.ts");
	return {
		agents: hello.agents.map(({ id }) => id),
		defaultAgent: hello.defaultAgent,
		notice: hello.notice,
		open: async () => ({
			addDialog: (dialog) => new RemoteHost(connection, dialog),
		}),
		close: async () => connection.close(),
	};
}

async function localPartner(
	{ config, demo, agent }: Wish,
	options: AppOptions,
): Promise<Partner> {
	const { defaultAgent, loadSettings } = await import(
		"../settings/settings.ts"
	);
	const settings = await loadSettings({
		...surroundings(),
		configFlag: config,
		demo: demo ?? false,
		agent,
		needs: "agent",
	});
	let close = async () => {};
	return {
		agents: Object.keys(settings.agents),
		defaultAgent: defaultAgent(settings.agents),
		notice: settings.notice,
		async open() {
			const { openAeon } = await import("../app.ts");
			const aeon = await openAeon(settings, options);
			close = () => aeon.close();
			return aeon;
		},
		close: () => close(),
	};
}
