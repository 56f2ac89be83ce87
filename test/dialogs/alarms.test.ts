// What happens in one dialog and cannot be told there is told its owner in another one.

import { expect, test } from "bun:test";
import type { DialogHost } from "../../src/dialogs/provider.ts";
import { createPlatform, type Platform } from "../delivery/platform.ts";
import { openTestAeon } from "../support/aeon.ts";

interface Known extends Platform {
	host: DialogHost;
	/** Resolves when so many messages were tried to be sent to somebody. */
	tried(to: string, count: number): Promise<string[]>;
}

/** An Aeon with these dialogs beside its own, each with an owner of that name. */
async function withDialogs(...names: string[]) {
	const it = await openTestAeon({ provider: "demo" });
	const known = names.map((name): Known => {
		const platform = createPlatform(Date.now, 0, name);
		const { dialog } = platform;
		const { send } = dialog;
		let wake = () => {};
		dialog.owner = () => `owner of ${name}`;
		dialog.send = async (to, message, signal) => {
			try {
				return await send(to, message, signal);
			} finally {
				wake();
			}
		};
		const host = it.aeon.addDialog(dialog);
		host.report({ state: "running" });
		const sends = (to: string) =>
			platform.calls.flatMap(({ kind, to: whom, text = "" }) =>
				kind === "send" && whom === to ? [text] : [],
			);
		return Object.assign(platform, {
			host,
			async tried(to: string, count: number) {
				while (sends(to).length < count)
					await new Promise<void>((resolve) => {
						wake = resolve;
					});
				return sends(to);
			},
		});
	});
	return Object.assign(it, { known });
}

const LOST =
	"What I had to say to 777 in post could not be delivered. the platform said peer_rejected";

test("what cannot be delivered where nobody can be told goes to the owner of another dialog", async () => {
	await using it = await withDialogs("post", "mail");
	const [post, mail] = it.known as [Known, Known];
	post.fail({ kind: "send", code: "peer_rejected", status: 403 });
	await post.host.say("777", { text: "hello" });
	expect(await mail.tried("owner of mail", 1)).toEqual([LOST]);
	expect(await post.tried("777", 1)).toEqual(["hello"]);
	expect(it.aeon.dialogs.get("post")?.lastFailure).toEqual({
		at: expect.any(Number),
		reason: "the platform said peer_rejected",
	});
	expect(it.aeon.dialogs.get("mail")?.lastFailure).toBeUndefined();
});

test("what the person is told in the chat itself is told nobody else", async () => {
	await using it = await withDialogs("post", "mail");
	const [post, mail] = it.known as [Known, Known];
	post.fail({ kind: "send", code: "peer_rejected", status: 422 });
	await post.host.say("777", { text: "hello" });
	await post.tried("777", 2);
	post.fail({ kind: "send", code: "peer_rejected", status: 403 });
	await post.host.say("777", { text: "again" });
	expect(await mail.tried("owner of mail", 1)).toEqual([LOST]);
});

test("of several other dialogs the one that runs is used", async () => {
	await using it = await withDialogs("post", "mail", "pigeon");
	const [post, mail, pigeon] = it.known as [Known, Known, Known];
	mail.host.report({ state: "retrying", problem: "no network" });
	post.fail({ kind: "send", code: "peer_rejected", status: 403 });
	await post.host.say("777", { text: "hello" });
	expect(await pigeon.tried("owner of pigeon", 1)).toEqual([LOST]);
	expect(mail.calls).toEqual([]);
});

test("an alarm that cannot be delivered either raises no other one", async () => {
	await using it = await withDialogs("post", "mail");
	const [post, mail] = it.known as [Known, Known];
	for (const { fail } of [post, mail])
		fail({ kind: "send", code: "peer_rejected", status: 403, times: 9 });
	await post.host.say("777", { text: "hello" });
	expect(await mail.tried("owner of mail", 1)).toEqual([LOST]);
	await mail.host.say("1", { text: "a later one" });
	await post.tried("owner of post", 1);
	expect(post.told("send")).toEqual([
		"send hello",
		"send What I had to say to 1 in mail could not be delivered. the platform said peer_rejected",
	]);
});

test("a dialog that stops by itself is told of once a day for one reason, and its end by Aeon is not", async () => {
	await using it = await withDialogs("post", "mail");
	const [post, mail] = it.known as [Known, Known];
	const refused = { state: "stopped", problem: "The token is old." } as const;
	for (const state of [
		refused,
		{ state: "running" } as const,
		refused,
		{ state: "retrying", problem: "No network." } as const,
		{ state: "stopped" } as const,
		{ state: "stopped", problem: "It is blocked." } as const,
	])
		post.host.report(state);
	expect(await mail.tried("owner of mail", 2)).toEqual([
		"post does not work any more. The token is old.",
		"post does not work any more. It is blocked.",
	]);
});

test("where there is no other dialog, or nobody in it, there is the log and the status alone", async () => {
	await using it = await withDialogs("post", "mail");
	const [post, mail] = it.known as [Known, Known];
	mail.dialog.owner = () => undefined;
	post.fail({ kind: "send", code: "peer_rejected", status: 403 });
	await post.host.say("777", { text: "hello" });
	await post.tried("777", 1);
	post.host.report({ state: "stopped", problem: "The token is old." });
	await post.host.say("777", { text: "after it" });
	await post.tried("777", 2);
	expect(mail.calls).toEqual([]);
	expect(it.logged("message.failed")).toHaveLength(1);
});
