// How a command comes to what is remembered: through the server where one runs.

import { configError, type Template } from "../core/config.ts";
import type { FactQuery, OwnedFact } from "../memory/memory.ts";
import type { RemoteMemory } from "../remote/memory.ts";
import { describeUnset } from "../settings/needs.ts";
import { appOptions, surroundings } from "./options.ts";
import { reachServer } from "./reach.ts";

/** Whose facts are meant; everybody's where nothing is said. */
export type Owners = Pick<FactQuery, "agentId" | "user">;

/** As many as a server gives at a time. */
const PAGE = 500;

/** Works on what is remembered, through the server where one runs. */
export async function withMemory(
	config: string | undefined,
	work: (memory: RemoteMemory) => Promise<void>,
): Promise<void> {
	const memory = await findMemory(config);
	try {
		await work(memory);
	} finally {
		await memory.close();
	}
}

/** The facts of these owners, the newest first, read as they are asked for. */
export async function* allFacts(
	memory: RemoteMemory,
	owners: Owners,
): AsyncGenerator<OwnedFact> {
	let page: OwnedFact[];
	let before: number | undefined;
	do {
		page = await memory.list({
			...owners,
			limit: PAGE,
			...(before !== undefined && { before }),
		});
		yield* page;
		before = page.at(-1)?.id;
	} while (page.length === PAGE);
}

async function findMemory(config: string | undefined): Promise<RemoteMemory> {
	const server = await reachServer({ config, shares: "storage" });
	if (server) {
		const { remoteMemory } = await import("../remote/memory.ts");
		return remoteMemory(server.connection);
	}
	return openHere(config);
}

/** The memory of the configuration, in this process. */
async function openHere(config: string | undefined): Promise<RemoteMemory> {
	const [{ openMemory }, { readSettings }, { createLogger }, secrets] =
		await Promise.all([
			import("../memory/open.ts"),
			import("../settings/settings.ts"),
			import("../core/logger.ts"),
			import("../core/secret.ts"),
		]);
	const { settings, templates } = await readSettings({
		...surroundings(),
		configFlag: config,
		needs: "storage",
	});
	const { database, embeddings } = settings.memory;
	const place = templates.find((one) => isUnset(one, "memory.database"));
	if (place) throw configError(settings.file, describeUnset(place));
	const key = templates.find((one) => isUnset(one, "memory.embeddings."));
	const { warn } = appOptions(undefined);
	const logger = createLogger({
		path: settings.log_file_path,
		level: "warn",
		secrets: secrets.collectSecrets(settings),
		stderr: warn,
	});
	const memory = openMemory(database, { logger });
	return {
		list: (query) => memory.list(query),
		search(text, query) {
			// Only now: nothing else has to ask the endpoint.
			if (!key) memory.use(embeddings);
			return memory.search(text, query, new AbortController().signal);
		},
		problem: async () =>
			key
				? `Facts are not found by their meaning: ${key.unset.join(", ")} is not set in the environment.`
				: (await memory.state()).problem,
		forget: (id) => memory.forget(id),
		close: () => memory.close(),
	};
}

/** True of a place in the configuration, or behind one, whose variables are not all set. */
function isUnset({ isOpen, path }: Template, place: string): boolean {
	return isOpen && path.join(".").startsWith(place);
}
