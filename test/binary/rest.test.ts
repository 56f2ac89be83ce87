import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { binary } from "../support/binary.ts";
import { temporaryHome } from "../support/home.ts";
import { ANY_PORT, startServe } from "../support/serve.ts";
import { until } from "../support/until.ts";

/** Megabytes of the binary and its libraries that a process has mapped. */
function mapped(pid: number): number {
	const status = readFileSync(`/proc/${pid}/status`, "utf8");
	return Number(/^RssFile:\s+(\d+)/m.exec(status)?.[1]) / 1000;
}

test("what only the start and a request needed of the program is unmapped when nothing happens any more", async () => {
	using home = temporaryHome({
		...ANY_PORT,
		agents: { main: { provider: "demo" } },
	});
	using serve = await startServe(home.path, [], await binary("linux-x64"));
	const { pid, url } = serve.presence;
	const started = mapped(pid);
	await until(() => mapped(pid) < started / 2);
	const rested = mapped(pid);
	const { status } = await fetch(`${url.replace("ws:", "http:")}/metrics`);
	expect(status).toBe(401);
	expect(mapped(pid)).toBeGreaterThan(rested * 1.3);
	await until(() => mapped(pid) <= rested * 1.3);
});
