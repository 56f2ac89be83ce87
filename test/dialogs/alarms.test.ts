// What happens in one dialog and cannot be told there is told its owner in another one.

import { expect, test } from "bun:test";
import {
	type AlarmParts,
	alarmLoss,
	alarmState,
} from "../../src/app_alarms.ts";
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
		"post does not work. The token is old.",
		"post does not work. It is blocked.",
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

test("where both dialogs refuse everything, there is an end to it", async () => {
	await using it = await withDialogs("post", "mail");
	const [post, mail] = it.known as [Known, Known];
	for (const { fail } of [post, mail])
		fail({ kind: "send", code: "peer_rejected", status: 422, times: 99 });
	await post.host.say("777", { text: "hello" });
	await mail.tried("owner of mail", 2);
	await mail.host.say("1", { text: "the last one" });
	await mail.tried("1", 2);
	await post.tried("owner of post", 2);
	expect(post.told("send")).toHaveLength(4);
	expect(mail.told("send")).toHaveLength(4);
});

test("the same about the same person is told once a day, and what strangers were not told never", async () => {
	await using it = await withDialogs("post", "mail");
	const [post, mail] = it.known as [Known, Known];
	post.fail({ kind: "send", code: "peer_rejected", status: 403, times: 9 });
	await post.host.say("5", { text: "who?", deliveryId: "stranger-m1" });
	for (const text of ["one", "two", "three"])
		await post.host.say("777", { text });
	await post.tried("777", 3);
	await post.host.say("778", { text: "one" });
	expect(await mail.tried("owner of mail", 2)).toEqual([
		LOST,
		LOST.replace("777", "778"),
	]);
});

/** What alarms are raised with where three dialogs do not run, and what was said by them, as `whom: text`. */
function watching(say = async () => {}) {
	const said: { by: string; to: string; text: string; id: string }[] = [];
	const logged: unknown[] = [];
	let day = 1;
	const open = (name: string, isRunning: boolean) => ({
		provider: { name, owner: () => `owner of ${name}` },
		state: { state: isRunning ? "running" : "stopped" },
		outbox: {
			say(to: string, { text, deliveryId: id }: Record<string, string>) {
				said.push({ by: name, to, text: text ?? "", id: id ?? "" });
				return say();
			},
		},
	});
	const parts = {
		dialogs: new Map(["post", "mail"].map((name) => [name, open(name, false)])),
		logger: { error: (...line: unknown[]) => void logged.push(line) },
		now: () => Date.UTC(2026, 0, day, 23),
	};
	return {
		said,
		logged,
		parts: parts as unknown as AlarmParts,
		nextDay: () => void day++,
	};
}

const LOSS = {
	deliveryId: "run-1",
	to: "777",
	reason: "it said *no* to [this](http://a)",
	isTold: false,
};

test("an alarm has one name for one day, one person and one reason, and shows what it quotes as it is", () => {
	const { parts, said, nextDay } = watching();
	alarmLoss("post", LOSS, parts);
	alarmLoss("post", { ...LOSS, deliveryId: "run-2" }, parts);
	alarmLoss("post", { ...LOSS, to: "778" }, parts);
	alarmLoss("post", { ...LOSS, reason: "another one" }, parts);
	nextDay();
	alarmLoss("post", LOSS, parts);
	const [first, same, ...others] = said.map(({ id }) => id);
	expect(same).toBe(first as string);
	expect(new Set([first, ...others]).size).toBe(4);
	expect(said[0]).toMatchObject({
		by: "mail",
		to: "owner of mail",
		text: "What I had to say to 777 in post could not be delivered. it said \\*no* to [this\\](http://a)",
	});
});

test("nothing is raised of what the person was told, nor of what is an alarm or was meant for a stranger", () => {
	const { parts, said } = watching();
	alarmLoss("post", { ...LOSS, isTold: true }, parts);
	for (const name of ["alarm-post-1", "stranger-1", "failure-alarm-post-1"])
		alarmLoss("post", { ...LOSS, deliveryId: name }, parts);
	for (const state of ["starting", "running", "retrying", "stopped"] as const)
		alarmState("post", { state }, parts);
	alarmState("post", { state: "retrying", problem: "No network." }, parts);
	expect(said).toEqual([]);
});

test("an alarm that cannot be kept is written down", async () => {
	const error = new Error("the disk is full");
	const { parts, logged } = watching(() => Promise.reject(error));
	alarmLoss("post", LOSS, parts);
	await Promise.resolve();
	await Promise.resolve();
	expect(logged).toEqual([["alarm.unsaid", { from: "post", error }]]);
});
