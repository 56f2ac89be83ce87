// Pulling the plug: the binary is killed at random moments, and nothing that was stored is lost.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { join } from "node:path";
import { binary } from "../support/binary.ts";
import { start } from "../support/command.ts";
import { startFakeLlm } from "../support/fake_llm.ts";
import { temporaryHome } from "../support/home.ts";
import { randomFrom } from "../support/random.ts";

const TURNS = 200;
const LINES_PER_RUN = 10;

/** Every message of a database, as `id role content`, after SQLite has found it sound. */
function readMessages(path: string): string[] {
	using database = new Database(path, { readwrite: true });
	const [check] = database
		.query<{ integrity_check: string }, []>("PRAGMA integrity_check")
		.all();
	expect(check?.integrity_check).toBe("ok");
	// A kill may have come before there was anything in the file.
	const tables = database.query(
		"SELECT 1 FROM sqlite_schema WHERE name = 'messages'",
	);
	if (tables.all().length === 0) return [];
	return database
		.query<{ line: string }, []>(
			"SELECT id || ' ' || role || ' ' || content AS line FROM messages ORDER BY id",
		)
		.all()
		.map(({ line }) => line);
}

test(`kill -9 at random moments over ${TURNS} turns: the database is sound, no stored message is lost, every request keeps the rules`, async () => {
	const seed = Date.now() % 1_000_000;
	const random = randomFrom(seed);
	const llm = await startFakeLlm({
		api: "anthropic",
		script: (_request, n) =>
			n % 3 === 0
				? {
						text: "Let me look.",
						toolCalls: [
							{
								id: `toolu_${n}`,
								name: "exec",
								input: { command: `echo ${n}` },
							},
							{
								id: `toolu_${n}b`,
								name: "file_write",
								input: { path: "n.txt", content: `${n}` },
							},
						],
					}
				: { text: [`Answer `, `${n}`] },
	});
	using home = temporaryHome({
		agents: {
			main: {
				provider: "anthropic",
				model: "fake-1",
				api_key: "k",
				base_url: llm.url,
			},
		},
		tools: { exec: { approval: "allow" } },
	});
	const database = join(home.path, ".aeon", "sessions.db");
	const aeon = await binary("linux-x64");
	let stored: string[] = [];
	let kills = 0;
	for (let turn = 0; turn < TURNS; turn += LINES_PER_RUN) {
		const input = Array.from(
			{ length: LINES_PER_RUN },
			(_, n) => `message ${turn + n}\n`,
		).join("");
		// Until all lines are answered: what a kill has cut is said again, as a person would.
		for (let rest = input; rest !== ""; ) {
			const child = start(["chat"], {
				home: home.path,
				binary: aeon,
				input: rest,
			});
			const out = child.stdout.text();
			const timer = setTimeout(
				() => child.kill("SIGKILL"),
				25 + random() * 100,
			);
			await child.exited;
			clearTimeout(timer);
			if (child.signalCode === "SIGKILL") kills++;
			const answers = (await out).match(/Answer \d+/g) ?? [];
			const now = (await Bun.file(database).exists())
				? readMessages(database)
				: [];
			expect({ seed, kept: now.slice(0, stored.length) }).toEqual({
				seed,
				kept: stored,
			});
			for (const answer of answers.slice(0, -1))
				expect(now.some((line) => line.endsWith(` assistant ${answer}`))).toBe(
					true,
				);
			stored = now;
			rest = rest.split("\n").slice(answers.length).join("\n");
			if (child.exitCode === 0) break;
		}
	}
	llm.stop();
	expect(llm.breaches).toEqual([]);
	expect(kills).toBeGreaterThan(20);
	expect(
		stored.filter((line) => line.includes(" user message ")).length,
	).toBeGreaterThanOrEqual(TURNS);
}, 120_000);
