// Writes docs/protocol.md: `bun run docs`. What the schemas say comes from them, the rest from scripts/docs/protocol.md.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod/mini";
import { RETRYABLE, WIRE_CODES, type WireCode } from "../src/server/codes.ts";
import { EVENTS } from "../src/server/events.ts";
import { FRAMES, PROTOCOL_VERSION } from "../src/server/frames.ts";
import { METHODS } from "../src/server/protocol.ts";
import * as vocabulary from "../src/server/vocabulary.ts";
import { serverSchema } from "../src/settings/server_schema.ts";
import { fieldTable, type Schema, table, typeName } from "./docs/tables.ts";

const ROOT = join(import.meta.dir, "..");
const TEMPLATE = join(import.meta.dir, "docs", "protocol.md");
const PAGE = join(ROOT, "docs", "protocol.md");

/** What a client makes of an error. */
const CODE_MEANINGS: Record<WireCode, string> = {
	PARSE_ERROR: "The frame is not JSON, or not CBOR. Its `id` is `null`.",
	INVALID_REQUEST:
		"The frame or a parameter makes no sense; the message names which, `details.parameter` too.",
	UNKNOWN_METHOD:
		"There is no such method; `hello` lists those that there are.",
	UNAUTHORIZED: "The token is wrong or missing. The socket is closed, too.",
	FORBIDDEN: "It is known who asks, and that may not be done.",
	NOT_FOUND:
		"The session, run, agent, dialog or question is not there, or not any more.",
	CONFLICT: "Somebody else has changed or holds what this was about.",
	BUSY: "Too many messages wait in the session: send again when one of its turns has ended.",
	RATE_LIMITED:
		"Too many requests without an answer, too many wrong tokens, or the model's provider says so: wait `retryAfterMs`.",
	TOO_LARGE: "It is more than can be taken: the model's context is full, say.",
	CANCELLED: "Somebody stopped the turn.",
	TIMEOUT: "The turn took longer than the agent's `max_turn_seconds`.",
	LLM_UNAVAILABLE:
		"The model could not be reached, or its provider failed. Trying again later may help.",
	LLM_REJECTED:
		"The provider refused the request: a bad key, an unknown model. The operator has to do something.",
	BUDGET_EXCEEDED: "What the operator allows to be spent is spent.",
	SHUTTING_DOWN: "The server is about to end: connect and send again later.",
	INTERNAL: "A fault in Aeon; its log has more.",
};

/** Shapes that several methods and events share, and get a heading of their own. */
const SHAPES = {
	Attachment: vocabulary.attachment,
	Message: vocabulary.message,
	Usage: vocabulary.usage,
	StopReason: vocabulary.stopReason,
	ToolCall: vocabulary.toolCall,
	Session: vocabulary.session,
	SessionSummary: vocabulary.sessionSummary,
	Fact: vocabulary.fact,
	Approval: vocabulary.approval,
	DialogState: vocabulary.dialogState,
	AgentInfo: vocabulary.agentInfo,
};

if (import.meta.main) {
	writeFileSync(PAGE, protocolPage());
	console.log("docs/protocol.md is what the schemas say");
}

/** The whole page, formatted as the project's files are. */
export function protocolPage(): string {
	const settings = z.parse(serverSchema, {});
	const parts: Record<string, string> = {
		version: String(PROTOCOL_VERSION),
		codes: codesTable(),
		frames: Object.entries(FRAMES)
			.map(
				([name, frame]) =>
					`### ${name} frame\n\n${fieldTable(jsonSchema(frame), name === "request" ? "asked" : "told")}`,
			)
			.join("\n\n"),
		shapes: shapes(),
		methods: methods(),
		events: events(),
		method_links: links(METHODS),
		event_links: links(EVENTS),
		port: String(settings.port),
		max_clients: String(settings.max_clients),
		max_frame_bytes: inBytes(settings.max_frame_bytes),
		max_buffered_bytes: inBytes(settings.max_buffered_bytes),
		idle_seconds: String(settings.idle_seconds),
	};
	return format(
		readFileSync(TEMPLATE, "utf8").replaceAll(/\{\{(\w+)\}\}/g, (_, name) => {
			const part = parts[name];
			if (part === undefined) throw new Error(`${TEMPLATE}: no part ${name}`);
			return part;
		}),
	);
}

function codesTable(): string {
	return table(
		["code", "what it means", "retryable"],
		WIRE_CODES.map((code) => [
			`\`${code}\``,
			CODE_MEANINGS[code],
			RETRYABLE.includes(code) ? "yes" : "",
		]),
	);
}

function methods(): string {
	return Object.entries(METHODS)
		.map(([name, { about, params, payload }]) =>
			[
				`### ${name}`,
				about,
				fieldTable(jsonSchema(params), "asked", "Params"),
				fieldTable(jsonSchema(payload), "told", "Payload"),
			].join("\n\n"),
		)
		.join("\n\n");
}

function events(): string {
	return Object.entries(EVENTS)
		.map(([name, { about, data }]) =>
			[`### ${name}`, about, fieldTable(jsonSchema(data), "told")].join("\n\n"),
		)
		.join("\n\n");
}

function shapes(): string {
	return Object.entries(SHAPES)
		.map(([name, shape]) => {
			const schema = jsonSchema(shape, shape);
			const about = schema.description ? `${schema.description}.` : "";
			const body =
				schema.properties || schema.anyOf
					? fieldTable(schema, name === "Attachment" ? "asked" : "told")
					: `One of ${typeName(schema)}.`;
			return [`### ${name}`, about, body].filter(Boolean).join("\n\n");
		})
		.join("\n\n");
}

/** The JSON Schema, in which shared shapes stand by their names, unless it is that shape that is to be shown. */
function jsonSchema(schema: z.ZodMiniType, shown?: z.ZodMiniType): Schema {
	const ids = new Map<unknown, string>(
		Object.entries(SHAPES).map(([name, shape]) => [shape, name]),
	);
	if (shown) ids.delete(shown);
	const named = z.registry<{ id?: string; description?: string }>();
	named.get = (one) => ({
		...z.globalRegistry.get(one),
		...(ids.has(one) && { id: ids.get(one) }),
	});
	return z.toJSONSchema(schema, { io: "input", metadata: named }) as Schema;
}

function links(table: object): string {
	return Object.keys(table)
		.map((name) => `[\`${name}\`](#${name.replaceAll(".", "")})`)
		.join(" · ");
}

function inBytes(bytes: number): string {
	return bytes % 1024 ** 2 === 0
		? `${bytes / 1024 ** 2} MiB`
		: `${bytes / 1024} KiB`;
}

/** Laid out by the project's own formatter. */
function format(text: string): string {
	const { success, stdout, stderr } = Bun.spawnSync(
		[
			process.execPath,
			join(ROOT, "node_modules", ".bin", "biome"),
			"format",
			"--stdin-file-path=docs/protocol.md",
		],
		{ cwd: ROOT, stdin: Buffer.from(text) },
	);
	if (!success) throw new Error(stderr.toString());
	return stdout.toString();
}
