// WhatsApp in the compiled binary: what bundling may break (the signature, the shape of what is posted, fetch).

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ANNA, introduce, optionsFor } from "../dialogs/whatsapp/rig.ts";
import { binary } from "../support/binary.ts";
import { start } from "../support/command.ts";
import { said } from "../support/fake_llm.ts";
import { startFakeWhatsApp } from "../support/fake_whatsapp.ts";
import { temporaryHome } from "../support/home.ts";
import { config, freePort, modelSaying } from "../support/server.ts";

/** Debian's arm64 C library unpacked, and qemu: what an arm64 binary needs on another machine. */
const ARM64_ROOT = process.env.AEON_ARM64_ROOT;
const QEMU = Bun.which("qemu-aarch64-static");

/** A compiled Aeon between a fake Cloud API and a fake model, which Meta has been told of. */
async function serve(command: string) {
	const whatsapp = await startFakeWhatsApp();
	const model = await modelSaying((request) => ({
		text: `**You** said: ${said(request)}`,
	}));
	const port = await freePort();
	const home = temporaryHome(
		config(model.agent, {
			server: { port },
			dialogs: { whatsapp: optionsFor(whatsapp) },
		}),
	);
	const child = start(["serve"], { home: home.path, binary: command });
	await introduce(whatsapp, port);
	return {
		whatsapp,
		requests: model.llm.requests,
		async end() {
			const before = performance.now();
			child.kill("SIGTERM");
			const code = await child.exited;
			return { code, seconds: (performance.now() - before) / 1_000 };
		},
		async [Symbol.asyncDispose]() {
			child.kill("SIGKILL");
			await child.exited;
			await whatsapp.stop();
			model[Symbol.dispose]();
			home[Symbol.dispose]();
		},
	};
}

/** Sees that it proves itself, takes what Meta signed and nothing else, answers once, and ends when it is told to. */
async function expectToAnswer(command: string): Promise<void> {
	await using it = await serve(command);
	const { whatsapp } = it;
	const forged = whatsapp.message(ANNA, {
		type: "text",
		text: { body: "forged" },
	});
	const wrong = `sha256=${"0".repeat(64)}`;
	const payload = whatsapp.payload([[{ messages: [forged] }]]);
	expect(await whatsapp.post(payload, wrong)).toBe(401);
	expect(await whatsapp.post(payload, null)).toBe(401);
	const id = whatsapp.say(ANNA, "hello, äöå 🌍");
	whatsapp.repeat(id);
	await whatsapp.until(() => whatsapp.visible(ANNA).length === 1);
	await whatsapp.until(() => whatsapp.pending() === 0);
	expect(whatsapp.visible(ANNA).map(({ text }) => text)).toEqual([
		"*You* said: hello, äöå 🌍",
	]);
	expect(it.requests.map(said)).toEqual(["hello, äöå 🌍"]);
	// Where the answer is faster, it is marked as read once more, without typing.
	expect(whatsapp.moments(ANNA)).toContainEqual({ kind: "read", id });
	expect(whatsapp.answers.slice(2).every((status) => status === 200)).toBe(
		true,
	);
	const { code, seconds } = await it.end();
	expect(code).toBe(0);
	expect(seconds).toBeLessThan(5);
	expect(whatsapp.visible(ANNA)).toHaveLength(1);
	expect(whatsapp.violations).toEqual([]);
}

test("the binary proves itself to Meta, refuses what is not signed, answers in WhatsApp once, and ends at once", async () => {
	await expectToAnswer(await binary("linux-x64"));
});

test.skipIf(!ARM64_ROOT || !QEMU)(
	"the arm64 binary does the same on a Cortex-A53, emulated (needs qemu and AEON_ARM64_ROOT)",
	async () => {
		using home = temporaryHome();
		const wrapper = join(home.path, "aeon-arm64");
		writeFileSync(
			wrapper,
			`#!/bin/sh\nexec ${QEMU} -cpu cortex-a53 -L ${ARM64_ROOT} ${await binary("linux-arm64")} "$@"\n`,
			{ mode: 0o755 },
		);
		await expectToAnswer(wrapper);
	},
	120_000,
);
