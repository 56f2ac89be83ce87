import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { openStore } from "../../src/app_store.ts";
import { remoteStore } from "../../src/remote/store.ts";
import { loadSettings } from "../../src/settings/settings.ts";
import type { StoredMessage } from "../../src/storage/store.ts";
import { homeWithModel } from "../commands/home_with_model.ts";
import { start } from "../support/command.ts";
import { ANY_PORT, startServe } from "../support/serve.ts";
import { connectDialog, SESSION } from "./remote.ts";

const MB = 1024 * 1024;

test("sessions of any number and length come through a server as they lie in the store", async () => {
	using it = await homeWithModel([{ text: "Meanwhile." }], ANY_PORT);
	const { home } = it;
	const settings = await loadSettings({
		env: {},
		cwd: home,
		home,
		needs: "storage",
	});
	const store = await openStore(settings);
	const long = "agent:main:cli:long";
	const texts = Array.from({ length: 3201 }, (_, n) => `message ${n} \ud83d`);
	texts[600] = "x".repeat(2_000_000);
	for (const [n, content] of texts.entries())
		await store.saveMessage(long, { role: "user", content }, n + 1);
	for (let n = 0; n < 1001; n++)
		await store.saveMessage(
			`agent:main:cli:${n}`,
			{ role: "user", content: `${n}` },
			5000 + (n % 7),
		);
	const listed = await store.listSessions();
	const exported = await Array.fromAsync(store.exportSession(long));
	const session = await store.getSession(long);
	await store.close();

	using _serve = await startServe(home);
	using dialog = await connectDialog(home);
	const remote = remoteStore(dialog.connection);
	expect(await remote.listSessions()).toEqual(listed);
	expect(listed).toHaveLength(1002);
	expect(await Array.fromAsync(remote.exportSession(long))).toEqual(exported);
	expect(exported.map(({ content }) => content)).toEqual(texts);
	expect(await remote.getSession(long)).toEqual(session);
	const whileTalking: StoredMessage[] = [];
	for await (const message of remote.exportSession(long)) {
		if (whileTalking.length === 0) await dialog.say("More.", long);
		whileTalking.push(message);
	}
	expect(whileTalking).toEqual(exported);
	expect(await Array.fromAsync(remote.exportSession(long))).toHaveLength(3203);
	expect(await remote.deleteSession(long)).toBe(true);
	expect(await remote.deleteSession(long)).toBe(false);
	expect(await remote.getSession(long)).toBeUndefined();
	expect(await Array.fromAsync(remote.exportSession(long))).toEqual([]);
}, 60_000);

test("of a session that is exported through a server only a little is held at a time, however long it is", async () => {
	using it = await homeWithModel([], ANY_PORT);
	const { home } = it;
	const store = await openStore(
		await loadSettings({ env: {}, cwd: home, home, needs: "storage" }),
	);
	// As large as a page, each.
	const content = "x".repeat(MB / 2);
	for (let n = 1; n <= 120; n++)
		await store.saveMessage(SESSION, { role: "user", content }, n);
	await store.close();
	using _serve = await startServe(home);
	const child = start(["sessions", "export", SESSION], { home });
	let size = 0;
	let peak = 0;
	for await (const chunk of child.stdout) {
		size += chunk.length;
		peak = Math.max(peak, residentOf(child.pid));
	}
	expect(await child.exited).toBe(0);
	expect(size).toBeWithin(60 * MB, 70 * MB);
	expect(peak).toBeWithin(20 * MB, 170 * MB);
}, 60_000);

/** Bytes of memory that a process has now; what a child is said to have had at most may be its parent's. */
function residentOf(pid: number): number {
	const path = `/proc/${pid}/status`;
	const status = existsSync(path) ? readFileSync(path, "utf8") : "";
	return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1024;
}
