import { defineCommand } from "citty";
import { AeonError } from "../core/errors.ts";
import { print, printError, visible } from "../core/terminal.ts";
import { chooseFormat, formatFlag, oneLine } from "./export.ts";
import { printDocument, printFacts, sayWhyEmpty } from "./facts.ts";
import { allFacts, type Owners, withMemory } from "./memory_access.ts";
import { configFlag } from "./options.ts";

/** How many a search shows. */
const MAX_FOUND = 20;

const ownerFlags = {
	agent: {
		type: "string",
		description: "Only what this agent remembers",
		valueHint: "NAME",
	},
	user: {
		type: "string",
		description:
			"Only of this user: telegram:777, or a name of memory.users in aeon.json",
		valueHint: "USER",
	},
	...configFlag,
} as const;

const jsonFlag = {
	json: { type: "boolean", description: "Print a JSON object a line" },
} as const;

const list = defineCommand({
	meta: {
		name: "list",
		description: "List what is remembered, the newest first",
	},
	args: { ...jsonFlag, ...ownerFlags },
	run: ({ args }) =>
		withMemory(args.config, async (memory) => {
			const owners = ownersOf(args);
			if (await printFacts(allFacts(memory, owners), args.json)) return;
			await sayWhyEmpty(memory, noneOf(args), args.json);
		}),
});

const search = defineCommand({
	meta: {
		name: "search",
		description: "Find what is remembered about something, the best first",
	},
	args: {
		"query...": {
			type: "positional",
			description: "What it is about, in your own words",
			required: true,
		},
		...jsonFlag,
		...ownerFlags,
	},
	async run({ args }) {
		const text = args._.join(" ");
		if (text.trim() === "")
			throw new AeonError("usage", "say what is to be found");
		await withMemory(args.config, async (memory) => {
			const found = await memory.search(text, {
				...ownersOf(args),
				limit: MAX_FOUND,
			});
			const problem = await memory.problem();
			if (problem) printError(`${visible(problem)}\n`);
			if (await printFacts(found, args.json)) return;
			const none = "Nothing that is remembered matches.";
			await sayWhyEmpty(memory, none, args.json);
		});
	},
});

const forget = defineCommand({
	meta: { name: "forget", description: "Forget facts, by their numbers" },
	args: {
		"id...": {
			type: "positional",
			description: "The numbers that list and search show",
			required: true,
		},
		...configFlag,
	},
	async run({ args }) {
		const ids = new Set(args._.map(readId));
		await withMemory(args.config, async (memory) => {
			const missing: number[] = [];
			for (const id of ids)
				if (await memory.forget(id)) print(`Forgot ${id}.\n`);
				else missing.push(id);
			if (missing.length === 0) return;
			const none = missing.length > 1 ? "are no facts" : "is no fact";
			throw new AeonError("not_found", `there ${none} ${missing.join(", ")}`, {
				hint: "aeon memory list shows those that there are.",
			});
		});
	},
});

const exportFacts = defineCommand({
	meta: { name: "export", description: "Print everything that is remembered" },
	args: { ...formatFlag, ...ownerFlags },
	async run({ args }) {
		const isMarkdown = chooseFormat(args.format) === "markdown";
		await withMemory(args.config, async (memory) => {
			const owners = ownersOf(args);
			const hasSome = isMarkdown
				? await printDocument(memory, owners)
				: await printFacts(allFacts(memory, owners), true);
			if (!hasSome) await sayWhyEmpty(memory, noneOf(args), true);
		});
	},
});

/** `aeon memory`: what is remembered. */
export const memory = defineCommand({
	meta: {
		name: "memory",
		description: "List, search, forget and export what is remembered",
	},
	subCommands: { list, search, forget, export: exportFacts },
});

interface OwnerFlags {
	agent?: string | undefined;
	user?: string | undefined;
}

function ownersOf({ agent, user }: OwnerFlags): Owners {
	return {
		...(agent !== undefined && { agentId: agent }),
		...(user !== undefined && { user }),
	};
}

/** That they have no facts, though others have. */
function noneOf({ agent, user }: OwnerFlags): string {
	const by = agent === undefined ? "" : ` by the agent ${oneLine(agent)}`;
	const of = user === undefined ? "" : ` of the user ${oneLine(user)}`;
	return `Nothing is remembered${by}${of}.\naeon memory list shows whose facts there are.`;
}

function readId(given: string): number {
	if (!/^\d{1,15}$/.test(given))
		throw new AeonError(
			"usage",
			`${given} is no fact: write the number that aeon memory list shows`,
		);
	return Number(given);
}
