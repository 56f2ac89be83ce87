import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Decision } from "../../src/core/approval.ts";
import { homeWithModel } from "../commands/home_with_model.ts";
import { ANY_PORT, startServe } from "../support/serve.ts";
import { layWire } from "./proxy.ts";
import { connectDialog, SESSION } from "./remote.ts";

const RUN = {
	toolCalls: [{ name: "exec", input: { command: "echo ran >> ran" } }],
};
const DONE = { text: "Done." };

function timesRun(home: string): number {
	const file = join(home, ".aeon/workspace/ran");
	return existsSync(file)
		? readFileSync(file, "utf8").split("\n").length - 1
		: 0;
}

test("the person of a dialog is asked with the exact command and directory, and always means always", async () => {
	using it = await homeWithModel([RUN, DONE, RUN, DONE, RUN, DONE], ANY_PORT);
	using serve = await startServe(it.home);
	const answers: Decision[] = ["deny", "always"];
	const asked: object[] = [];
	using dialog = await connectDialog(it.home, {}, async (request) => {
		asked.push(request);
		return answers.shift() ?? "deny";
	});
	const ran: [boolean | undefined, number][] = [];
	for (let turn = 0; turn < 3; turn++) {
		const { toolCalls } = await dialog.say("go");
		ran.push([toolCalls[0]?.success, timesRun(it.home)]);
	}
	expect(ran).toEqual([
		[false, 0],
		[true, 1],
		[true, 2],
	]);
	const cwd = join(it.home, ".aeon/workspace");
	const question = { tool: "exec", command: "echo ran >> ran", cwd };
	expect(asked).toEqual([question, question]);
	await serve.end("SIGTERM");
});

test("a question that another client has answered is taken back", async () => {
	using it = await homeWithModel([RUN, DONE], ANY_PORT);
	using _serve = await startServe(it.home);
	const { promise: wasAsked, resolve: asked } = Promise.withResolvers<void>();
	const { promise: wasClosed, resolve: closed } =
		Promise.withResolvers<string>();
	using dialog = await connectDialog(it.home, {}, async (_request, signal) => {
		asked();
		await new Promise((aborted) => signal.addEventListener("abort", aborted));
		closed(signal.reason.message);
		return "deny";
	});
	using other = await connectDialog(it.home);
	const said = dialog.say("go");
	await wasAsked;
	const { approvals } = await other.connection.request("approval.list", {});
	const [{ approvalId = "" } = {}] = approvals;
	await other.connection.request("approval.resolve", {
		approvalId,
		decision: "allow",
	});
	expect(await wasClosed).toBe("Somebody else has answered.");
	expect((await said).text).toBe("Done.");
	expect(timesRun(it.home)).toBe(1);
	// Nobody asks the person of a session that nothing was said in.
	expect(other.events).toEqual([]);
});

test("a question that came while the connection was lost is asked once, and its answer arrives", async () => {
	for (const moment of ["before it", "while the person thinks"]) {
		using it = await homeWithModel([RUN, DONE], ANY_PORT);
		using serve = await startServe(it.home);
		using wire = await layWire(serve.presence.url);
		let count = 0;
		using dialog = await connectDialog(it.home, { url: wire.url }, async () => {
			count++;
			if (moment === "while the person thinks") wire.cut();
			return "allow";
		});
		const said = dialog.say("go");
		if (moment === "before it") {
			await dialog.event("agent.start");
			wire.cut();
		}
		expect([moment, (await said).text, count]).toEqual([moment, "Done.", 1]);
		expect(timesRun(it.home)).toBe(1);
		expect(wire.count()).toBe(2);
	}
});

test("stopping a session that waits for a person takes the question back", async () => {
	using it = await homeWithModel([RUN], ANY_PORT);
	using _serve = await startServe(it.home);
	const { promise: wasAsked, resolve: asked } = Promise.withResolvers<void>();
	using dialog = await connectDialog(it.home, {}, async (_request, signal) => {
		asked();
		await new Promise((aborted) => signal.addEventListener("abort", aborted));
		return "deny";
	});
	const said = dialog.say("go");
	await wasAsked;
	expect(await dialog.host.cancel(SESSION)).toBe(true);
	expect(await said).toMatchObject({
		stopReason: "cancelled",
		error: { code: "cancelled", message: "Stopped." },
	});
	expect(await dialog.host.cancel(SESSION)).toBe(false);
});

test("what a tool sends is shown in the dialog that the turn is in, and in no other", async () => {
	using it = await homeWithModel(
		[
			{ toolCalls: [{ name: "message_send", input: { text: "A word." } }] },
			DONE,
		],
		ANY_PORT,
	);
	using _serve = await startServe(it.home);
	using dialog = await connectDialog(it.home);
	using other = await connectDialog(it.home);
	await dialog.say("go");
	expect(dialog.sent).toEqual(["A word."]);
	expect(other.sent).toEqual([]);
});
