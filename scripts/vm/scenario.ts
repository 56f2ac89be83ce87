// What Aeon goes through in a machine.

import { Database } from "bun:sqlite";
import { join } from "node:path";
import type { Address } from "../../src/remote/failure.ts";
import { Conversation } from "./conversation.ts";
import { readFromDisk } from "./disk.ts";
import type { Figures } from "./figures.ts";
import { Machine, type MachineParts } from "./machine.ts";
import {
	endServe,
	killServe,
	megabytes,
	memoryOfServe,
	startServe,
} from "./serve.ts";

/** What a scenario takes place in. */
export interface Stage {
	parts: MachineParts;
	/** How the server in the machine is reached from here. */
	address: Address;
	/** For files that are looked at. */
	folder: string;
	/** Whether the power is cut in between. */
	withPowerCut: boolean;
	/** Is told each step that is done. */
	report(step: string): void;
}

/** How long Aeon is left alone before its memory is looked at again. */
const REST_SECONDS = 10;

/** A hundred turns; in one session Aeon would sum them up again and again. */
const SESSIONS = sessions("talk", 5);
const TURNS_EACH = 20;

/** Of messages that are acknowledged one after the other, the last one right before the power cut. */
const LAST_SESSIONS = sessions("last", 5);

const TOOLS_SESSION = "agent:main:ws:tools";
const BUSY_SESSION = "agent:main:ws:busy";

/** Goes through all of it and gives its figures. Throws where Aeon does not do as it should, with the console's last lines. */
export async function play(stage: Stage): Promise<Figures> {
	const { parts, report } = stage;
	const conversation = new Conversation(stage.address);
	let machine = new Machine(parts);
	try {
		const figures = await measure(machine, conversation, stage);
		if (stage.withPowerCut) {
			await speakLastWords(conversation);
			await machine.cutPower();
			conversation.disconnect();
			report("power cut");
			machine = new Machine(parts);
			await machine.booted();
			await startServe(machine);
			await conversation.connect();
			await conversation.checkHistories();
			report("all there after the power cut");
		}
		conversation.disconnect();
		await endServe(machine);
		await checkNothingDamaged(machine);
		await machine.shutDown();
		checkDatabase(stage);
		report("ended");
		return figures;
	} catch (error) {
		const reason = error instanceof Error ? error.message : String(error);
		throw new Error(
			`${reason}\n\nThe last lines on the machine's console:\n${machine.lastLines()}`,
			{ cause: error },
		);
	} finally {
		conversation.disconnect();
		await machine.cutPower();
	}
}

async function measure(
	machine: Machine,
	conversation: Conversation,
	{ report }: Stage,
): Promise<Figures> {
	const userSpace = await machine.booted();
	const system = await machine.run(
		"uname -r; grep Mem /proc/meminfo; grep -m1 KernelPageSize /proc/self/smaps",
	);
	report("booted");
	const cold = await startServe(machine);
	const healthy = await memoryOfServe(machine);
	report("healthy");
	await machine.run(`sleep ${REST_SECONDS}`);
	const rested = await memoryOfServe(machine);
	report("rested");
	await conversation.connect();
	await conversation.callTools(TOOLS_SESSION);
	report("tools called");
	const before = performance.now();
	await conversation.talk(SESSIONS, TURNS_EACH);
	const seconds = (performance.now() - before) / 1000;
	const turns = SESSIONS.length * TURNS_EACH;
	const used = await memoryOfServe(machine);
	report(`${turns} turns`);
	conversation.disconnect();
	await killServe(machine);
	const warm = await startServe(machine);
	await conversation.connect();
	await conversation.checkHistories();
	report("all there after kill -9");
	return {
		kernel: system.split("\n")[0] ?? "",
		pageKilobytes: Number(/KernelPageSize:\s+(\d+)/.exec(system)?.[1]),
		memTotal: megabytes(system, "MemTotal"),
		availableBefore: megabytes(system, "MemAvailable"),
		memory: { healthy, rested, used },
		userSpaceToHealth: cold.healthy - userSpace,
		coldStart: cold.healthy - cold.began,
		warmStart: warm.healthy - warm.began,
		turn: seconds / turns,
	};
}

/** Has one turn in its middle and messages behind it acknowledged, the last one just now. */
async function speakLastWords(conversation: Conversation): Promise<void> {
	await conversation.beginLongTurn(BUSY_SESSION);
	for (const sessionKey of LAST_SESSIONS)
		await conversation.say(sessionKey, `Last words in ${sessionKey}.`);
}

/** A database that Aeon could not read would have been set aside. */
async function checkNothingDamaged(machine: Machine): Promise<void> {
	const files = await machine.run("ls .aeon");
	if (files.includes("damaged"))
		throw new Error(`A database was damaged: ${files}`);
}

/** Aeon has ended: everything is in the one file. */
function checkDatabase({ parts, folder }: Stage): void {
	const file = join(folder, "sessions.db");
	readFromDisk(parts.disk, "/.aeon/sessions.db", file);
	using database = new Database(file, { readonly: true });
	const found = database.query("PRAGMA integrity_check").values().flat();
	if (found.join() !== "ok")
		throw new Error(`The database is not whole: ${found.join("; ")}`);
}

function sessions(name: string, count: number): string[] {
	return Array.from({ length: count }, (_, n) => `agent:main:ws:${name}${n}`);
}
