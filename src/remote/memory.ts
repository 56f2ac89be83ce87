// What a server remembers, as far as `aeon memory` reads it and has it forgotten.

import type { FactQuery, Memory, OwnedFact } from "../memory/memory.ts";
import type { Payload } from "../server/protocol.ts";
import type { Connection } from "./connection.ts";

/** What of a memory can be asked through a server, with the same contract; of a list or a search, 500 facts at most. */
export interface RemoteMemory extends Pick<Memory, "forget" | "close"> {
	list(query: LimitedQuery): Promise<OwnedFact[]>;
	search(text: string, query: LimitedQuery): Promise<OwnedFact[]>;
	/** What keeps facts from being found, as a sentence for a person. */
	problem(): Promise<string | undefined>;
}

type LimitedQuery = FactQuery & { limit: number };

/** The memory behind a server. */
export function remoteMemory(connection: Connection): RemoteMemory {
	return {
		async list({ before, ...query }) {
			const { facts } = await connection.request("memory.list", {
				...asParams(query),
				...(before !== undefined && { before }),
			});
			return facts.map(asFact);
		},
		async search(text, query) {
			const { facts } = await connection.request("memory.search", {
				query: text,
				...asParams(query),
			});
			return facts.map(asFact);
		},
		async problem() {
			return (await connection.request("status", {})).facts?.problem;
		},
		async forget(id) {
			return (await connection.request("memory.forget", { id })).forgotten;
		},
		async close() {
			connection.close();
		},
	};
}

function asParams({ agentId, user, limit }: LimitedQuery) {
	return {
		limit,
		...(agentId !== undefined && { agent: agentId }),
		...(user !== undefined && { user }),
	};
}

function asFact({
	agent,
	...fact
}: Payload<"memory.list">["facts"][number]): OwnedFact {
	return { ...fact, agentId: agent };
}
