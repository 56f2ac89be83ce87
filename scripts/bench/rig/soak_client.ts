// The client of a soak: thousands of turns of every kind over many sessions, several at once, and what the server holds between.

import type { Act } from "./acts.ts";
import type { Command } from "./connect.ts";
import { Peer, type Turn } from "./peer.ts";
import { type Memory, memoryOf } from "./proc.ts";

const USUAL: Act[] = [
	"say",
	"say",
	"say",
	"write",
	"say",
	"read",
	"slow",
	"say",
	"exec",
	"falter",
	"say",
	"say",
	"write",
	"refuse",
	"say",
	"read",
	"reset",
	"deny",
	"slow",
	"linger",
];
/** One round of kinds: each of a session's forty turns is another one of them. */
const ACTS = [...USUAL, ...USUAL.with(USUAL.indexOf("exec"), "say")];
const STEP = 7;

const PEERS = 8;
const SAMPLE_EVERY = 1_000;
/** So many turns are taken at once. */
export const IN_FLIGHT = 48;
/** How long it waits before it looks again: Aeon gives memory back when nothing has happened for three seconds. */
export const SETTLE_MS = 3_500;

/** What a soak found. */
export interface Soaked {
	/** Before the first turn, and after each thousand: at once, and settled. */
	busy: Memory[];
	settled: Memory[];
	/** How many turns ended so: `done`, or the code of their error. */
	ends: Record<string, number>;
	/** How many turns there were of each kind. */
	acts: Record<string, number>;
	/** How often clients came again. */
	reconnects: number;
}

/** Takes `count` turns through `sessions`, and measures the process `pid`. */
export async function soak(command: Command): Promise<Soaked> {
	const { count = 20_000, sessions = [], pid = 0 } = command;
	const peers = Array.from(
		{ length: PEERS },
		(_, n) =>
			new Peer(
				command,
				sessions.filter((_, at) => at % PEERS === n),
			),
	);
	for (const peer of peers) await peer.connect();
	const busy: Memory[] = [];
	const settled: Memory[] = [];
	const sample = async () => {
		busy.push(memoryOf(pid));
		await Bun.sleep(SETTLE_MS);
		settled.push(memoryOf(pid));
	};
	const ends: Record<string, number> = {};
	const acts: Record<string, number> = {};
	let next = 0;
	const work = async (last: number) => {
		while (next < last) {
			const turn = turnAt(next++, sessions);
			const peer = peers[sessions.indexOf(turn.sessionKey) % PEERS];
			const end = (await peer?.take(turn)) ?? "nobody";
			ends[end] = (ends[end] ?? 0) + 1;
			acts[turn.act] = (acts[turn.act] ?? 0) + 1;
		}
	};
	await sample();
	while (next < count) {
		const last = Math.min(next + SAMPLE_EVERY, count);
		await Promise.all(Array.from({ length: IN_FLIGHT }, () => work(last)));
		await sample();
	}
	const reconnects = peers.reduce((sum, peer) => sum + peer.reconnects, 0);
	return { busy, settled, ends, acts, reconnects };
}

function turnAt(number: number, sessions: readonly string[]): Turn {
	const round = Math.floor(number / sessions.length);
	const act = ACTS[(number * STEP + round) % ACTS.length] ?? "say";
	return { number, act, sessionKey: sessions[number % sessions.length] ?? "" };
}
