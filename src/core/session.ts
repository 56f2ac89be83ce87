import { AeonError } from "./errors.ts";

/** The parts of a session key, `agent:<agentId>:<dialog>:<userId>`. Only the user's id may contain `:`. */
export interface SessionAddress {
	agentId: string;
	dialog: string;
	userId: string;
}

/** What a reset puts behind a key does not count. */
const MAX_KEY_LENGTH = 512;
const ARCHIVE_SUFFIX = /#\d{1,16}$/;

/** The key under which a session is stored. */
export function formatSessionKey({
	agentId,
	dialog,
	userId,
}: SessionAddress): string {
	return `agent:${agentId}:${dialog}:${userId}`;
}

/** The parts of a key. Throws `usage` where it is not of the form `agent:<agentId>:<dialog>:<userId>`. */
export function parseSessionKey(key: string): SessionAddress {
	const [, agentId, dialog, userId] =
		/^agent:([^:\s]+):([^:\s]+):(.+)$/s.exec(key) ?? [];
	const isKey =
		key.isWellFormed() &&
		key.replace(ARCHIVE_SUFFIX, "").length <= MAX_KEY_LENGTH;
	if (!agentId || !dialog || !userId || !isKey)
		throw new AeonError(
			"usage",
			`"${key.slice(0, 80).toWellFormed()}" is not a session key: write agent:<agent>:<dialog>:<user>, for example agent:main:cli:local`,
		);
	return { agentId, dialog, userId };
}

/** The key that a reset session's old messages are kept under: the same key and the time of the reset. */
export function formatArchiveKey(key: string, timestamp: number): string {
	return `${key}#${timestamp}`;
}

/** The key that a session has or had before a reset put its messages under another one. */
export function liveKey(key: string): string {
	return key.replace(ARCHIVE_SUFFIX, "");
}

/** A whole key from what a person types: the key itself, or only its last part, the rest being as in another key. */
export function completeSessionKey(name: string, likeKey: string): string {
	const key = name.startsWith("agent:")
		? name
		: formatSessionKey({ ...parseSessionKey(likeKey), userId: name });
	parseSessionKey(key);
	return key;
}
