// The whole shape of aeon.json: each section from the part that owns it.

import * as z from "zod/mini";
import { filePath } from "../core/config.ts";
import { asRecord, asText } from "../core/json.ts";
import type { LlmDriver } from "../llm/client.ts";
import * as providers from "../llm/registry.ts";
import * as stores from "../storage/registry.ts";
import type { StoreDriver } from "../storage/store.ts";
import * as toolRegistry from "../tools/registry.ts";
import type { Tool } from "../tools/tool.ts";
import { type DialogSettings, dialogsSchema } from "./dialogs_schema.ts";
import {
	backupsSchema,
	compactionSchema,
	memorySchema,
} from "./memory_schema.ts";
import { serverSchema } from "./server_schema.ts";
import { transcriptionSchema } from "./transcription_schema.ts";
import { updateSchema } from "./update_schema.ts";

const llmDrivers: Record<string, LlmDriver> = providers;
/** The words that `provider` may be. */
export const PROVIDERS = Object.keys(llmDrivers);
const storeDrivers: Record<string, StoreDriver> = stores;
const tools: Tool[] = Object.values(toolRegistry) as Tool[];

/** What is said of an agent whose name could not stand in a session key. */
export const AGENT_NAME_RULE =
	"is no agent's name: write letters, digits, - and _";

/** What every agent may have, whoever makes its model. */
const commonOptions = z.object({
	system_prompt: z.optional(
		z.string().check(z.describe("Who the agent is, in your words")),
	),
	system_prompt_file: z.optional(
		filePath("A text file that says who the agent is"),
	),
	tools: z.optional(
		z
			.array(z.enum(tools.map((tool) => tool.name)))
			.check(z.describe("The tools it may use; all where left out")),
	),
	fallbacks: z._default(
		z
			.array(z.string())
			.check(z.describe("Other agents, whose models are tried in order")),
		[],
	),
	history_limit: z._default(
		z
			.int()
			.check(z.minimum(2), z.maximum(1000))
			.check(
				z.describe(
					"How many messages of a session the model sees, beside the summary of what came before",
				),
			),
		50,
	),
	max_tool_calls: z._default(
		z.int().check(z.minimum(0), z.describe("Tool calls in one turn")),
		25,
	),
	max_turn_seconds: z._default(
		z.int().check(z.minimum(1), z.describe("How long one turn may take")),
		600,
	),
});

const agentSchema = z.discriminatedUnion(
	"provider",
	Object.entries(llmDrivers).map(([name, driver]) =>
		z.strictObject({
			provider: z.literal(name),
			...driver.options.shape,
			...commonOptions.shape,
		}),
	) as unknown as [z.ZodMiniObject],
);

/** Options of the stores that are not chosen may stay in the file, so that changing the driver is changing one word. */
const anyStoreOptions = Object.fromEntries(
	Object.values(storeDrivers)
		.flatMap((driver) => Object.entries(driver.options.shape))
		.map(([name, option]) => [name, z.optional(option)]),
);

/** What every store may have. */
const commonStoreOptions = {
	retention_days: z.optional(
		z
			.int()
			.check(
				z.minimum(1),
				z.describe(
					"Sessions in which nothing was said for so long are deleted; never where left out",
				),
			),
	),
};

const storageSchema = z.discriminatedUnion(
	"driver",
	Object.entries(storeDrivers).map(([name, driver]) =>
		z.strictObject({
			driver: z.literal(name),
			...commonStoreOptions,
			...anyStoreOptions,
			...driver.options.shape,
		}),
	) as unknown as [z.ZodMiniObject],
);

/** The schema of aeon.json, after substitution and with the defaults that need a home directory. */
export const settingsSchema = z.strictObject({
	$schema: z.optional(z.string()),
	log_file_path: filePath("The log; rotated at 2 MB, five files are kept"),
	server: z.prefault(serverSchema, {}),
	agents: z
		.record(
			z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9_-]*$/, AGENT_NAME_RULE)),
			agentSchema,
		)
		.check(z.describe("Your agents by their names")),
	dialogs: z.prefault(dialogsSchema, {}),
	transcription: z.optional(transcriptionSchema),
	storage: storageSchema,
	memory: memorySchema,
	compaction: z.prefault(compactionSchema, {}),
	backups: backupsSchema,
	update: z.optional(updateSchema),
	tools: z.strictObject({
		workspace: filePath("The one folder that tools may touch"),
		...Object.fromEntries(
			tools.flatMap((tool) =>
				tool.options ? [[tool.name, z.prefault(tool.options, {})]] : [],
			),
		),
	}),
});

/** One agent's section: what every agent has, and beside it the options of its provider's driver. */
export type AgentSettings = z.infer<typeof commonOptions> & {
	provider: string;
	model: string;
};

/** What can be said of an agent whose section cannot be completed, since variables in it are not set. */
export function bareAgent(section: unknown): AgentSettings {
	const { provider, model } = asRecord(section) ?? { provider: section };
	return {
		...z.parse(commonOptions, {}),
		provider: asText(provider),
		model: asText(model),
	};
}

/** A checked configuration with every default filled in. Immutable: a reload makes a new one. */
export interface Settings {
	/** The file it was read from; none where the defaults stand alone. */
	file: string | undefined;
	/** The secrets file that was read along with it. */
	secretsFile?: string;
	/** What a person should know of how it came about; one sentence. */
	notice?: string;
	log_file_path: string;
	server: z.infer<typeof serverSchema>;
	agents: Record<string, AgentSettings>;
	/** Of the agents that the command can do without and that lack something, the sentence that says what: by their ids. */
	unusable: ReadonlyMap<string, string>;
	dialogs: Record<string, DialogSettings>;
	transcription?: z.infer<typeof transcriptionSchema>;
	storage: { driver: string; retention_days?: number } & Record<
		string,
		unknown
	>;
	memory: z.infer<typeof memorySchema>;
	compaction: z.infer<typeof compactionSchema>;
	backups: z.infer<typeof backupsSchema>;
	update?: z.infer<typeof updateSchema>;
	tools: { workspace: string } & Record<string, unknown>;
}

/** What is filled in before anything is checked, for it has `~` in it. */
export const DEFAULTS = {
	log_file_path: "~/.aeon/logs/aeon.log",
	storage: {
		driver: "sqlite",
		sessions_db: "~/.aeon/sessions.db",
		directory: "~/.aeon/sessions",
	},
	memory: { database: "~/.aeon/memory.db" },
	backups: { directory: "~/.aeon/backups" },
	tools: { workspace: "~/.aeon/workspace" },
};

/** The JSON Schema of aeon.json, for editors: of the file as it is written, where what has a default may be left out. */
export function settingsJsonSchema(): object {
	const schema = z.toJSONSchema(settingsSchema, { io: "input" });
	return { title: "aeon.json", ...withDefaults(schema as Shape, DEFAULTS) };
}

/** The part of a JSON Schema that defaults touch. */
interface Shape {
	required?: string[];
	properties?: Record<string, Shape>;
	oneOf?: Shape[];
	anyOf?: Shape[];
	default?: unknown;
}

function withDefaults(shape: Shape, defaults: object): Shape {
	const { oneOf, ...rest } = shape;
	// Without the word that tells the branches apart, several of them fit.
	if (oneOf)
		return {
			...rest,
			anyOf: oneOf.map((branch) => withDefaults(branch, defaults)),
		};
	const properties = { ...shape.properties };
	for (const [name, value] of Object.entries(defaults)) {
		const property = properties[name];
		if (property)
			properties[name] =
				typeof value === "object"
					? withDefaults(property, value)
					: { ...property, default: value };
	}
	const required = shape.required?.filter(
		(name) => !Object.hasOwn(defaults, name),
	);
	return { ...shape, properties, ...(required && { required }) };
}
