// A message as it is stored: its role and text, and beside them one JSON object with snake_case keys.

import * as z from "zod/mini";
import { isRecord } from "../core/json.ts";
import { type Message, STOP_REASONS, type Usage } from "../core/message.ts";
import type { StoredMessage } from "./store.ts";

/** A stored message without its place in the session. `metadata` is null where there is nothing to keep in it. */
export interface MessageRecord {
	role: string;
	content: string;
	metadata: Metadata | null;
}

const SUMMARY_LENGTH = 120;

const jsonObject = z.custom<Record<string, unknown>>(isRecord);

/** A field that is as good as absent where it is damaged. */
function lenient<Schema extends z.ZodMiniType>(schema: Schema) {
	return z.catch(z.optional(schema), undefined);
}

const tokens = z.catch(z.number(), 0);

const metadataSchema = z.object({
	attachments: lenient(
		z.array(z.object({ path: z.string(), mime_type: z.string() })),
	),
	tool_calls: lenient(
		z.array(
			z.object({
				id: z.string(),
				name: z.string(),
				input: z.catch(jsonObject, {}),
				error: lenient(z.string()),
			}),
		),
	),
	usage: lenient(
		z.object({
			input_tokens: tokens,
			output_tokens: tokens,
			cache_read_tokens: tokens,
			cache_write_tokens: tokens,
		}),
	),
	stop_reason: lenient(z.enum(STOP_REASONS)),
	model: lenient(z.string()),
	notice: lenient(z.string()),
	trimmed: lenient(z.boolean()),
	pictures_refused: lenient(z.boolean()),
	tool_call_id: lenient(z.string()),
	tool_name: lenient(z.string()),
	is_error: lenient(z.boolean()),
	recalled: lenient(z.string()),
	through: lenient(z.int().check(z.nonnegative())),
	/** The text itself where UTF-8 cannot hold it (half of a surrogate pair); `content` then has U+FFFD in its place. */
	exact_content: lenient(z.string()),
});

type Metadata = z.infer<typeof metadataSchema>;

/** What is kept of a message. Its `replay` is not. */
export function encodeMessage(message: Message): MessageRecord {
	const metadata = withoutGaps({
		...encodeFields(message),
		exact_content: message.content.isWellFormed() ? undefined : message.content,
	});
	return {
		role: message.role,
		content: message.content.toWellFormed(),
		metadata: Object.keys(metadata).length > 0 ? metadata : null,
	};
}

/** The message of a record, whatever state that is in: a damaged field is left out, a foreign role is a user's. */
export function decodeMessage(
	role: string,
	text: string,
	metadata: unknown,
): Message {
	const fields = readMetadata(metadata);
	const content = fields.exact_content ?? text;
	const attachments = fields.attachments?.map(({ path, mime_type }) => ({
		path,
		mimeType: mime_type,
	}));
	switch (role) {
		case "assistant":
			return withoutGaps({
				role,
				content,
				toolCalls: fields.tool_calls?.map(withoutGaps),
				usage: fields.usage && decodeUsage(fields.usage),
				stopReason: fields.stop_reason,
				model: fields.model,
				notice: fields.notice,
				trimmed: fields.trimmed,
				picturesRefused: fields.pictures_refused,
			});
		case "tool":
			return withoutGaps({
				role,
				content,
				toolCallId: fields.tool_call_id ?? "",
				toolName: fields.tool_name ?? "",
				isError: fields.is_error,
				attachments,
			});
		case "summary":
			return withoutGaps({
				role,
				content,
				// Whatever cannot be read must hide nothing that was said.
				through: fields.through ?? 0,
				usage: fields.usage && decodeUsage(fields.usage),
				model: fields.model,
			});
		default:
			return withoutGaps({
				role: "user",
				content,
				attachments,
				recalled: fields.recalled,
			});
	}
}

/** A message in its place. A summary that claims to stand for what came after it stands for nothing. */
export function place(
	message: Message,
	id: number,
	timestamp: number,
): StoredMessage {
	const isAhead = message.role === "summary" && message.through >= id;
	return {
		...(isAhead ? { ...message, through: 0 } : message),
		id,
		timestamp,
	};
}

/** True of a text that a person or a model has said: what a list shows and a search finds. */
export function isSaid({ role, content }: Message): boolean {
	return (role === "user" || role === "assistant") && content !== "";
}

/** The beginning of a text, for a list. Never half of a surrogate pair. */
export function summarise(text: string): string {
	const beginning = text.toWellFormed().slice(0, SUMMARY_LENGTH);
	return beginning.isWellFormed() ? beginning : beginning.slice(0, -1);
}

function encodeFields(message: Message): Metadata {
	if (message.role === "assistant")
		return {
			tool_calls: message.toolCalls,
			usage: message.usage && encodeUsage(message.usage),
			stop_reason: message.stopReason,
			model: message.model,
			notice: message.notice,
			trimmed: message.trimmed,
			pictures_refused: message.picturesRefused,
		};
	if (message.role === "summary")
		return {
			through: message.through,
			usage: message.usage && encodeUsage(message.usage),
			model: message.model,
		};
	const attachments = message.attachments?.map(({ path, mimeType }) => ({
		path,
		mime_type: mimeType,
	}));
	if (message.role === "user")
		return { attachments, recalled: message.recalled };
	return {
		tool_call_id: message.toolCallId,
		tool_name: message.toolName,
		is_error: message.isError,
		attachments,
	};
}

function encodeUsage(usage: Usage): NonNullable<Metadata["usage"]> {
	return {
		input_tokens: usage.inputTokens,
		output_tokens: usage.outputTokens,
		cache_read_tokens: usage.cacheReadTokens,
		cache_write_tokens: usage.cacheWriteTokens,
	};
}

function decodeUsage(usage: NonNullable<Metadata["usage"]>): Usage {
	return {
		inputTokens: usage.input_tokens,
		outputTokens: usage.output_tokens,
		cacheReadTokens: usage.cache_read_tokens,
		cacheWriteTokens: usage.cache_write_tokens,
	};
}

/** What of it can be read. Without the schema where it is plain, as most is: for a history of fifty that is half of a turn's work. */
function readMetadata(metadata: unknown): Metadata {
	if (metadata === null || metadata === undefined) return {};
	if (isPlain(metadata)) return metadata;
	return metadataSchema.safeParse(metadata).data ?? {};
}

/** True of whole fields of the simple kinds. */
function isPlain(metadata: unknown): metadata is Metadata {
	if (!isRecord(metadata)) return false;
	for (const name of Object.keys(metadata)) {
		const value = metadata[name];
		switch (name) {
			case "usage":
				if (!isUsage(value)) return false;
				break;
			case "stop_reason":
				if (!STOP_REASONS.some((reason) => reason === value)) return false;
				break;
			case "model":
			case "recalled":
			case "tool_call_id":
			case "tool_name":
				if (typeof value !== "string") return false;
				break;
			case "is_error":
				if (typeof value !== "boolean") return false;
				break;
			default:
				return false;
		}
	}
	return true;
}

function isUsage(value: unknown): boolean {
	return (
		isRecord(value) &&
		Number.isFinite(value.input_tokens) &&
		Number.isFinite(value.output_tokens) &&
		Number.isFinite(value.cache_read_tokens) &&
		Number.isFinite(value.cache_write_tokens)
	);
}

/** The same without the fields that are undefined. */
export function withoutGaps<T extends object>(value: T): T {
	const kept: Partial<T> = {};
	for (const name of Object.keys(value) as (keyof T)[])
		if (value[name] !== undefined) kept[name] = value[name];
	return kept as T;
}
