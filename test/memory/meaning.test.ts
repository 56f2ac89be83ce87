import { expect, test } from "bun:test";
import { fakeClock } from "../support/fake_clock.ts";
import {
	type FakeAnswer,
	startFakeEmbeddings,
} from "../support/fake_embeddings.ts";
import { ANNA, BEN, endpoint, openRig, STAYS, settled, until } from "./rig.ts";

const FACTS = [
	"Her automobile is blue.",
	"The physician is called Weiss.",
	"安娜喝绿茶。",
	"Rex is her puppy.",
	"The anniversary is in May.",
];

test("a fact is found by what it means, without a common word, and nothing else with it", async () => {
	await using far = await startFakeEmbeddings();
	await using rig = openRig();
	rig.memory.use(endpoint(far.url));
	await rig.know(FACTS);
	await settled(rig.memory);
	expect(await rig.find("Which vehicle?")).toEqual([FACTS[0] ?? ""]);
	expect(await rig.find("Wo ist der Arzt?")).toEqual([FACTS[1] ?? ""]);
	expect(await rig.find("beverage")).toEqual([FACTS[2] ?? ""]);
	expect(await rig.find("hund")).toEqual([FACTS[3] ?? ""]);
	expect(await rig.find("quantum physics")).toEqual([]);
	const all = await rig.memory.search("dog", {}, STAYS);
	expect(all).toMatchObject([{ ...ANNA, text: FACTS[3] }]);
	expect(await rig.memory.state()).toEqual({ facts: 5, waiting: 0 });
	expect(far.breaches).toEqual([]);
});

test("what matches by words and by meaning comes before what matches by one of them", async () => {
	await using far = await startFakeEmbeddings();
	await using rig = openRig();
	rig.memory.use(endpoint(far.url));
	await rig.know([
		"The garage door squeaks, and her aunt hates that noise.",
		"An automobile.",
		"The car is in the garage.",
		"Breakfast is at seven.",
	]);
	await settled(rig.memory);
	const found = await rig.memory.of(ANNA).search("garage car", 10, STAYS);
	expect(found.map(({ id }) => id)).toEqual([3, 1, 2]);
});

test("a fact without a common word must be nearly as near as the nearest one", async () => {
	await using far = await startFakeEmbeddings();
	await using rig = openRig();
	rig.memory.use(endpoint(far.url));
	const other = "Automobile magazines bore Otto.";
	await rig.know(["An automobile.", other]);
	await settled(rig.memory);
	expect(await rig.find("vehicle")).toEqual(["An automobile."]);
	await rig.memory.forget(1);
	expect(await rig.find("vehicle")).toEqual([other]);
});

test("among many facts a new one is found by its meaning at once, and a forgotten one no more", async () => {
	await using far = await startFakeEmbeddings();
	const clock = fakeClock();
	await using rig = openRig({ clock });
	rig.memory.use(endpoint(far.url));
	await rig.know([
		"An automobile.",
		...Array.from({ length: 320 }, (_, n) => `Sentence${n} word${n}`),
	]);
	await clock.advance(200);
	await settled(rig.memory);
	expect(await rig.find("vehicle")).toEqual(["An automobile."]);
	await rig.know(["A physician."]);
	await clock.advance(200);
	await settled(rig.memory);
	expect(await rig.find("doctor")).toEqual(["A physician."]);
	expect(await rig.memory.of(ANNA).forget(1)).toBe(true);
	expect(await rig.find("vehicle")).toEqual([]);
	expect(await rig.find("physician")).toEqual(["A physician."]);
	await until(() => clock.sleeping() === 1);
	rig.memory.use(undefined);
	await until(() => clock.sleeping() === 0);
});

test("until its vector is there, and without an endpoint, a fact is found by its words", async () => {
	await using far = await startFakeEmbeddings({
		script: () => ({ instead: "hang" }),
	});
	await using rig = openRig();
	rig.memory.use(endpoint(far.url));
	await rig.know(FACTS);
	expect(await rig.find("blue")).toEqual([FACTS[0] ?? ""]);
	expect(await rig.memory.state()).toEqual({ facts: 5, waiting: 5 });
	rig.memory.use(undefined);
	expect(await rig.find("puppy")).toEqual([FACTS[3] ?? ""]);
	expect(await rig.memory.state()).toEqual({ facts: 5, waiting: 0 });
});

test("the endpoint is asked once for the same question, and not at all for a user without facts", async () => {
	await using far = await startFakeEmbeddings();
	await using rig = openRig();
	rig.memory.use(endpoint(far.url));
	await rig.know(FACTS);
	await settled(rig.memory);
	const asked = far.requests.length;
	const questions = () =>
		far.requests.slice(asked).map(({ input }) => input[0]);
	await Promise.all([rig.find("puppy"), rig.find(" puppy"), rig.find("puppy")]);
	await rig.find("puppy", BEN);
	expect(await rig.find("", ANNA)).toEqual([]);
	expect(questions()).toEqual(["puppy"]);
	for (let n = 1; n <= 19; n++) await rig.find(`question ${n}`);
	await rig.find("puppy");
	expect(questions()).toHaveLength(20);
	await rig.find("question 20");
	await rig.find("question 1");
	expect(questions()).toHaveLength(22);
	const long = `${"word ".repeat(1_000)}`;
	await rig.find(long);
	expect(questions().at(-1)).toBe(long.slice(0, 2_000).trim());
});

test("an endpoint that fails is left alone after three questions, for a minute, then for longer", async () => {
	let isDown = false;
	await using far = await startFakeEmbeddings({
		script: () => (isDown ? { status: 500, body: "overloaded" } : undefined),
	});
	const clock = fakeClock();
	await using rig = openRig({ clock });
	rig.memory.use(endpoint(far.url));
	await rig.know(FACTS);
	await clock.advanceUntil(() => far.embedded.length === 5, 1_000);
	await until(async () => (await rig.memory.state()).waiting === 0);
	isDown = true;
	const before = far.requests.length;
	const asked = () => far.requests.length - before;
	let question = 0;
	const ask = () => rig.find(`Is the puppy number ${++question}?`);
	for (let n = 0; n < 10; n++) expect(await ask()).toEqual([FACTS[3] ?? ""]);
	expect(asked()).toBe(3);
	const { host } = new URL(far.url);
	expect(await rig.memory.state()).toEqual({
		facts: 5,
		waiting: 0,
		problem: `Facts are not found by their meaning: ${host} said 500: overloaded.`,
	});
	for (const [minutes, count] of [
		[1, 4],
		[2, 5],
		[4, 6],
		[8, 7],
		[16, 8],
		[30, 9],
		[30, 10],
	] as const) {
		await clock.advance(minutes * 60_000 - 1);
		await ask();
		expect(asked()).toBe(count - 1);
		await clock.advance(1);
		await ask();
		await ask();
		expect(asked()).toBe(count);
	}
	await clock.advance(30 * 60_000);
	expect(await rig.find("hund")).toEqual([]);
	isDown = false;
	await clock.advance(30 * 60_000);
	expect(await rig.find("hund")).toEqual([FACTS[3] ?? ""]);
	expect(await rig.memory.state()).toEqual({ facts: 5, waiting: 0 });
	isDown = true;
	await ask();
	await ask();
	isDown = false;
	expect(await rig.find("vehicle")).toEqual([FACTS[0] ?? ""]);
});

test("an endpoint that hangs, breaks off or answers nonsense costs a search its deadline at most", async () => {
	const answers: FakeAnswer[] = [
		{ instead: "reset" },
		{ body: '{"data":[{"embedding":[1,2]}]}' },
		{ instead: "hang" },
	];
	await using far = await startFakeEmbeddings({
		script: (_, n) => answers[n - 1],
	});
	await using rig = openRig();
	rig.memory.use(endpoint(far.url));
	await rig.know(FACTS);
	await settled(rig.memory);
	const { host } = new URL(far.url);
	for (const problem of [
		`${host} cannot be reached: the connection broke`,
		`${host} answered with a vector of 2 numbers where 384 are expected`,
		`${host} did not answer within 1.2 s`,
	]) {
		const start = performance.now();
		expect(await rig.find(`puppy ${problem}`)).toEqual([FACTS[3] ?? ""]);
		expect(performance.now() - start).toBeLessThan(2_000);
		expect((await rig.memory.state()).problem).toBe(
			`Facts are not found by their meaning: ${problem}.`,
		);
	}
});

test("a search whose time is over gives what it has; what the endpoint says later serves the next one", async () => {
	const { promise: later, resolve: answer } = Promise.withResolvers<void>();
	await using far = await startFakeEmbeddings({
		script: (_, n) => (n === 0 ? undefined : { after: later }),
	});
	await using rig = openRig();
	rig.memory.use(endpoint(far.url));
	await rig.know(FACTS);
	await settled(rig.memory);
	const timeout = AbortSignal.timeout(20);
	const search = (signal: AbortSignal) =>
		rig.memory.of(ANNA).search("Her vehicle and Weiss", 10, signal);
	const both = [FACTS[1], FACTS[0]];
	const texts = async (signal: AbortSignal) =>
		(await search(signal)).map(({ text }) => text);
	expect(await texts(timeout)).toEqual([FACTS[1] ?? ""]);
	expect(await texts(timeout)).toEqual([FACTS[1] ?? ""]);
	answer();
	expect(await texts(STAYS)).toEqual(both.map(String));
	expect(far.requests).toHaveLength(2);
});

test("a search that is stopped throws why, before, during and whatever the endpoint does", async () => {
	await using far = await startFakeEmbeddings({
		script: (_, n) => (n === 0 ? undefined : { instead: "hang" }),
	});
	await using rig = openRig();
	rig.memory.use(endpoint(far.url));
	await rig.know(FACTS);
	await settled(rig.memory);
	const reason = new Error("stopped");
	const search = (signal: AbortSignal) =>
		rig.memory
			.of(ANNA)
			.search("puppy", 10, signal)
			.catch((error) => error);
	expect(await search(AbortSignal.abort(reason))).toBe(reason);
	expect(far.requests).toHaveLength(1);
	const controller = new AbortController();
	const work = search(controller.signal);
	await until(() => far.requests.length === 2);
	controller.abort(reason);
	expect(await work).toBe(reason);
});

test("an endpoint that asks to be left alone is asked nothing before, also for a question", async () => {
	let answer: FakeAnswer | undefined;
	await using far = await startFakeEmbeddings({ script: () => answer });
	const clock = fakeClock();
	await using rig = openRig({ clock });
	rig.memory.use(endpoint(far.url));
	await rig.know(FACTS);
	await clock.advanceUntil(() => far.embedded.length === 5, 1_000);
	await settled(rig.memory);
	answer = { status: 429, headers: { "retry-after": "300" } };
	for (let n = 0; n < 5; n++)
		expect(await rig.find(`puppy ${n}`)).toEqual([FACTS[3] ?? ""]);
	expect(far.requests).toHaveLength(2);
	answer = undefined;
	await clock.advance(299_000);
	expect(await rig.find("hund")).toEqual([]);
	await clock.advance(1_000);
	expect(await rig.find("hund")).toEqual([FACTS[3] ?? ""]);
	expect(far.requests).toHaveLength(3);
});

test("nobody finds by its meaning what another one said", async () => {
	await using far = await startFakeEmbeddings();
	await using rig = openRig();
	rig.memory.use(endpoint(far.url));
	await rig.know(["The automobile is hidden in Rome."], ANNA);
	await rig.know(["The automobile is hidden in Oslo."], BEN);
	await settled(rig.memory);
	for (let n = 0; n < 100; n++) {
		const question = `Where is the vehicle, ${n % 10}?`;
		const [anna, ben] = await Promise.all([
			rig.find(question, ANNA),
			rig.find(question, BEN),
		]);
		expect(anna).toEqual(["The automobile is hidden in Rome."]);
		expect(ben).toEqual(["The automobile is hidden in Oslo."]);
	}
});

test("another endpoint takes over at once, and closing ends what is under way", async () => {
	await using slow = await startFakeEmbeddings({
		script: () => ({ instead: "hang" }),
	});
	await using far = await startFakeEmbeddings();
	await using rig = openRig();
	rig.memory.use(endpoint(slow.url));
	await rig.know(FACTS);
	await until(() => slow.open() === 1);
	rig.memory.use(endpoint(far.url));
	await until(() => slow.open() === 0);
	await rig.know(["Her house is white."]);
	await settled(rig.memory);
	expect(await rig.find("vehicle")).toEqual([FACTS[0] ?? ""]);
	rig.memory.use(endpoint(slow.url));
	await rig.know(["Her home is her castle."]);
	await until(() => slow.open() === 1);
	const start = performance.now();
	await rig.memory.close();
	expect(performance.now() - start).toBeLessThan(1_000);
	await until(() => slow.open() === 0);
	await expect(rig.find("vehicle")).rejects.toMatchObject({
		code: "storage_failed",
		message: "The memory is closed",
	});
});
