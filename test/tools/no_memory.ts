import type { UserMemory } from "../../src/core/memory.ts";

/** A memory in which nothing is, but for what the test says. */
export function noMemory(changes: Partial<UserMemory> = {}): UserMemory {
	return {
		save: async (text) => ({
			fact: { id: 1, text, savedAt: 0 },
			isNew: true,
		}),
		search: async () => [],
		forget: async () => false,
		searchSessions: async () => [],
		...changes,
	};
}
