import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fakeClock } from "../support/fake_clock.ts";
import {
	type FakeAnswer,
	startFakeEmbeddings,
} from "../support/fake_embeddings.ts";
import {
	ANNA,
	BEN,
	endpoint,
	openRig,
	type Rig,
	settled,
	until,
} from "./rig.ts";

const numbered = (count: number) =>
	Array.from({ length: count }, (_, n) => `Fact number ${n}`);

/** What is in a table, as the database has it. */
function rows(path: string, sql: string): unknown[] {
	const database = new Database(path, { readonly: true });
	try {
		return database.query(sql).all();
	} finally {
		database.close();
	}
}

const embeddedFacts = (path: string) =>
	rows(
		path,
		"SELECT facts.id, length(vector) AS bytes, name FROM facts LEFT JOIN vectors ON fact_id = facts.id LEFT JOIN models ON models.id = model ORDER BY facts.id",
	);

test("facts are embedded in batches, one request after the other, each of them once", async () => {
	let most = 0;
	await using far = await startFakeEmbeddings({
		script: () => {
			most = Math.max(most, far.open());
			return undefined;
		},
	});
	const clock = fakeClock();
	await using rig = openRig({ clock });
	rig.memory.use(endpoint(far.url));
	await rig.know(numbered(70), ANNA);
	await rig.know(numbered(30), BEN);
	await rig.know(numbered(100), ANNA);
	expect(far.requests).toEqual([]);
	expect(clock.sleeping()).toBe(1);
	await clock.advance(200);
	await settled(rig.memory);
	expect(far.requests.map(({ input }) => input.length)).toEqual([
		32, 32, 32, 32, 2,
	]);
	expect(most).toBe(1);
	expect(far.embedded.toSorted()).toEqual(
		[...numbered(100), ...numbered(30)].sort(),
	);
	expect(far.breaches).toEqual([]);
	expect(embeddedFacts(rig.path)).toEqual(
		Array.from({ length: 130 }, (_, at) => ({
			id: at + 1,
			bytes: 384 * 4,
			name: `${far.url}/embeddings|small|`,
		})),
	);
	expect(clock.sleeping()).toBe(0);
	await rig.reopen();
	rig.memory.use(endpoint(far.url));
	await clock.advance(3_600_000);
	expect(far.requests).toHaveLength(5);
	expect(clock.sleeping()).toBe(0);
});

test("what was there before the endpoint is embedded five seconds later; without facts nothing ever runs", async () => {
	await using far = await startFakeEmbeddings();
	const clock = fakeClock();
	await using rig = openRig({ clock });
	rig.memory.use(endpoint(far.url));
	expect(clock.sleeping()).toBe(0);
	rig.memory.use(undefined);
	await rig.know(numbered(3));
	expect(clock.sleeping()).toBe(0);
	rig.memory.use(endpoint(far.url));
	expect(clock.sleeping()).toBe(1);
	rig.memory.use(undefined);
	await until(() => clock.sleeping() === 0);
	rig.memory.use(endpoint(far.url));
	await clock.advance(4_999);
	expect(far.requests).toEqual([]);
	await clock.advance(1);
	await settled(rig.memory);
	expect(far.embedded.toSorted()).toEqual(numbered(3));
	rig.memory.use(endpoint(far.url, { model: "large" }));
	await clock.advance(1_000);
	await rig.know(["One more"]);
	await clock.advance(199);
	expect(far.requests).toHaveLength(1);
	await clock.advance(1);
	await settled(rig.memory);
	expect(far.embedded).toHaveLength(7);
	expect(clock.sleeping()).toBe(0);
});

test("an endpoint that is down from the start is tried ever more rarely, and everything is embedded when it is there", async () => {
	let isDown = true;
	await using far = await startFakeEmbeddings({
		script: () => (isDown ? { status: 503, body: "loading model" } : undefined),
	});
	const clock = fakeClock(undefined, () => far.open() === 0);
	await using rig = openRig({ clock });
	rig.memory.use(endpoint(far.url));
	await rig.know(numbered(40));
	await clock.advance(200);
	await until(() => clock.sleeping() === 1);
	expect(far.requests).toHaveLength(1);
	const { host } = new URL(far.url);
	expect(await rig.memory.state()).toEqual({
		facts: 40,
		waiting: 40,
		problem: `Facts are not found by their meaning: ${host} said 503: loading model.`,
	});
	let count = 1;
	for (const seconds of [5, 10, 20, 40, 80, 160, 320, 640, 1280, 1800, 1800]) {
		await clock.advance(seconds * 1_000 - 1);
		await rig.know([`Fact between ${seconds}`]);
		expect(far.requests).toHaveLength(count);
		await clock.advance(1);
		count++;
		await until(() => far.requests.length === count && clock.sleeping() === 1);
	}
	isDown = false;
	await clock.advance(1_800_000);
	await settled(rig.memory);
	expect(far.embedded).toHaveLength(50);
	expect(await rig.memory.state()).toEqual({ facts: 50, waiting: 0 });
	isDown = true;
	await rig.know(["Another one"]);
	await clock.advance(200);
	await until(() => clock.sleeping() === 1);
	isDown = false;
	await clock.advance(5_000);
	await settled(rig.memory);
});

test("nobody at the endpoint is a problem that has words, and no fault of a search", async () => {
	const clock = fakeClock();
	await using rig = openRig({ clock });
	rig.memory.use(endpoint("http://127.0.0.1:1"));
	await rig.know(["Anna likes tea.", "Anna likes cake."]);
	await clock.advance(200);
	await until(() => clock.sleeping() === 1);
	expect(await rig.memory.state()).toEqual({
		facts: 2,
		waiting: 2,
		problem:
			"Facts are not found by their meaning: 127.0.0.1:1 cannot be reached: connection refused.",
	});
	expect(await rig.find("cake")).toEqual(["Anna likes cake."]);
	expect(rig.log.map(([event]) => event)).toEqual(["memory.embedding_failed"]);
});

test("failures between batches lose nothing and repeat nothing, and Retry-After is obeyed", async () => {
	const answers: (FakeAnswer | undefined)[] = [
		undefined,
		{ instead: "reset" },
		{ status: 429, headers: { "retry-after": "77" } },
		{ body: '{"data":[]}' },
		{ body: '{"data":[]}' },
		{ body: '{"data":[]}' },
		undefined,
		{ status: 401 },
	];
	await using far = await startFakeEmbeddings({ script: (_, n) => answers[n] });
	const clock = fakeClock(undefined, () => far.open() === 0);
	await using rig = openRig({ clock });
	rig.memory.use(endpoint(far.url));
	await rig.know(numbered(100));
	await clock.advance(200);
	await until(() => far.requests.length === 2 && clock.sleeping() === 1);
	await clock.advance(5_000);
	await until(() => far.requests.length === 3 && clock.sleeping() === 1);
	await clock.advance(76_999);
	expect(far.requests).toHaveLength(3);
	await clock.advance(1);
	await until(() => far.requests.length === 6 && clock.sleeping() === 1);
	await clock.advance(20_000);
	await until(() => far.requests.length === 8 && clock.sleeping() === 1);
	await clock.advance(4_999);
	expect(far.requests).toHaveLength(8);
	await clock.advance(1);
	await settled(rig.memory);
	expect(far.embedded.toSorted()).toEqual(numbered(100).sort());
	expect(far.breaches).toEqual([]);
});

test("a kill in the middle of it repeats nothing that was embedded", async () => {
	await using far = await startFakeEmbeddings({
		script: (_, n) => (n === 2 ? { instead: "hang" } : undefined),
	});
	await using rig = openRig();
	mkdirSync(dirname(rig.path), { recursive: true });
	const child = Bun.spawn(
		[process.execPath, join(import.meta.dir, "keeper.ts"), rig.path, far.url],
		{ stdout: "pipe", stderr: "inherit" },
	);
	await until(() => far.requests.length === 3);
	child.kill("SIGKILL");
	await child.exited;
	expect(far.embedded).toHaveLength(64);
	expect((await rig.memory.state()).facts).toBe(101);
	rig.memory.use(endpoint(far.url));
	await rig.know(["What begins it"]);
	await settled(rig.memory);
	expect(far.embedded.toSorted()).toEqual(
		[...numbered(100), "The last fact", "What begins it"].sort(),
	);
	const wal = rows(rig.path, "PRAGMA integrity_check");
	expect(wal).toEqual([{ integrity_check: "ok" }]);
}, 30_000);

test("another model embeds everything anew; what it has not seen yet is compared with nothing", async () => {
	const { promise: later, resolve: answer } = Promise.withResolvers<void>();
	await using far = await startFakeEmbeddings({
		script({ model, input }) {
			if (model === "small") return undefined;
			if (input.includes("Fact number 7")) return { status: 400 };
			return input.length > 8 ? { after: later } : undefined;
		},
	});
	await using rig = openRig();
	rig.memory.use(endpoint(far.url));
	await rig.know([...numbered(39), "Rex is her puppy."]);
	await settled(rig.memory);
	expect(await rig.find("hund")).toEqual(["Rex is her puppy."]);
	const large = endpoint(far.url, {
		model: "large",
		dimensions: 400,
		send_dimensions: true,
	});
	rig.memory.use(large);
	await rig.know(["Bello is her hound."]);
	await until(() => far.requests.at(-1)?.input.length === 32);
	await until(() => far.open() === 1);
	expect(await rig.find("hund")).toEqual([]);
	expect((await rig.memory.state()).waiting).toBe(41);
	answer();
	await settled(rig.memory);
	expect((await rig.find("hund")).toSorted()).toEqual([
		"Bello is her hound.",
		"Rex is her puppy.",
	]);
	await until(() => rows(rig.path, "SELECT * FROM models").length === 1);
	expect(rows(rig.path, "SELECT name, dimensions FROM models")).toEqual([
		{ name: `${far.url}/embeddings|large|400`, dimensions: 400 },
	]);
	const perModel = (table: string) =>
		rows(rig.path, `SELECT count(*) AS n FROM ${table} GROUP BY model`);
	expect(perModel("vectors")).toEqual([{ n: 40 }]);
	expect(perModel("signatures")).toEqual([{ n: 41 }]);
	const times = (text: string) =>
		far.embedded.filter((one) => one === text).length;
	expect([times("Fact number 6"), times("Fact number 7")]).toEqual([2, 1]);
});

for (const status of [400, 413, 422, 500])
	test(`a text that is too long for the model, which says ${status}, keeps no other one waiting`, async () => {
		await using far = await startFakeEmbeddings({
			maxLength: 100,
			tooLongStatus: status,
		});
		await using rig = openRig();
		rig.memory.use(endpoint(far.url));
		const long = `A very long story ${"and so on ".repeat(20)}`;
		await rig.know([...numbered(5), long.trim(), "Rex is her puppy."]);
		await settled(rig.memory);
		expect(await rig.find("hund")).toEqual(["Rex is her puppy."]);
		expect(await rig.find("very long story")).toEqual([long.trim()]);
		expect(await rig.memory.state()).toEqual({ facts: 7, waiting: 0 });
		expect(far.embedded.filter((text) => text !== "hello")).toHaveLength(8);
		const asked = far.requests.length;
		await rig.know(["The next one"]);
		await settled(rig.memory);
		expect(far.requests.slice(asked).map(({ input }) => input)).toEqual([
			["The next one"],
		]);
		const askedFor = () =>
			far.requests.filter(({ input }) => input.includes(long.trim())).length;
		expect(askedFor()).toBe(2);
		rig.memory.use(endpoint(far.url, { model: "large" }));
		await rig.know(["The last one"]);
		await settled(rig.memory);
		expect(askedFor()).toBe(4);
	});

test("an endpoint that refuses everything makes no fact unfit: it is asked again", async () => {
	let refuses = true;
	await using far = await startFakeEmbeddings({
		script: () =>
			refuses ? { status: 400, body: '{"error":"no such model"}' } : undefined,
	});
	const clock = fakeClock(undefined, () => far.open() === 0);
	await using rig = openRig({ clock });
	rig.memory.use(endpoint(far.url));
	await rig.know(numbered(5));
	await clock.advance(200);
	await until(() => clock.sleeping() === 1);
	const { host } = new URL(far.url);
	expect(await rig.memory.state()).toEqual({
		facts: 5,
		waiting: 5,
		problem: `Facts are not found by their meaning: ${host} said 400: no such model.`,
	});
	expect(far.requests.map(({ input }) => input.length)).toEqual([5, 1, 1]);
	refuses = false;
	await clock.advance(5_000);
	await settled(rig.memory);
	expect(far.embedded.toSorted()).toEqual(numbered(5));
});

test("a fact that is forgotten while it is being embedded leaves nothing behind", async () => {
	const { promise: later, resolve: answer } = Promise.withResolvers<void>();
	await using far = await startFakeEmbeddings({
		script: () => ({ after: later }),
	});
	await using rig = openRig();
	rig.memory.use(endpoint(far.url));
	await rig.know(numbered(3));
	await until(() => far.open() === 1);
	expect(await rig.memory.of(ANNA).forget(2)).toBe(true);
	answer();
	await settled(rig.memory);
	const left = (table: string, id = "fact_id") =>
		rows(rig.path, `SELECT ${id} AS id FROM ${table} ORDER BY 1`);
	const others = [{ id: 1 }, { id: 3 }];
	expect(left("vectors")).toEqual(others);
	expect(left("signatures")).toEqual(others);
	expect(await rig.memory.forget(1)).toBe(true);
	expect(left("facts", "id")).toEqual([{ id: 3 }]);
	expect(left("vectors")).toEqual([{ id: 3 }]);
	expect(left("signatures")).toEqual([{ id: 3 }]);
	expect(left("fact_words", "rowid")).toEqual([{ id: 3 }]);
});

test("what is said of the endpoint in the log has no text of anybody in it", async () => {
	await using far = await startFakeEmbeddings({ maxLength: 30 });
	await using rig: Rig = openRig();
	rig.memory.use(endpoint(far.url));
	await rig.know(["A secret", `A secret ${"that is long ".repeat(9)}`]);
	await settled(rig.memory);
	await until(() => rig.log.length === 2);
	expect(rig.log.map(([event]) => event)).toEqual([
		"memory.not_embeddable",
		"memory.embedded",
	]);
	expect(JSON.stringify(rig.log)).not.toContain("secret");
});
