import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
	appendFileSync,
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	statSync,
	truncateSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { file, sqlite } from "../../src/storage/registry.ts";
import type { SessionStore } from "../../src/storage/store.ts";
import { digestOf } from "../../src/storage/transfer_digest.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/home.ts";
import { randomFrom } from "../support/random.ts";
import { waiting } from "./inbox_contract.ts";
import { all, say, user } from "./store_contract.ts";
import { Chance, given, randomStore } from "./transfer_contract.ts";

const KEY = "agent:main:cli:local";
const NAME = "agent%3amain%3acli%3alocal.jsonl";
const NOW = 1_760_000_000_000;
const ROUNDS = 20;
/** What is copied grows with each, as fast as a process can write. */
const WRITING_ROUNDS = 8;

let folder: TemporaryFolder;
let place: (name: string) => string;

beforeEach(() => {
	folder = temporaryFolder();
	place = (name) => join(folder.path, "state", name);
});

afterEach(() => folder[Symbol.dispose]());

const KINDS = {
	sqlite: {
		open: (at: string) => sqlite.open({ sessions_db: at }),
		copy: (at: string, target: string) =>
			sqlite.copy({ sessions_db: at }, target),
		verify: sqlite.verify,
		dump: (at: string) => sqlite.dump({ sessions_db: at }),
		load: (at: string, entries: ReturnType<typeof given>) =>
			sqlite.load({ sessions_db: at }, entries),
	},
	file: {
		open: (at: string) => file.open({ directory: at }),
		copy: (at: string, target: string) => file.copy({ directory: at }, target),
		verify: file.verify,
		dump: (at: string) => file.dump({ directory: at }),
		load: (at: string, entries: ReturnType<typeof given>) =>
			file.load({ directory: at }, entries),
	},
};

for (const [name, kind] of Object.entries(KINDS))
	describe(`a copy of the ${name} store`, () => {
		test("has everything in it and can take the store's place", async () => {
			for (let seed = 0; seed < 10; seed++) {
				const [old, copy] = [place(`old ${seed}`), place(`copy ${seed}`)];
				const entries = randomStore(new Chance(randomFrom(seed)));
				await kind.load(old, given(entries));
				await kind.copy(old, copy);
				await kind.verify(copy);
				expect(await digestOf(kind.dump(copy))).toEqual(
					await digestOf(given(entries)),
				);
				const store = await kind.open(copy);
				await say(store, KEY, "goes on");
				await store.close();
			}
		});

		test("is made of an open store, and of one that is not there yet", async () => {
			await kind.copy(place("none"), place("empty"));
			expect(existsSync(place("none"))).toBe(false);
			await kind.verify(place("empty"));
			const empty = await kind.open(place("empty"));
			expect(await empty.listSessions()).toEqual([]);
			await empty.close();

			const store = await kind.open(place("old"));
			const saved = await say(store, KEY, "one", "two");
			await kind.copy(place("old"), place("copy"));
			await say(store, KEY, "three");
			const copy = await kind.open(place("copy"));
			expect(await all(copy, KEY)).toStrictEqual(saved);
			await copy.close();
			await store.close();
		});

		test("is its owner's alone, and never written over another one", async () => {
			const store = await kind.open(place("old"));
			await say(store, KEY, "one");
			await store.acceptMessage(waiting("r1", "m1"));
			await kind.copy(place("old"), place("copy"));
			const mode = (path: string) => statSync(path).mode & 0o777;
			if (statSync(place("copy")).isDirectory()) {
				expect(mode(place("copy"))).toBe(0o700);
				const names = readdirSync(place("copy"));
				expect(names.sort()).toEqual([NAME, "inbox.log"]);
				for (const one of names)
					expect(mode(join(place("copy"), one))).toBe(0o600);
			} else expect(mode(place("copy"))).toBe(0o600);
			await say(store, KEY, "two");
			await expect(
				kind.copy(place("old"), place("copy")),
			).rejects.toMatchObject({ code: "storage_failed" });
			const copy = await kind.open(place("copy"));
			expect(await all(copy, KEY)).toHaveLength(1);
			await copy.close();
			await store.close();
		});

		test("has every message that was acknowledged before it was begun, while another process writes and resets", async () => {
			const old = place("old");
			let next = 0;
			for (let round = 0; round < WRITING_ROUNDS; round++) {
				await using writer = startWriter(name, old, next);
				await writer.reaches(next + 10 + round);
				const acknowledged = writer.last();
				await kind.copy(old, place(`copy ${round}`));
				await writer.reaches(writer.last() + 1);
				next = (await writer.kill()) + 1;
				await kind.verify(place(`copy ${round}`));
				const store = await kind.open(place(`copy ${round}`));
				const numbers = await numbersOf(store);
				await store.close();
				// Of what came meanwhile some may be in it, too; and what was reset in that very moment may wait in it as well.
				const different = [...new Set(numbers)];
				expect(numbers.length - different.length).toBeLessThan(3);
				expect(different.filter((number) => number <= acknowledged)).toEqual(
					Array.from({ length: acknowledged + 1 }, (_, index) => index),
				);
			}
		}, 120_000);
	});

test("sessions that are reset while their folder is copied lose nothing, and deleted ones nothing but themselves", async () => {
	const keys = Array.from({ length: 30 }, (_, i) => `agent:main:cli:${i}`);
	for (let round = 0; round < ROUNDS; round++) {
		const directory = place(`old ${round}`);
		const store = await file.open({ directory });
		for (const key of keys) await say(store, key, `${key} here`);
		const before = await textsIn(store);
		let isCopied = false;
		const copying = file
			.copy({ directory }, place(`copy ${round}`))
			.finally(() => {
				isCopied = true;
			});
		const chance = new Chance(randomFrom(round));
		const deleted = new Set<string>();
		for (let number = 0; !isCopied; number++) {
			// Copying has its turns, too, whatever the disk is like.
			await new Promise((resolve) => setImmediate(resolve));
			if (number > 100) continue;
			const key = chance.of(keys);
			if (round % 2 === 0 || chance.is(0.8))
				await store.resetSession(key, round);
			else if (await store.deleteSession(key)) deleted.add(key);
			if (chance.is()) await say(store, key, `${key} later ${number}`);
		}
		await copying;
		await file.verify(place(`copy ${round}`));
		const copy = await file.open({ directory: place(`copy ${round}`) });
		const texts = await textsIn(copy);
		expect(texts).toEqual([...new Set(texts)]);
		const keysOfLost = before
			.filter((text) => !texts.includes(text))
			.map((text) => text.split(" ")[0] ?? "");
		expect(keysOfLost.filter((key) => !deleted.has(key))).toEqual([]);
	}
}, 120_000);

test("messages that are taken and answered while the folder is copied are in their sessions or still wait", async () => {
	const keys = Array.from({ length: 60 }, (_, i) => `agent:main:cli:${i}`);
	for (let round = 0; round < 8; round++) {
		const directory = place(`old ${round}`);
		const store = await file.open({ directory });
		for (const key of keys) await say(store, key, `${key} here`);
		const runs = Array.from({ length: 120 }, (_, number) => `run ${number}`);
		const keyOf = (number: number) => keys[number % keys.length] ?? "";
		for (const [number, runId] of runs.entries())
			await store.acceptMessage({
				...waiting(runId, runId),
				sessionKey: keyOf(number),
			});
		let isCopied = false;
		const copying = file
			.copy({ directory }, place(`copy ${round}`))
			.finally(() => {
				isCopied = true;
			});
		for (const [number, runId] of runs.entries()) {
			if (isCopied) break;
			if (number % 40 === round) await store.resetSession(keyOf(number), NOW);
			await store.saveMessage(keyOf(number), user(runId), NOW, [runId]);
			await store.finishMessages([runId]);
		}
		await copying;
		const copy = await file.open({ directory: place(`copy ${round}`) });
		const untaken = (await copy.waitingMessages()).filter(
			({ takenBy }) => takenBy === undefined,
		);
		const found = [
			...(await textsIn(copy)).filter((text) => text.startsWith("run")),
			...untaken.map(({ runId }) => runId),
		];
		expect(found.sort()).toEqual(runs.toSorted());
	}
}, 60_000);

test("a file is copied up to its last whole line", async () => {
	const directory = place("old");
	const store = await file.open({ directory });
	await say(store, KEY, "one", "x".repeat(600_000));
	const whole = readFileSync(join(directory, NAME));
	appendFileSync(
		join(directory, NAME),
		`{"role":"user","content":"${"y".repeat(600_000)}`,
	);
	await file.copy({ directory }, place("copy"));
	expect(readFileSync(join(place("copy"), NAME)).equals(whole)).toBe(true);
});

test("what is no session's file is not copied", async () => {
	const directory = place("old");
	const store = await file.open({ directory });
	await say(store, KEY, "one");
	for (const name of ["notes.jsonl", "letter.txt", `copy of ${NAME}`])
		writeFileSync(
			join(directory, name),
			name === "notes.jsonl" ? "dear" : readFileSync(join(directory, NAME)),
		);
	writeFileSync(
		join(directory, "agent%3amain%3acli%3ab.jsonl"),
		'{"session_key":"agent:main:cli:b","agent',
	);
	await file.copy({ directory }, place("copy"));
	expect(readdirSync(place("copy"))).toEqual([NAME]);
	await file.verify(place("copy"));
});

test("what a kill has torn is no damage", async () => {
	const directory = place("copy");
	const store = await file.open({ directory });
	await say(store, KEY, "one");
	await store.acceptMessage(waiting("r1", "m1"));
	for (const text of ["two", "three"]) {
		appendFileSync(join(directory, NAME), '{"role":"user","content":"to');
		appendFileSync(join(directory, "inbox.log"), '{"run_id":"to');
		await file.verify(directory);
		await say(store, KEY, text);
		await store.acceptMessage(waiting(text, text));
		await file.verify(directory);
	}
});

test.each([
	[
		"has no header",
		(at: string) => writeFileSync(join(at, NAME), '{"role":"user"}\n'),
	],
	["has no header", (at: string) => truncateSync(join(at, NAME), 0)],
	[
		"holds another session: agent:main:cli:other",
		(at: string) => spoil(join(at, NAME), KEY, "agent:main:cli:other"),
	],
])("a copy that %s is not trusted", async (why, harm) => {
	const directory = place("copy");
	const store = await file.open({ directory });
	await say(store, KEY, "one", "two", "three");
	await store.acceptMessage(waiting("r1", "m1"));
	await file.verify(directory);
	harm(directory);
	await expect(file.verify(directory)).rejects.toMatchObject({
		code: "storage_failed",
		message: expect.stringContaining(why),
	});
});

test("a line that was rotten before it was copied keeps nobody from the rest", async () => {
	const directory = place("copy");
	const store = await file.open({ directory });
	await say(store, KEY, "one", "two", "three");
	await store.acceptMessage(waiting("r1", "m1"));
	spoil(join(directory, NAME), '"role":', '"ro\0e":x');
	spoil(join(directory, "inbox.log"), '{"run_id"', "\0\0\0");
	await file.verify(directory);
	const left = await (await file.open({ directory })).getHistory(KEY, 9);
	expect(left.map(({ content }) => content)).toEqual(["two", "three"]);
});

test("a copy that a newer Aeon made is refused", async () => {
	mkdirSync(place("copy"), { recursive: true });
	writeFileSync(join(place("copy"), "inbox.log"), '{"something":"new"}\n');
	await expect(file.verify(place("copy"))).rejects.toMatchObject({
		code: "conflict",
	});
});

test("there is no copy where there was nothing, and none of a damaged database", async () => {
	for (const kind of Object.values(KINDS))
		await expect(kind.verify(place("none"))).rejects.toMatchObject({
			code: "storage_failed",
		});
	mkdirSync(place(""), { recursive: true });
	writeFileSync(place("old"), "this is no database, however long it may be");
	await expect(
		sqlite.copy({ sessions_db: place("old") }, place("copy")),
	).rejects.toMatchObject({ code: "storage_failed" });
	expect(existsSync(place("copy"))).toBe(false);
});

/** The numbers of all messages: of those in the sessions, and of those that wait to get there. */
async function numbersOf(store: SessionStore): Promise<number[]> {
	const untaken = (await store.waitingMessages())
		.filter(({ takenBy }) => takenBy === undefined)
		.map(({ text }) => text);
	return [...(await textsIn(store)), ...untaken]
		.map((text) => {
			const number = Number.parseInt(text, 10);
			if (text !== `${number} ${"x".repeat(number % 2000)}`)
				throw new Error(`message ${number} is torn`);
			return number;
		})
		.sort((a, b) => a - b);
}

async function textsIn(store: SessionStore): Promise<string[]> {
	const texts: string[] = [];
	for (const { sessionKey } of await store.listSessions())
		for (const { content } of await all(store, sessionKey)) texts.push(content);
	return texts.sort();
}

function startWriter(driver: string, path: string, first: number) {
	const child = Bun.spawn(
		[
			process.execPath,
			join(import.meta.dir, "copy_writer.ts"),
			driver,
			path,
			`${first}`,
		],
		{ stdout: "pipe", stderr: "inherit" },
	);
	let last = first - 1;
	let tell = () => {};
	const reading = (async () => {
		let rest = "";
		for await (const chunk of child.stdout) {
			const lines = (rest + new TextDecoder().decode(chunk)).split("\n");
			rest = lines.pop() ?? "";
			last = Number(lines.at(-1) ?? last);
			tell();
		}
	})();
	const kill = async () => {
		child.kill("SIGKILL");
		await reading;
		await child.exited;
		return last;
	};
	return {
		/** The last number that was acknowledged. */
		last: () => last,
		async reaches(number: number) {
			while (last < number)
				await new Promise<void>((told) => {
					tell = told;
				});
		},
		kill,
		[Symbol.asyncDispose]: async () => void (await kill()),
	};
}

function spoil(path: string, what: string, by: string): void {
	writeFileSync(path, readFileSync(path, "utf8").replace(what, by));
}
