// What the methods about what is remembered do.

import { hasCode } from "../core/errors.ts";
import type { FactQuery, OwnedFact } from "../memory/memory.ts";
import type { Backend } from "./backend.ts";
import type { Handlers } from "./methods.ts";
import type { Payload } from "./protocol.ts";

/** A search that takes longer goes by the words alone. */
const SEARCH_MS = 10_000;

type MemoryMethods = Pick<
	Handlers,
	Extract<keyof Handlers, `memory.${string}`>
>;

/** The methods about what is remembered. */
export function memoryMethods(backend: Promise<Backend>): MemoryMethods {
	return {
		"memory.list": async ({ limit, before, ...owner }, client) => {
			const { memory } = await backend;
			const query: FactQuery = {
				...ofOwner(owner),
				limit: limit + 1,
				...(before !== undefined && { before }),
			};
			const found = await client.makeLarge(() => memory.list(query));
			const page = found.slice(0, limit);
			const cursor = found.length > limit ? (page.at(-1)?.id ?? null) : null;
			return { ok: true, facts: page.map(asFact), cursor };
		},

		"memory.search": async ({ query, limit, ...owner }) => {
			const { memory } = await backend;
			const found = await memory.search(
				query,
				{ ...ofOwner(owner), limit },
				AbortSignal.timeout(SEARCH_MS),
			);
			return { ok: true, facts: found.map(asFact) };
		},

		"memory.forget": async ({ id }) => ({
			ok: true,
			forgotten: await (await backend).memory.forget(id),
		}),
	};
}

/** What a status tells of the memory; where it cannot be read, a sentence that says why. */
export async function describeMemory({
	memory,
}: Pick<Backend, "memory">): Promise<{
	facts?: NonNullable<Payload<"status">["facts"]>;
	notices: string[];
}> {
	try {
		const { facts: count, ...rest } = await memory.state();
		return { facts: { count, ...rest }, notices: [] };
	} catch (error) {
		if (!hasCode(error, "storage_failed")) throw error;
		return {
			notices: [`What is remembered cannot be read: ${error.message}`],
		};
	}
}

function ofOwner({
	agent,
	user,
}: {
	agent?: string | undefined;
	user?: string | undefined;
}): FactQuery {
	return {
		...(agent !== undefined && { agentId: agent }),
		...(user !== undefined && { user }),
	};
}

function asFact({
	id,
	agentId,
	user,
	text,
	savedAt,
}: OwnedFact): Payload<"memory.list">["facts"][number] {
	return { id, agent: agentId, user, text, savedAt };
}
