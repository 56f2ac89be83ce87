// Aeon killed at every step of a message's way through WhatsApp: none is lost, none is answered twice.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { said } from "../../support/fake_llm.ts";
import {
	type FakeWhatsApp,
	startFakeWhatsApp,
} from "../../support/fake_whatsapp.ts";
import { temporaryHome } from "../../support/home.ts";
import {
	config,
	freePort,
	modelSaying,
	spawnServer,
} from "../../support/server.ts";
import { ANNA, introduce, optionsFor } from "./rig.ts";

/** More of them with `AEON_KILL_ROUNDS=100`; two processes a round are too many for every run of all tests. */
const ROUNDS = Number(process.env.AEON_KILL_ROUNDS ?? 10);

/** What is waited for before the kill; what Meta and the model do so that it comes. */
interface Point {
	name: string;
	/** The model says the first half only, until the restart. */
	hangs?: boolean;
	/** Nobody can know whether the answer arrived: it is sent again, and says so. */
	mayRepeat?: boolean;
	prepare?(): void;
	reached(before: Counts): boolean;
}

interface Counts {
	requests: number;
	sends: number;
	reads: number;
	answers: number;
}

let whatsapp: FakeWhatsApp;
let model: Awaited<ReturnType<typeof modelSaying>>;
let isHanging = false;

beforeAll(async () => {
	whatsapp = await startFakeWhatsApp();
	model = await modelSaying((request) => {
		whatsapp.changes.tell();
		const text = `Answer to ${said(request)}.`;
		return isHanging ? { text: text.slice(0, 9), ending: "hang" } : { text };
	});
});

afterAll(async () => {
	await whatsapp.stop();
	model[Symbol.dispose]();
});

const count = (method: string) =>
	whatsapp.calls.filter((call) => call.method === method).length;

const texts = () => whatsapp.visible(ANNA).map(({ text }) => text);

/** The answers without the mark of those that may have arrived before. */
const answers = () =>
	texts().map((text) => text.replace(/^_\(sent again: .*\)_\n/, ""));

const POINTS: Point[] = [
	{ name: "as soon as it was posted", reached: () => true },
	{
		name: "as soon as its post was answered",
		reached: ({ answers }) => whatsapp.answers.length > answers,
	},
	{
		name: "when it was marked as read",
		hangs: true,
		reached: ({ reads }) => count("read") > reads,
	},
	{
		name: "when the model is asked",
		hangs: true,
		reached: ({ requests }) => model.llm.requests.length > requests,
	},
	{
		name: "before the answer is sent",
		mayRepeat: true,
		prepare: () => whatsapp.fail({ method: "messages", mode: "hang" }),
		reached: ({ sends }) => count("messages") > sends,
	},
	{
		name: "after the answer was sent, while Meta tells of it",
		prepare: () => whatsapp.fail({ method: "messages", mode: "hang_after" }),
		reached: ({ sends }) => count("messages") > sends,
	},
	{
		name: "after Meta has told of the answer, whose sending got none",
		prepare: () => whatsapp.fail({ method: "messages", mode: "hang_after" }),
		reached: ({ sends }) =>
			count("messages") > sends && whatsapp.pending() === 0,
	},
	{
		name: "after the answer was sent, of which Meta tells only after the restart",
		prepare() {
			whatsapp.statuses.mode = "held";
			whatsapp.fail({ method: "messages", mode: "hang_after" });
		},
		reached: ({ sends }) => count("messages") > sends,
	},
	{ name: "at any moment", mayRepeat: true, reached: () => true },
];

test(`killed at every step, ${ROUNDS} times, no message is lost, none is answered twice, and the next one is answered`, async () => {
	using home = temporaryHome();
	const port = await freePort();
	const sections = config(model.agent, {
		server: { port },
		dialogs: { whatsapp: optionsFor(whatsapp) },
	});
	let server = await spawnServer(sections, home.path);
	await introduce(whatsapp, port);
	for (let round = 0; round < ROUNDS; round++) {
		const point = POINTS[round % POINTS.length] as Point;
		await whatsapp.until(() => whatsapp.pending() === 0);
		const before: Counts = {
			requests: model.llm.requests.length,
			sends: count("messages"),
			reads: count("read"),
			answers: whatsapp.answers.length,
		};
		isHanging = point.hangs ?? false;
		point.prepare?.();
		whatsapp.say(ANNA, `m${round}`);
		if (point.name === "at any moment") await Bun.sleep(Math.random() * 120);
		await whatsapp.until(() => point.reached(before));
		server.kill("SIGKILL");
		await server.exited;
		whatsapp.mend();
		isHanging = false;
		server = await spawnServer(sections, home.path);
		whatsapp.statuses.release();
		await whatsapp.until(() => answers().includes(`Answer to m${round}.`));
	}
	await whatsapp.until(() => whatsapp.pending() === 0);
	const client = await server.connect();
	while ((await client.call("status")).queue.running > 0);
	expect(answers()).toEqual(
		Array.from({ length: ROUNDS }, (_, n) => `Answer to m${n}.`),
	);
	const repeated = texts().flatMap((text, n) =>
		text === answers()[n] ? [] : (POINTS[n % POINTS.length] as Point),
	);
	expect(repeated.filter(({ mayRepeat }) => !mayRepeat)).toEqual([]);
	const { messages } = await client.call("session.history", {
		sessionKey: `agent:main:whatsapp:${ANNA}`,
		limit: 500,
	});
	const mine = messages.filter(({ role }) => role === "user");
	expect(mine.map(({ content }) => content)).toEqual(
		Array.from({ length: ROUNDS }, (_, n) => `m${n}`),
	);
	expect(whatsapp.violations).toEqual([]);
	await server[Symbol.asyncDispose]();
}, 1_200_000);
