// How remembered facts are shown.

import {
	paint,
	print,
	printError,
	terminalStyle,
	visible,
} from "../core/terminal.ts";
import type { OwnedFact } from "../memory/memory.ts";
import type { RemoteMemory } from "../remote/memory.ts";
import { formatTime, oneLine } from "./export.ts";
import { allFacts, type Owners } from "./memory_access.ts";

const NOTHING =
	'Nothing is remembered yet.\nSay in a chat what is to be kept: "Remember that I am left-handed."\n';

/** Characters that JSON leaves as they are and a terminal would obey, or that turn the order of the others round. */
const OBEYED = /[\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** Prints facts as they come, for a person or as a JSON object a line. False where there are none. */
export async function printFacts(
	facts: AsyncIterable<OwnedFact> | Iterable<OwnedFact>,
	isJson = false,
): Promise<boolean> {
	const { hasColour } = terminalStyle(process.env);
	let hasSome = false;
	for await (const fact of facts) {
		hasSome = true;
		print(isJson ? jsonLine(fact) : describe(fact, hasColour));
	}
	return hasSome;
}

/** A fact as a person reads it: whose it is, then its text. */
function describe(fact: OwnedFact, hasColour: boolean): string {
	const { id, agentId, user, savedAt, text } = fact;
	const about = `${oneLine(agentId)}, ${oneLine(user)}, ${formatTime(savedAt)}`;
	return `${id}  ${paint("dim", about, hasColour)}\n  ${indented(text)}\n`;
}

/** A fact as a JSON object on a line of its own. */
function jsonLine({ id, agentId, user, text, savedAt }: OwnedFact): string {
	const line = JSON.stringify({
		agent_id: agentId,
		user,
		text,
		id,
		saved_at: savedAt,
	});
	const asEscape = (character: string) =>
		`\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
	return `${line.replace(OBEYED, asEscape)}\n`;
}

/** Prints the facts as a document, a section for every agent and user. False where there are none. */
export async function printDocument(
	memory: RemoteMemory,
	owners: Owners,
): Promise<boolean> {
	const sections = new Map<string, Required<Owners>>();
	for await (const { agentId, user } of allFacts(memory, owners))
		sections.set(JSON.stringify([agentId, user]), { agentId, user });
	if (sections.size === 0) return false;
	print("# What Aeon remembers\n");
	for (const [, owner] of [...sections].sort()) {
		const title = `${oneLine(owner.agentId)}, ${oneLine(owner.user)}`;
		print(`\n## ${title}\n\n`);
		for await (const { id, text, savedAt } of allFacts(memory, owner))
			print(`- ${indented(text)} (${id}, ${formatTime(savedAt)} UTC)\n`);
	}
	return true;
}

/** A text whose further lines stand under its first one. */
function indented(text: string): string {
	return visible(text.trim()).replaceAll("\n", "\n  ");
}

/** Says why nothing is shown: that nothing is remembered at all, or the reason given; beside what a program reads. */
export async function sayWhyEmpty(
	memory: RemoteMemory,
	why: string,
	isForProgram = false,
): Promise<void> {
	const isEmpty = (await memory.list({ limit: 1 })).length === 0;
	(isForProgram ? printError : print)(isEmpty ? NOTHING : `${why}\n`);
}
