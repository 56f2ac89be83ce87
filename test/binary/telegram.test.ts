// Telegram in the compiled binary: what bundling may break (the library's fetch and signals, multipart, pictures).

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ANNA } from "../dialogs/telegram/chat.ts";
import { binary } from "../support/binary.ts";
import { start } from "../support/command.ts";
import type { FakeAnswer, FakeRequest } from "../support/fake_llm.ts";
import { startFakeTelegram } from "../support/fake_telegram.ts";
import { temporaryHome } from "../support/home.ts";
import { picture } from "../support/pictures.ts";
import { config, modelSaying } from "../support/server.ts";
import { until } from "../support/until.ts";

/** Debian's arm64 C library unpacked, and qemu: what an arm64 binary needs on another machine. */
const ARM64_ROOT = process.env.AEON_ARM64_ROOT;
const QEMU = Bun.which("qemu-aarch64-static");

/** A compiled Aeon between a fake Bot API and a fake model. */
async function serve(
	script: (request: FakeRequest, n: number) => FakeAnswer,
	command: string,
) {
	const telegram = await startFakeTelegram();
	const model = await modelSaying(script);
	const home = temporaryHome(
		config(model.agent, {
			dialogs: {
				telegram: {
					enabled: true,
					bot_token: telegram.token,
					api_root: telegram.url,
					allowed_users: [ANNA],
				},
			},
		}),
	);
	const child = start(["serve"], { home: home.path, binary: command });
	const state = join(home.path, ".aeon");
	return {
		telegram,
		requests: model.llm.requests,
		workspace: join(state, "workspace"),
		texts: () => telegram.visible(ANNA).map(({ text }) => text ?? ""),
		async end() {
			const before = performance.now();
			child.kill("SIGTERM");
			const code = await child.exited;
			return { code, seconds: (performance.now() - before) / 1_000 };
		},
		async [Symbol.asyncDispose]() {
			child.kill("SIGKILL");
			await child.exited;
			await telegram.stop();
			model[Symbol.dispose]();
			home[Symbol.dispose]();
		},
	};
}

test("the binary answers in Telegram, sends a file, shows the model a large picture made small, and ends at once", async () => {
	await using it = await serve(
		(_request, n) => {
			if (n === 0)
				return {
					toolCalls: [
						{
							name: "message_send",
							input: { text: "here", attachments: ["a.txt"] },
						},
					],
				};
			return { text: `Answer ${n}.` };
		},
		await binary("linux-x64"),
	);
	await until(() => it.telegram.pollers() === 1);
	writeFileSync(join(it.workspace, "a.txt"), "figures");
	it.telegram.say(ANNA, "send it");
	await until(() => it.texts().includes("Answer 1."));
	await until(() =>
		it.telegram.calls.some(({ method }) => method === "sendDocument"),
	);
	const large = await picture("png", 3_000, 1_000);
	it.telegram.addFile("p", large, "photos/p.png");
	const photo = {
		file_id: "p",
		file_unique_id: "u",
		width: 3_000,
		height: 1_000,
	};
	it.telegram.say(ANNA, "", { document: { ...photo, mime_type: "image/png" } });
	await until(() => it.texts().includes("Answer 2."));
	expect(JSON.stringify(it.requests[2]?.body)).toContain('"type":"image"');
	expect(it.telegram.violations).toEqual([]);
	const { code, seconds } = await it.end();
	expect(code).toBe(0);
	expect(seconds).toBeLessThan(5);
});

test.skipIf(!ARM64_ROOT || !QEMU)(
	"the arm64 binary answers in Telegram on a Cortex-A53, emulated (needs qemu and AEON_ARM64_ROOT)",
	async () => {
		using home = temporaryHome();
		const wrapper = join(home.path, "aeon-arm64");
		writeFileSync(
			wrapper,
			`#!/bin/sh\nexec ${QEMU} -cpu cortex-a53 -L ${ARM64_ROOT} ${await binary("linux-arm64")} "$@"\n`,
			{ mode: 0o755 },
		);
		await using it = await serve(() => ({ text: "From the Pi." }), wrapper);
		await until(() => it.telegram.pollers() === 1);
		it.telegram.say(ANNA, "hello");
		await until(() => it.texts().includes("From the Pi."));
		expect(it.telegram.violations).toEqual([]);
	},
	120_000,
);
