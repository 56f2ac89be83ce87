// What is remembered beside the sessions: facts, found by their words and, with an endpoint, by their meaning.

import type { Fact, Owner, UserMemory } from "../core/memory.ts";

/** A fact, and whose it is. */
export type OwnedFact = Fact & Owner;

/** Which facts a person is shown. All of them where nothing is said. */
export interface FactQuery {
	agentId?: string;
	user?: string;
	/** At most so many. */
	limit?: number;
	/** Only those with a smaller id. */
	before?: number;
}

/** How well the memory can do its work. */
export interface MemoryState {
	facts: number;
	/** Facts that still have to be embedded; none where there is no endpoint. */
	waiting: number;
	/** That the file was damaged and what took its place, and why facts are not found by their meaning, in sentences for a person. */
	problem?: string;
}

/** The facts of all owners. Nothing is opened before somebody asks, and a file that is not there is made by the first fact only. */
export interface Memory {
	/** What one owner may see and change. */
	of(owner: Owner): Pick<UserMemory, "save" | "search" | "forget">;
	/** The facts that were saved last, the newest first. */
	list(query: FactQuery): Promise<OwnedFact[]>;
	/** The facts that match a text best, the best first, whoever owns them. */
	search(
		text: string,
		query: FactQuery,
		signal: AbortSignal,
	): Promise<OwnedFact[]>;
	/** False where there is no such fact. */
	forget(id: number): Promise<boolean>;
	state(): Promise<MemoryState>;
	/** Facts are found by the meaning that this endpoint gives them from now on; by their words alone where there is none. */
	use(embeddings: EmbeddingOptions | undefined): void;
	close(): Promise<void>;
}

/** The section `memory.embeddings` of aeon.json. */
export interface EmbeddingOptions {
	base_url: string;
	api_key?: { reveal(): string } | undefined;
	model: string;
	dimensions?: number | undefined;
	send_dimensions: boolean;
}
