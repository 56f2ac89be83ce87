// What every store must find of what was said, and for whom; store.test.ts runs it with each driver.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Message } from "../../src/core/message.ts";
import type { MessageQuery, SessionStore } from "../../src/storage/store.ts";
import { NAUGHTY_TEXTS, type OpenStore, say, user } from "./store_contract.ts";
import { summary } from "./summary_contract.ts";

const KEY = "agent:main:telegram:1";
const NOW = 1_760_000_000_000;

/** Says something else so often that a word in it is a common one. */
const FILLER = Array.from({ length: 40 }, (_, n) => `nothing of note ${n}`);

export function describeSearch(name: string, open: OpenStore): void {
	describe(`a search of the ${name} store`, () => {
		let folder: string;
		let store: SessionStore;

		beforeEach(async () => {
			folder = mkdtempSync(join(tmpdir(), "aeon-search-"));
			store = await open(folder);
		});

		afterEach(async () => {
			await store.close();
			rmSync(folder, { recursive: true });
		});

		const search = (text: string, query: Partial<MessageQuery> = {}) =>
			store.searchMessages({ text, sessionKeys: [KEY], limit: 10, ...query });

		const texts = async (text: string, query?: Partial<MessageQuery>) =>
			(await search(text, query)).map((found) => found.text);

		test("an empty store has nothing to find", async () => {
			expect(await search("anything")).toEqual([]);
			await store.resetSession(KEY, NOW);
			expect(await search("anything", { sessionKeys: [] })).toEqual([]);
		});

		test("finds what a person or a model has said, and where", async () => {
			const [asked] = await say(store, KEY, "my bicycle is blue");
			const answered = await store.saveMessage(
				KEY,
				{ role: "assistant", content: "A blue bicycle, noted." },
				NOW + 9,
			);
			const found = await search("bicycle");
			expect(found.sort((a, b) => a.id - b.id)).toEqual([
				{
					sessionKey: KEY,
					id: Number(asked?.id),
					role: "user",
					text: "my bicycle is blue",
					timestamp: NOW,
				},
				{
					sessionKey: KEY,
					id: answered.id,
					role: "assistant",
					text: "A blue bicycle, noted.",
					timestamp: NOW + 9,
				},
			]);
		});

		test("finds nothing in results of tools, summaries, arguments and what was recalled", async () => {
			const messages: Message[] = [
				{ role: "user", content: "go", recalled: "a zebra" },
				{
					role: "assistant",
					content: "",
					toolCalls: [{ id: "c", name: "exec", input: { animal: "zebra" } }],
					notice: "zebra",
				},
				{
					role: "tool",
					content: "zebra",
					toolCallId: "c",
					toolName: "exec",
				},
				summary("They saw a zebra.", 1),
			];
			for (const message of messages)
				await store.saveMessage(KEY, message, NOW);
			expect(await search("zebra")).toEqual([]);
			expect(await search("exec user assistant role content")).toEqual([]);
			for (let n = 0; n < 30; n++)
				for (const message of messages.slice(2))
					await store.saveMessage(KEY, message, NOW);
			await say(store, KEY, "once, long ago, there was a zebra and a lion");
			expect(await texts("zebra", { limit: 1, minShare: 1 })).toEqual([
				"once, long ago, there was a zebra and a lion",
			]);
		});

		test("is not taken up by what others have said", async () => {
			const others = Array.from({ length: 30 }, () => "plum");
			await say(store, KEY, "hello", "there was a plum on the kitchen table");
			await say(store, "agent:main:telegram:2", ...others);
			await say(store, KEY, "goodbye");
			expect(await texts("plum", { limit: 1 })).toEqual([
				"there was a plum on the kitchen table",
			]);
		});

		test("gives the message with more of the words, and the rarer ones, first, up to the limit", async () => {
			await say(store, KEY, ...FILLER);
			await say(store, KEY, "the cellar has a door", "the cellar is damp");
			await say(store, KEY, "paint for the cellar door and a brush");
			const found = await texts("cellar door brush");
			expect(found[0]).toBe("paint for the cellar door and a brush");
			expect(found[1]).toBe("the cellar has a door");
			expect(found).toHaveLength(3);
			expect(await texts("cellar door brush", { limit: 1 })).toEqual([
				"paint for the cellar door and a brush",
			]);
			for (const limit of [0, -1])
				expect(await texts("cellar", { limit })).toEqual([]);
		});

		test("finds nothing where nothing matches, and for no words at all", async () => {
			await say(store, KEY, "hello", ...FILLER);
			for (const text of ["goodbye", "", "?!", "...", "\0", "👋"])
				expect(await search(text)).toEqual([]);
		});

		test("takes what a person writes for words only", async () => {
			await say(store, KEY, ...NAUGHTY_TEXTS, "rainbow");
			for (const text of [
				...NAUGHTY_TEXTS,
				'"',
				'rainbow" OR "x',
				"content:rainbow*",
				"NEAR(rainbow, 2)",
				"^rainbow NOT",
				"rainbow AND",
				"-rainbow",
			])
				expect(Array.isArray(await search(text))).toBe(true);
			expect(await texts('"rainbow" AND')).toEqual(["rainbow"]);
			expect(await texts("x".repeat(100_000))).toEqual([]);
		});

		test("with a share, gives only messages that have so much of what tells something", async () => {
			await say(store, KEY, ...FILLER, ...FILLER);
			await say(store, KEY, "the violin teacher comes on friday");
			await say(store, KEY, "friday is a holiday", "the violin is broken");
			const strict = (minShare: number) =>
				texts("when does my violin teacher come, friday?", { minShare });
			expect(await strict(1)).toEqual(["the violin teacher comes on friday"]);
			expect(await strict(0.7)).toEqual(["the violin teacher comes on friday"]);
			expect(await strict(0.1)).toHaveLength(3);
			// What everybody says all the time tells nothing.
			expect(await texts("nothing of note", { minShare: 0.1 })).toEqual([]);
		});

		test("finds a word that many messages have, though another one of the question stands only where it does not look", async () => {
			const other = "agent:main:cli:other";
			for (let n = 0; n < 60; n++) await say(store, KEY, `garden note ${n}`);
			await say(store, other, "the greenhouse leaks");
			expect(await texts("greenhouse in the garden")).toHaveLength(10);
		});

		test("with an end, looks only through what was said before it in that session", async () => {
			const other = "agent:main:cli:1";
			const saved = await say(store, KEY, "plum one", "plum two", "plum three");
			await say(store, other, "plum elsewhere");
			const archive = `${await store.resetSession(other, NOW)}`;
			await say(store, other, "plum again");
			const before = (sessionKey: string, id: number, sessionKeys: string[]) =>
				texts("plum", { sessionKeys, before: { sessionKey, id } });
			const third = Number(saved[2]?.id);
			expect((await before(KEY, third, [KEY, other])).sort()).toEqual([
				"plum one",
				"plum two",
			]);
			expect(await before(KEY, Number(saved[0]?.id), [KEY])).toEqual([]);
			const end = Number.MAX_SAFE_INTEGER;
			expect(await before(KEY, end, [KEY])).toHaveLength(3);
			expect(await before(other, end, [KEY, other])).toEqual(["plum again"]);
			expect(await before(archive, end, [other])).toEqual(["plum elsewhere"]);
			// Of a session that is none of those nothing is seen.
			expect(await before(KEY, end, [other])).toEqual([]);
			expect(await before(KEY, end, [])).toEqual([]);
		});

		test("finds what resets have kept, and nothing of whose key only begins alike", async () => {
			for (const text of ["first pear", "second pear", "third pear"]) {
				await say(store, KEY, text);
				await store.resetSession(KEY, NOW);
			}
			await say(store, KEY, "fourth pear");
			for (const key of [
				`${KEY}2`,
				`${KEY}:2`,
				`${KEY}#x`,
				`${KEY}#5x`,
				`${KEY}#12345678901234567`,
				`${KEY}#5#6`,
				`${KEY}\0`,
				`${KEY}\0#5`,
				"agent:main:telegram:",
				"agent:main:whatsapp:1",
				"agent:other:telegram:1",
			])
				if (!key.endsWith(":")) await say(store, key, `pear of ${key}`);
			const found = await search("pear", { limit: 50 });
			expect(found.map(({ text }) => text).sort()).toEqual([
				"first pear",
				"fourth pear",
				"second pear",
				"third pear",
			]);
			expect(found.map(({ sessionKey }) => sessionKey).sort()).toEqual([
				KEY,
				`${KEY}#${NOW}`,
				`${KEY}#${NOW + 1}`,
				`${KEY}#${NOW + 2}`,
			]);
			for (const { sessionKey, id, text } of found)
				expect(
					(await store.getHistory(sessionKey, 1, id + 1))[0]?.content,
				).toBe(text);
		});

		test("a key that looks like an archive's, or holds anything, finds what is its own", async () => {
			const keys = [
				`${KEY}#5`,
				"agent:main:cli:a\0b",
				"agent:main:cli:a",
				"agent:main:cli:Müller 😀",
				`agent:main:cli:${"x".repeat(400)}1`,
				`agent:main:cli:${"x".repeat(400)}2`,
			];
			for (const key of keys) {
				await say(store, key, `fig of ${key}`);
				await say(store, `${key}#77`, `old fig of ${key}`);
			}
			await say(store, KEY, "fig of nobody");
			for (const key of keys) {
				const found = await search("fig", { sessionKeys: [key], limit: 50 });
				expect(found.map(({ sessionKey }) => sessionKey).sort()).toEqual([
					key,
					`${key}#77`,
				]);
			}
		});

		test("finds in all the sessions of one person, each message once", async () => {
			const other = "agent:main:cli:anna";
			await say(store, KEY, "quince jam");
			await say(store, other, "quince cake");
			await say(store, "agent:main:cli:ben", "quince pie");
			const found = await texts("quince", { sessionKeys: [KEY, other, KEY] });
			expect(found.sort()).toEqual(["quince cake", "quince jam"]);
		});

		test("two people who talk at the same time never see each other's words", async () => {
			const people = ["agent:main:telegram:7", "agent:main:telegram:77"];
			const secret = (key: string, n: number) => `secret ${key.length}x${n}`;
			for (let n = 0; n < 100; n++) {
				await Promise.all(
					people.map((key) => store.saveMessage(key, user(secret(key, n)), n)),
				);
				const found = await Promise.all(
					people.map((key) =>
						search(`secret ${n} 21x${n} 22x${n}`, { sessionKeys: [key] }),
					),
				);
				for (const [index, passages] of found.entries()) {
					const key = `${people[index]}`;
					expect(passages.length).toBeGreaterThan(0);
					for (const { sessionKey, text } of passages) {
						expect(sessionKey).toBe(key);
						expect(text).toStartWith(`secret ${key.length}x`);
					}
				}
			}
		}, 30_000);

		test("finds words whatever their capitals and accents, and in scripts without spaces", async () => {
			await say(store, KEY, "Die Äpfel liegen im Kühlschrank", ...FILLER);
			await say(store, KEY, "我们明天去北京看长城", "東京タワーへ行きます");
			await say(store, KEY, "Ελλάδα το καλοκαίρι", "поезд в Москву");
			await say(store, KEY, "cafe\u0301 au lait", "the cats were sleeping");
			for (const [text, found] of [
				["äpfel", "Die Äpfel liegen im Kühlschrank"],
				["APFEL", "Die Äpfel liegen im Kühlschrank"],
				["kuhlschrank?", "Die Äpfel liegen im Kühlschrank"],
				["北京", "我们明天去北京看长城"],
				["长城在哪里", "我们明天去北京看长城"],
				["タワー", "東京タワーへ行きます"],
				["ΕΛΛΆΔΑ", "Ελλάδα το καλοκαίρι"],
				["МОСКВУ", "поезд в Москву"],
				["café", "cafe\u0301 au lait"],
				["cat", "the cats were sleeping"],
			] as const)
				expect(await texts(text)).toEqual([found]);
			expect(await texts("北海道")).toEqual([]);
		});

		test("finds words behind a NUL, and in the beginning of a very long message", async () => {
			await say(store, KEY, "before\0behind", `${"x ".repeat(100)}deep`);
			const long = `walnut ${"lorem ipsum ".repeat(1500)} almond ${"ü".repeat(500_000)} hazelnut`;
			await say(store, KEY, long);
			expect(await texts("behind")).toEqual(["before\0behind"]);
			expect(await texts("deep")).toHaveLength(1);
			expect(await texts("walnut")).toHaveLength(1);
			expect(await texts("almond")).toHaveLength(1);
			expect(await texts("hazelnut")).toEqual([]);
		});

		test("of a long message gives the piece in which the words stand", async () => {
			const some = "lorem ipsum dolor ".repeat(60);
			await say(store, KEY, `${some}the key is under the third stone ${some}`);
			const [found = ""] = await texts("key stone");
			expect(found).toContain("the key is under the third stone");
			expect(found).toStartWith("…");
			expect(found).toEndWith("…");
			expect(found.length).toBeLessThan(310);
		});

		test("what is said after a search is found by the next one, and what is deleted by none", async () => {
			await say(store, KEY, "apricot one");
			expect(await texts("apricot")).toEqual(["apricot one"]);
			await say(store, KEY, "apricot two");
			expect((await texts("apricot")).sort()).toEqual([
				"apricot one",
				"apricot two",
			]);
			const archive = `${await store.resetSession(KEY, NOW)}`;
			await say(store, KEY, "apricot three");
			await store.deleteSession(archive);
			expect(await texts("apricot")).toEqual(["apricot three"]);
			await store.deleteSession(KEY);
			expect(await texts("apricot")).toEqual([]);
			await say(store, KEY, "apricot four");
			expect(await texts("apricot")).toEqual(["apricot four"]);
		});

		test("many searches at once find the same, while more is said", async () => {
			await say(store, KEY, ...FILLER, "cherry");
			const [, ...found] = await Promise.all([
				say(store, KEY, ...FILLER),
				...Array.from({ length: 8 }, () => texts("cherry")),
			]);
			expect(found).toEqual(Array(8).fill(["cherry"]));
		});

		test("tidying leaves all that is there, and may be done again", async () => {
			await say(store, KEY, "mango", "x".repeat(100_000));
			await say(store, "agent:main:cli:other", ...FILLER);
			await store.deleteSession("agent:main:cli:other");
			for (let day = 0; day < 2; day++) {
				await store.tidy();
				expect(await texts("mango")).toEqual(["mango"]);
				expect(await store.getHistory(KEY, 5)).toHaveLength(2);
			}
			await say(store, KEY, "after");
			expect(await texts("after")).toEqual(["after"]);
		});
	});
}
