import { defineCommand } from "citty";
import { AeonError } from "../core/errors.ts";
import { print, visible } from "../core/terminal.ts";
import type { Payload } from "../server/protocol.ts";
import { reachServer, serverFlags } from "./reach.ts";

const MB = 1_000_000;

const MS_PER = [
	["d", 24 * 60 * 60_000],
	["h", 60 * 60_000],
	["min", 60_000],
	["s", 1_000],
] as const;

/** `aeon status`: how the running server is. */
export const status = defineCommand({
	meta: { name: "status", description: "Show how the running server is" },
	args: {
		json: { type: "boolean", description: "Print one JSON object" },
		...serverFlags,
	},
	async run({ args }) {
		const { url, "token-file": tokenFile } = args;
		const server = await reachServer({
			shares: "nothing",
			url,
			"token-file": tokenFile,
		});
		if (!server)
			throw new AeonError("not_found", "aeon serve is not running", {
				hint: "Start it with aeon serve, or name one elsewhere with --url ws://HOST:7777.",
			});
		const { connection } = server;
		try {
			const { ok: _, ...found } = await connection.request("status", {});
			if (args.json) print(`${JSON.stringify(found)}\n`);
			else print(describeStatus(found));
		} finally {
			connection.close();
		}
	},
});

/** A status as a person reads it: a line for everything. */
export function describeStatus(found: Omit<Payload<"status">, "ok">): string {
	const { storage, queue, tokensToday: tokens } = found;
	const dialogs = found.dialogs.map(describeDialog);
	const lines: [string, string | number][] = [
		["version", found.version],
		["process", found.pid],
		["uptime", formatDuration(found.uptimeMs)],
		["memory", `${Math.round(found.memory.rssBytes / MB)} MB`],
		["config", found.config ?? "none; the defaults"],
		[
			"storage",
			`${storage.driver}, ${storage.isWell ? "well" : (storage.problem ?? "not well")}`,
		],
		["sessions", found.sessions],
		...(found.facts ? [describeFacts(found.facts)] : []),
		["clients", found.clients],
		["dialogs", dialogs.join(", ") || "none"],
		["queue", `${queue.running} running, ${queue.waiting} waiting`],
		[
			"today",
			`${tokens.inputTokens} tokens in (${tokens.cacheReadTokens} from the cache), ${tokens.outputTokens} out`,
		],
		["faults", found.faults],
		...found.notices.map((notice): [string, string] => ["notice", notice]),
	];
	return lines
		.map(([name, value]) => `${name.padEnd(10)}${visible(String(value))}\n`)
		.join("");
}

/** How many facts are remembered, and what keeps them from being found by their meaning. */
function describeFacts({
	count,
	waiting,
	problem,
}: NonNullable<Payload<"status">["facts"]>): [string, string] {
	const late = waiting > 0 ? `, ${waiting} waiting to be embedded` : "";
	return ["facts", `${count}${late}${problem ? `. ${problem}` : ""}`];
}

/** Such as `telegram retrying (Telegram cannot be reached: …)`, and what failed last in it. */
function describeDialog({
	name,
	state,
	problem,
	delay,
	lastFailure,
}: Payload<"status">["dialogs"][number]): string {
	const delayed =
		delay &&
		`${delay.parts} waiting since ${minute(delay.since)}: ${delay.reason}`;
	const failed =
		lastFailure &&
		`could not deliver at ${minute(lastFailure.at)}: ${lastFailure.reason}`;
	const why = [problem, delayed, failed].filter(Boolean).join("; ");
	return why ? `${name} ${state} (${why})` : `${name} ${state}`;
}

/** A time as `2026-01-02T03:04Z`. */
function minute(time: number): string {
	return `${new Date(time).toISOString().slice(0, 16)}Z`;
}

/** The two largest units: `3 d 4 h`. */
function formatDuration(durationMs: number): string {
	const first = MS_PER.findIndex(([, ms]) => durationMs >= ms);
	if (first < 0) return "0 s";
	let rest = durationMs;
	return MS_PER.slice(first, first + 2)
		.map(([unit, ms]) => {
			const count = Math.floor(rest / ms);
			rest -= count * ms;
			return `${count} ${unit}`;
		})
		.join(" ");
}
