import { expect, test } from "bun:test";
import { openStore } from "../../src/app.ts";
import { remoteStore } from "../../src/remote/store.ts";
import { loadSettings } from "../../src/settings/settings.ts";
import { homeWithModel } from "../commands/home_with_model.ts";
import { ANY_PORT, startServe } from "../support/serve.ts";
import { connectDialog } from "./remote.ts";

test("sessions of any number and length come through a server as they lie in the store", async () => {
	using it = await homeWithModel([], ANY_PORT);
	const { home } = it;
	const settings = await loadSettings({
		env: {},
		cwd: home,
		home,
		needs: "storage",
	});
	const store = await openStore(settings);
	const long = "agent:main:cli:long";
	const texts = Array.from({ length: 1201 }, (_, n) => `message ${n} \ud83d`);
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
	expect(await remote.deleteSession(long)).toBe(true);
	expect(await remote.deleteSession(long)).toBe(false);
	expect(await remote.getSession(long)).toBeUndefined();
	expect(await Array.fromAsync(remote.exportSession(long))).toEqual([]);
}, 60_000);
