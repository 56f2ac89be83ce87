import { expect, test } from "bun:test";
import { run } from "../support/command.ts";
import { temporaryHome } from "../support/home.ts";

for (const driver of ["sqlite", "file"])
	test(`sessions in the ${driver} store are listed, shown, exported and deleted`, async () => {
		using home = temporaryHome({
			agents: { main: { provider: "demo" } },
			storage: { driver },
		});
		const aeon = (...args: string[]) => run(args, { home: home.path });
		expect((await aeon("sessions", "list")).out).toBe("No sessions yet.\n");
		await aeon("chat", "-m", "write hello to a.txt");
		await aeon("chat", "-m", "hello", "--session", "work");

		const list = (await aeon("sessions", "list")).out;
		expect(list.match(/agent:main:cli:\w+/g)).toEqual([
			"agent:main:cli:work",
			"agent:main:cli:local",
		]);
		expect(list).toContain("4 messages");
		const lines = (await aeon("sessions", "list", "--json")).out
			.trim()
			.split("\n");
		expect(lines.map((line) => JSON.parse(line).message_count)).toEqual([2, 4]);

		const { out: shown } = await aeon("sessions", "show", "local");
		expect(shown).toContain("user\nwrite hello to a.txt");
		expect(shown).toContain('· file_write {"path":"a.txt","content":"hello"}');
		expect(shown).toContain('tool file_write\nWrote 5 bytes to "a.txt".');

		const exported = (
			await aeon("sessions", "export", "agent:main:cli:local")
		).out
			.trim()
			.split("\n")
			.map((line) => JSON.parse(line));
		expect(exported.map(({ role }) => role)).toEqual([
			"user",
			"assistant",
			"tool",
			"assistant",
		]);
		expect(exported[1].metadata.tool_calls).toMatchObject([
			{ name: "file_write", input: { path: "a.txt", content: "hello" } },
		]);

		expect((await aeon("sessions", "delete", "work")).out).toBe(
			"Deleted agent:main:cli:work.\n",
		);
		const gone = await aeon("sessions", "show", "work");
		expect(gone.code).toBe(1);
		expect(gone.err).toBe(
			"aeon: there is no session agent:main:cli:work\naeon sessions list shows those that there are.\n",
		);
	});

test("sessions can be read without the key that a chat needs", async () => {
	using home = temporaryHome({
		agents: {
			main: { provider: "anthropic", model: "m", api_key: "${NOT_SET}" },
		},
	});
	expect((await run(["sessions", "list"], { home: home.path })).code).toBe(0);
});
