import { expect, test } from "bun:test";
import { remoteMemory } from "../../src/remote/memory.ts";
import { rememberFacts } from "../support/facts.ts";
import { temporaryHome } from "../support/home.ts";
import { ANY_PORT, startServe } from "../support/serve.ts";
import { layWire } from "./proxy.ts";
import { connectDialog } from "./remote.ts";

test("what is remembered comes through a server as it lies in the memory", async () => {
	using home = temporaryHome(ANY_PORT);
	const anna = { agentId: "main", user: "anna" };
	const saved = await rememberFacts(home.path, [
		{ ...anna, text: "Likes tea, not coffee 😀" },
		{ agentId: "main", user: "telegram:777", text: "Keeps bees" },
		{ agentId: "work", user: "anna", text: "Writes about bees" },
	]);
	const [tea, keeps, writes] = saved;
	using _serve = await startServe(home.path, ["--demo"]);
	using dialog = await connectDialog(home.path);
	const memory = remoteMemory(dialog.connection);
	const newestFirst = saved.toReversed();
	expect(await memory.list({ limit: 500 })).toEqual(newestFirst);
	expect(await memory.list({ limit: 2 })).toEqual(newestFirst.slice(0, 2));
	expect(await memory.list({ limit: 2, before: writes?.id ?? 0 })).toEqual(
		newestFirst.slice(1),
	);
	expect(await memory.list({ limit: 9, ...anna })).toEqual(tea ? [tea] : []);
	const bees = await memory.search("bees", { limit: 9 });
	expect(bees.toSorted((a, b) => a.id - b.id)).toEqual(saved.slice(1));
	expect(await memory.search("bees", { limit: 1 })).toHaveLength(1);
	expect(await memory.search("bees", { limit: 9, user: "anna" })).toEqual(
		writes ? [writes] : [],
	);
	const id = keeps?.id ?? 0;
	expect(await memory.forget(id)).toBe(true);
	expect(await memory.forget(id)).toBe(false);
	expect(await memory.list({ limit: 9 })).toHaveLength(2);
	await memory.close();
});

test("a fact that a lost connection may or may not have had forgotten is not asked about twice", async () => {
	using home = temporaryHome(ANY_PORT);
	const [fact] = await rememberFacts(home.path, [
		{ agentId: "main", user: "anna", text: "Likes tea" },
	]);
	using serve = await startServe(home.path, ["--demo"]);
	using wire = await layWire(serve.presence.url);
	using dialog = await connectDialog(home.path, { url: wire.url });
	const memory = remoteMemory(dialog.connection);
	wire.hush();
	const forgetting = memory.forget(fact?.id ?? 0);
	wire.cut();
	expect(forgetting).rejects.toThrow("The connection to the server was lost.");
	expect(await memory.list({ limit: 9 })).toEqual(fact ? [fact] : []);
});
