import { parseJson } from "../core/json.ts";
import type { Usage } from "../core/message.ts";
import type { Connection } from "../database/database.ts";
import { decodeMessage } from "./record.ts";
import type { SessionStore } from "./store.ts";
import { usageSince } from "./usage.ts";

interface UsageRow {
	id: number;
	timestamp: number;
	usage: string | null;
}

const PAGE = 200;

// Only the usage: the arguments of tools, beside it, may be large.
const FIND_USAGE = `
	SELECT id, timestamp, CASE WHEN role IN ('assistant', 'summary') AND json_valid(metadata) THEN metadata -> '$.usage' END AS usage
	FROM messages WHERE id < $before ORDER BY id DESC LIMIT ${PAGE}`;

/** Counts what is in a database. Ids grow with time, whatever the session: what was said last is found from the end. */
export function createStatistics({
	database,
	read,
}: Connection): SessionStore["statistics"] {
	const countSessions = database.prepare<{ sessions: number }>(
		"SELECT count(*) AS sessions FROM sessions",
	);
	const findUsage = database.prepare<UsageRow>(FIND_USAGE);

	async function* newestFirst() {
		let page: UsageRow[];
		let before = Number.MAX_SAFE_INTEGER;
		do {
			page = await read(() => findUsage.all({ before }));
			for (const { timestamp, usage } of page)
				yield { timestamp, usage: decodeUsage(usage) };
			before = page.at(-1)?.id ?? before;
			// Counting years must not hold up everybody else.
			await new Promise((resolve) => setImmediate(resolve));
		} while (page.length === PAGE);
	}

	return async (since) => {
		const counted = await read(() => countSessions.get());
		return {
			sessions: counted?.sessions ?? 0,
			usage: await usageSince(since, newestFirst()),
		};
	};
}

function decodeUsage(json: string | null): Usage | undefined {
	const message = decodeMessage("assistant", "", {
		usage: parseJson(json ?? ""),
	});
	return message.role === "assistant" ? message.usage : undefined;
}
