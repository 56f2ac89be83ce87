// Aeon killed at every step of a message's way through Telegram: none is lost, none is answered twice.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { said } from "../../support/fake_llm.ts";
import {
	type FakeTelegram,
	startFakeTelegram,
} from "../../support/fake_telegram.ts";
import { temporaryHome } from "../../support/home.ts";
import { config, modelSaying, spawnServer } from "../../support/server.ts";
import { until } from "../../support/until.ts";
import { ANNA } from "./chat.ts";

/** More of them with `AEON_KILL_ROUNDS=100`; five processes a round are too many for every run of all tests. */
const ROUNDS = Number(process.env.AEON_KILL_ROUNDS ?? 14);

type Server = Awaited<ReturnType<typeof spawnServer>>;

/** What is waited for before the kill; what the platform and the model do so that it comes. */
interface Point {
	name: string;
	/** The model says the first half only, until the restart. */
	hangs?: boolean;
	prepare?(): void;
	reached(before: Counts): boolean;
}

interface Counts {
	requests: number;
	sends: number;
	edits: number;
	delayMs: number;
}

let telegram: FakeTelegram;
let model: Awaited<ReturnType<typeof modelSaying>>;
let isHanging = false;

beforeAll(async () => {
	telegram = await startFakeTelegram();
	model = await modelSaying((request) => {
		const text = `Answer to ${said(request)}.`;
		return isHanging ? { text: text.slice(0, 9), ending: "hang" } : { text };
	});
});

afterAll(async () => {
	await telegram.stop();
	model[Symbol.dispose]();
});

const count = (method: string) =>
	telegram.calls.filter((call) => call.method === method).length;

const POINTS: Point[] = [
	{ name: "as soon as it was fetched", reached: () => true },
	{
		name: "when the model is asked",
		hangs: true,
		reached: ({ requests }) => model.llm.requests.length > requests,
	},
	{
		name: "in the middle of the answer",
		hangs: true,
		reached: ({ sends }) => count("sendMessage") > sends,
	},
	{
		name: "before the answer is sent",
		prepare: () => telegram.fail({ method: "sendMessage", mode: "hang" }),
		reached: ({ sends }) => count("sendMessage") > sends,
	},
	{
		name: "after the answer was sent, before that was noted",
		prepare: () => telegram.fail({ method: "sendMessage", mode: "hang_after" }),
		reached: ({ sends }) => count("sendMessage") > sends,
	},
	{
		name: "after a preview was sent, before that was noted",
		hangs: true,
		prepare: () => telegram.fail({ method: "sendMessage", mode: "hang_after" }),
		reached: ({ sends }) => count("sendMessage") > sends,
	},
	{ name: "at any moment", reached: () => true },
];

test(`killed at every step, ${ROUNDS} times, no message is lost, none is answered twice, and the next one is answered`, async () => {
	using home = temporaryHome();
	const sections = config(model.agent, {
		dialogs: {
			telegram: {
				enabled: true,
				bot_token: telegram.token,
				api_root: telegram.url,
				allowed_users: [ANNA],
			},
		},
	});
	let server: Server = await spawnServer(sections, home.path);
	for (let round = 0; round < ROUNDS; round++) {
		const point = POINTS[round % POINTS.length] as Point;
		await until(() => telegram.pollers() === 1);
		const before = {
			requests: model.llm.requests.length,
			sends: count("sendMessage"),
			edits: count("editMessageText"),
			delayMs: 0,
		};
		isHanging = point.hangs ?? false;
		point.prepare?.();
		telegram.say(ANNA, `m${round}`);
		if (point.name === "at any moment") await Bun.sleep(Math.random() * 120);
		await until(() => point.reached(before));
		server.kill("SIGKILL");
		await server.exited;
		telegram.mend();
		isHanging = false;
		server = await spawnServer(sections, home.path);
		const answers = () =>
			texts().filter((text) => text.includes(`Answer to m${round}.`));
		await until(() => answers().length > 0);
	}
	const client = await server.connect();
	await until(() => telegram.pollers() === 1);
	while ((await client.call("status")).queue.running > 0);
	await Bun.sleep(1_500);
	expect(texts()).toEqual(
		Array.from({ length: ROUNDS }, (_, n) => `Answer to m${n}.`),
	);
	const { messages } = await client.call("session.history", {
		sessionKey: `agent:main:telegram:${ANNA}`,
		limit: 500,
	});
	const mine = messages.filter(({ role }) => role === "user");
	expect(mine.map(({ content }) => content)).toEqual(
		Array.from({ length: ROUNDS }, (_, n) => `m${n}`),
	);
	expect(telegram.violations).toEqual([]);
	await server[Symbol.asyncDispose]();
}, 1_200_000);

function texts(): string[] {
	return telegram.visible(ANNA).map(({ text }) => text ?? "");
}
