// How much Aeon adds to what a model takes.

import {
	type Bench,
	type Figure,
	inTurns,
	percentile,
	RUNS,
	type Subject,
} from "./rig/figure.ts";
import {
	client,
	type FarSides,
	makeHome,
	startAeon,
	startFarSides,
	startFloor,
} from "./rig/processes.ts";

const TURNS = 200;
const SHARES = [0.5, 0.95];
/** What may be added in the middle of turns. */
const MOST_MS = 1.6;
const SAID = "deltas=3 every=2 size=40 head=0";

export const latency: Subject = {
	title: "Latency that Aeon adds",
	async measure(bench) {
		return [...(await clientRows(bench)), ...(await telegramRows(bench))];
	},
};

/** Milliseconds of each turn of a run. */
interface Run {
	asked: number[];
	answered: number[];
}

async function clientRows(bench: Bench): Promise<Figure[]> {
	const aeon = await startAeon(bench, makeHome(bench, "fake"));
	const floor = await startFloor(bench);
	const command = { mode: "latency", count: TURNS, message: SAID } as const;
	const found = await inTurns(
		() => client<Run>({ ...command, ...aeon }),
		() => client<Run>({ ...command, ...floor, request: `stream ${SAID}` }),
	);
	await aeon.stop();
	await floor.stop();
	const rows = (
		what: string,
		of: (run: Run) => number[],
		more: Partial<Figure> = {},
	): Figure[] =>
		SHARES.map((share) => ({
			what: `${what}, p${share * 100}`,
			unit: "ms",
			values: found.aeon.map((run) => percentile(of(run), share)),
			floor: found.floor.map((run) => percentile(of(run), share)),
			...(share === 0.5 && more),
		}));
	return [
		...rows(
			"model's first byte → client's first delta",
			(run) => run.answered,
			{
				aim: { most: MOST_MS },
				note: `${TURNS} turns a run, one after the other, after 20 that do not count, each in a session of its own.`,
			},
		),
		...rows("client's message → model has the request", (run) => run.asked, {
			note: "before a model is asked the message is put on the disk (fdatasync: about a quarter of it here), the conversation read and searched, the message saved in it, and a new connection opened (another quarter); all without the engine's compilers. The floor does the last only.",
		}),
		...rows(
			"both together",
			({ asked, answered }) =>
				asked.map((ms, turn) => ms + (answered[turn] ?? 0)),
			{ aim: { most: MOST_MS } },
		),
	];
}

async function telegramRows(bench: Bench): Promise<Figure[]> {
	const far = await startFarSides();
	const people = Array.from({ length: TURNS / 5 }, (_, n) => 1000 + n);
	const aeon = await startAeon(
		bench,
		makeHome(bench, "fake", {
			dialogs: {
				telegram: { ...far.dialogs.telegram, allowed_users: people },
			},
		}),
	);
	const figures: Figure[] = [];
	for (const { what, said, note } of [
		{ what: "a short answer", said: SAID },
		{
			what: "an answer that takes 1.5 s",
			said: "deltas=30 every=50 size=40 head=0",
			note: "all chats at once; a chat that was sent something within the last second gets its next message when that is over, hence the most.",
		},
	]) {
		const runs: number[][] = [];
		for (let run = 0; run < RUNS; run++) {
			await far.ask("DELETE", "/telegram/calls");
			runs.push(await sendsOf(far, people, said));
		}
		for (const share of SHARES)
			figures.push({
				what: `model's first byte → first Telegram send, ${what}, p${share * 100}`,
				unit: "ms",
				values: runs.map((run) => percentile(run, share)),
				...(note && { note }),
			});
	}
	await aeon.stop();
	far.stop();
	return figures;
}

/** Everybody says something; how late the first send to each was, in milliseconds. */
async function sendsOf(
	far: FarSides,
	people: readonly number[],
	text: string,
): Promise<number[]> {
	const late: number[] = [];
	for (const chatId of people) {
		await far.ask("POST", "/telegram", { chatId, text });
		await Bun.sleep(20);
	}
	while (late.length < people.length) {
		await Bun.sleep(50);
		const calls: FarCall[] = await far.ask("GET", "/telegram/calls");
		const sends = calls.filter(({ method }) => method === "sendMessage");
		late.splice(0, late.length, ...sends.map(latenessOf));
	}
	return late;
}

/** A delta begins with when it was written. */
function latenessOf({ text, at }: FarCall): number {
	return at - Number.parseFloat(text);
}

interface FarCall {
	method: string;
	text: string;
	at: number;
}
