import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod/mini";
import { protocolPage } from "../../scripts/protocol-docs.ts";
import { EVENTS } from "../../src/server/events.ts";
import { FRAMES } from "../../src/server/frames.ts";
import { METHODS } from "../../src/server/protocol.ts";
import { temporaryHome } from "../support/home.ts";
import { ANY_PORT, startServe } from "../support/serve.ts";

const PAGE = join(import.meta.dir, "..", "..", "docs", "protocol.md");
const page = readFileSync(PAGE, "utf8");

/** What stands between fences of this language. */
function blocks(language: string): string[] {
	return [
		...page.matchAll(
			new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, "gm"),
		),
	].map((match) => match[1] ?? "");
}

test("docs/protocol.md is what the schemas say; `bun run docs` writes it", () => {
	expect(page === protocolPage()).toBe(true);
});

test("every frame in the page's conversations is one that the schemas know", () => {
	const frames = blocks("text")
		.flatMap((block) => block.trim().split("\n"))
		.map((line) => JSON.parse(line.replace(/^[→←] /, "")));
	expect(frames.length).toBeGreaterThan(15);
	const methods = new Map<unknown, keyof typeof METHODS>();
	for (const frame of frames) {
		if (frame.method in METHODS) methods.set(frame.id, frame.method);
		// The one request that is wrong on purpose.
		if (frame.method in METHODS && frame.id !== "req-3")
			z.parse(
				METHODS[frame.method as keyof typeof METHODS].params,
				frame.params,
			);
		const event = (frame.event ?? frame.method) as keyof typeof EVENTS;
		if (event in EVENTS)
			z.parse(
				z.strictObject(EVENTS[event].data.shape),
				frame.data ?? frame.params,
			);
		const answered = methods.get(frame.id);
		const payload = frame.payload ?? frame.result;
		if (payload && answered)
			z.parse(z.strictObject(METHODS[answered].payload.shape), payload);
		if (!frame.jsonrpc)
			z.parse(FRAMES[(frame.type ?? "request") as keyof typeof FRAMES], frame);
	}
});

test("the page's client, as it stands there, has its conversation with a real server", async () => {
	using home = temporaryHome(ANY_PORT);
	using serve = await startServe(home.path, ["--demo"]);
	const { url, token } = serve.presence;
	const [client = ""] = blocks("js");
	const file = join(home.path, "client.js");
	writeFileSync(
		file,
		client.replace("…", token).replace("ws://127.0.0.1:7777", url),
	);
	const child = Bun.spawn([process.execPath, file], {
		cwd: home.path,
		env: { HOME: home.path },
		stdin: new Blob(["y\n"]),
		stdout: "pipe",
		stderr: "pipe",
	});
	const [out, err, code] = await Promise.all([
		child.stdout.text(),
		child.stderr.text(),
		child.exited,
	]);
	expect({ err, code }).toEqual({ err: "", code: 0 });
	expect(out).toStartWith("Run uname -o?");
	expect(out.replaceAll("\n", "")).toEndWith(
		'exec said: "GNU/Linux[exit code 0]"',
	);
});
