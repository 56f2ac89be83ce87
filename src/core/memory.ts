// What is remembered, and whose it is: the words that memory, tools and the agent share.

import { liveKey, parseSessionKey } from "./session.ts";

/** Whose memory it is. */
export interface Owner {
	agentId: string;
	/** `<dialog>:<user>` of a session key, or a name of `memory.users`, who has several of those. */
	user: string;
}

/** The people who are one person in several dialogs: by a name, what their session keys end with, as `telegram:777`. */
export type People = Readonly<Record<string, readonly string[]>>;

/** Whose memory a session uses, and the keys of all sessions of that owner. */
export function ownerOf(
	sessionKey: string,
	people: People,
): Owner & { sessionKeys: string[] } {
	const { agentId, dialog, userId } = parseSessionKey(liveKey(sessionKey));
	const address = `${dialog}:${userId}`;
	const known = Object.entries(people).find(([, all]) => all.includes(address));
	const [user, addresses] = known ?? [address, [address]];
	return {
		agentId,
		user,
		sessionKeys: addresses.map((one) => `agent:${agentId}:${one}`),
	};
}

/** A sentence to be remembered. */
export interface Fact {
	/** Unique in one Aeon, whoever owns it. */
	id: number;
	text: string;
	/** Milliseconds since 1970. */
	savedAt: number;
}

/** Where in the sessions something was said. */
export interface Passage {
	sessionKey: string;
	/** The message's id in its session. */
	id: number;
	role: "user" | "assistant";
	/** The piece of the message in which the words stand. */
	text: string;
	/** Milliseconds since 1970. */
	timestamp: number;
}

/** The memory of one owner: nobody else's is ever seen through it. Every method throws `storage_failed`. */
export interface UserMemory {
	/** Remembers a fact; one that is there already, but for its spaces and its case, is only given back. Throws `too_large`. */
	save(text: string): Promise<{ fact: Fact; isNew: boolean }>;
	/** The facts that match a text best, the best first; `limit` at most. Empty where nothing does. An abort rethrows `signal.reason`. */
	search(text: string, limit: number, signal: AbortSignal): Promise<Fact[]>;
	/** False where the owner has no such fact. */
	forget(id: number): Promise<boolean>;
	/** What was said in this owner's sessions, where it matches best first. */
	searchSessions(text: string, limit: number): Promise<Passage[]>;
}
