// An Aeon in Telegram and in WhatsApp, whose far sides are faked, and somebody who talks to it there.

import type { Bench } from "./figure.ts";
import {
	answersAt,
	type FarSides,
	type Listening,
	makeHome,
	startAeon,
} from "./processes.ts";

/** Starts an Aeon with every dialog on; it polls Telegram and is posted to by WhatsApp when this is done. */
export async function startTalking(
	bench: Bench,
	farSides: FarSides,
): Promise<Listening> {
	const { dialogs } = farSides;
	const aeon = await startAeon(bench, makeHome(bench, "fake", { dialogs }));
	const address = aeon.url.replace("ws:", "http:");
	await comes(farSides, "telegram", "getUpdates");
	await answersAt(`${address}/ready`);
	const url = `${address}/webhooks/whatsapp`;
	await farSides.ask("POST", "/whatsapp/subscribe", { url });
	return aeon;
}

/** Somebody writes in each dialog, and is answered. Throws where Aeon has asked what it may not. */
export async function talk(farSides: FarSides): Promise<void> {
	for (const dialog of ["telegram", "whatsapp"] as const)
		await farSides.ask("DELETE", `/${dialog}/calls`);
	const text = "deltas=5 head=0";
	await farSides.ask("POST", "/telegram", { chatId: 777, text });
	await farSides.ask("POST", "/whatsapp", { from: "+15550100001", text });
	await comes(farSides, "telegram", "sendMessage");
	await comes(farSides, "whatsapp", "messages");
	const broken = await farSides.ask<string[]>("GET", "/violations");
	if (broken.length > 0) throw new Error(broken.join("; "));
}

/** Waits until a far side has been called so. */
async function comes(
	farSides: FarSides,
	dialog: "telegram" | "whatsapp",
	method: string,
): Promise<void> {
	for (;;) {
		const calls = await farSides.ask<{ method: string }[]>(
			"GET",
			`/${dialog}/calls`,
		);
		if (calls.some((call) => call.method === method)) return;
		await Bun.sleep(50);
	}
}
