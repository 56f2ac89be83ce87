import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TurnEvent } from "../../src/core/event.ts";
import { homeWithModel } from "../commands/home_with_model.ts";
import type { FakeAnswer } from "../support/fake_llm.ts";
import { ANY_PORT, startServe } from "../support/serve.ts";
import { layWire } from "./proxy.ts";
import { comparable, connectDialog, SESSION } from "./remote.ts";

const ALLOWED = { ...ANY_PORT, tools: { exec: { approval: "allow" } } };

/** A command of a model that ends when the file `go` is there. */
const WAITS = "until [ -e go ]; do sleep 0.01; done; echo gone";

function call(command: string): FakeAnswer {
	return {
		text: ["Let me ", "see."],
		toolCalls: [{ id: "c1", name: "exec", input: { command } }],
	};
}

const ANSWER: FakeAnswer = { text: ["It ", "is ", "done — ", "😀."] };
const TEXT = "Let me see.\n\nIt is done — 😀.";

/** How often these turns say what is to be said once. */
function texts(events: TurnEvent[]): string {
	return events
		.map((event) => (event.type === "agent.delta" ? event.text : ""))
		.join("");
}

test("wherever a connection is cut, a turn is shown whole, in order, and nothing of it twice", async () => {
	const script = Array.from({ length: 200 }, (_, n) =>
		n % 2 ? ANSWER : call("echo hi"),
	);
	using it = await homeWithModel(script, ALLOWED);
	using serve = await startServe(it.home);
	using wire = await layWire(serve.presence.url);
	let whole: unknown[] = [];
	for (let frames = 40; frames >= 0; frames--) {
		// After so many frames of a first connection, of which one answers `hello`.
		if (frames < 40) wire.cutAfter(1 + frames);
		using dialog = await connectDialog(it.home, { url: wire.url });
		const session = `${SESSION}-${frames}`;
		const result = await dialog.say("go", session);
		expect(result).toMatchObject({ text: TEXT, stopReason: "end_turn" });
		expect(result.toolCalls.map(({ id }) => id)).toEqual(["c1"]);
		const shown = JSON.parse(
			JSON.stringify(comparable(dialog.events)).replaceAll(session, SESSION),
		);
		if (frames === 40) whole = shown;
		expect({ frames, shown }).toEqual({ frames, shown: whole });
	}
	expect(whole.length).toBeGreaterThan(8);
	expect(wire.count()).toBeGreaterThan(50);
});

test("a turn goes on while nobody is connected, and is heard to its end by who comes back", async () => {
	using it = await homeWithModel([call(WAITS), ANSWER], ALLOWED);
	using serve = await startServe(it.home);
	using wire = await layWire(serve.presence.url);
	using dialog = await connectDialog(it.home, { url: wire.url });
	const said = dialog.say("go");
	await dialog.event("agent.tool_call");
	wire.cut();
	writeFileSync(join(it.home, ".aeon/workspace/go"), "");
	expect((await said).text).toBe(TEXT);
	expect(texts(dialog.events)).toBe(TEXT);
	expect(wire.count()).toBe(2);
	expect(dialog.events.map(({ seq }) => seq)).toEqual(
		dialog.events.map((_, index) => index + 1),
	);
});

test("a connection that is dead without a word is given up and made again", async () => {
	using it = await homeWithModel([call(WAITS), ANSWER], ALLOWED);
	using serve = await startServe(it.home);
	using wire = await layWire(serve.presence.url);
	const options = { url: wire.url, silenceMs: 100 };
	using dialog = await connectDialog(it.home, options);
	const said = dialog.say("go");
	await dialog.event("agent.tool_call");
	wire.hush();
	writeFileSync(join(it.home, ".aeon/workspace/go"), "");
	expect((await said).text).toBe(TEXT);
	expect(wire.count()).toBe(2);
});

test("a server that says nothing for long, but lives, is not given up", async () => {
	using it = await homeWithModel([call(WAITS), ANSWER], ALLOWED);
	using serve = await startServe(it.home);
	using wire = await layWire(serve.presence.url);
	const options = { url: wire.url, silenceMs: 250 };
	using dialog = await connectDialog(it.home, options);
	const said = dialog.say("go");
	await dialog.event("agent.tool_call");
	await Bun.sleep(1_000);
	writeFileSync(join(it.home, ".aeon/workspace/go"), "");
	expect((await said).text).toBe(TEXT);
	expect(wire.count()).toBe(1);
});

test("a server that is killed in mid-turn and started again answers that message whole, and then what was waiting", async () => {
	using it = await homeWithModel(
		[
			{ text: "Half an answer", ending: "hang" },
			{ text: "The second one." },
			{ text: "The third one." },
		],
		ANY_PORT,
	);
	using serve = await startServe(it.home);
	using dialog = await connectDialog(it.home);
	const first = dialog.say("one");
	await dialog.event("agent.delta");
	const second = dialog.say("two");
	// Its answer says that the second message is kept.
	await dialog.host.command("/help", { sessionKey: SESSION });
	await serve.end("SIGKILL");
	using again = await startServe(it.home);
	expect(await first).toMatchObject({ text: "The second one." });
	expect(await second).toMatchObject({ text: "The third one." });
	expect(texts(dialog.events)).toBe(
		"Half an answer\n\n[The server was restarted; this is the whole answer]\n\nThe second one.The third one.",
	);
	await again.end("SIGTERM");
});

test("a server that is told to end stops the turn after a while, says so, and is found again when it is back", async () => {
	using it = await homeWithModel(
		[
			{ text: "Half", ending: "hang" },
			{ text: "Half and half." },
			{ text: "Whole." },
		],
		{ server: { port: 0, drain_ms: 100 } },
	);
	using serve = await startServe(it.home);
	using dialog = await connectDialog(it.home);
	const said = dialog.say("one");
	await dialog.event("agent.delta");
	await serve.end("SIGTERM");
	expect(await said).toMatchObject({
		text: "Half\n\n[Aeon is stopping; this goes on when it runs again]",
		stopReason: "cancelled",
	});
	const next = dialog.say("two");
	using _again = await startServe(it.home);
	expect((await next).text).toBe("Whole.");
});

test("a server that does not come back is waited for so long, and then said to be gone", async () => {
	using it = await homeWithModel([{ text: "Half", ending: "hang" }], ANY_PORT);
	using serve = await startServe(it.home);
	using dialog = await connectDialog(it.home, { returnMs: 300 });
	const said = dialog.say("one");
	await dialog.event("agent.delta");
	await serve.end("SIGKILL");
	await expect(said).rejects.toMatchObject({
		code: "not_found",
		message:
			"The server cannot be reached (it has ended): is aeon serve running there?",
	});
	expect(await dialog.host.cancel(SESSION)).toBe(false);
});

test("a message that a lost connection may or may not have brought is sent again, and is one message", async () => {
	using it = await homeWithModel([ANSWER, ANSWER], ANY_PORT);
	using serve = await startServe(it.home);
	using wire = await layWire(serve.presence.url);
	// hello, events.subscribe, and nothing of agent.send.
	wire.cutAfter(2);
	using dialog = await connectDialog(it.home, { url: wire.url });
	expect((await dialog.say("one")).text).toBe("It is done — 😀.");
	expect(it.llm.requests).toHaveLength(1);
});
