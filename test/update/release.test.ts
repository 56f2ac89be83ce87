// Releases as they are found, and what a program is told to begin anew by.

import { expect, test } from "bun:test";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findRelease, targetName } from "../../src/update/release.ts";
import { findRunning } from "../../src/update/running.ts";
import { until } from "../support/until.ts";

const A = "a".repeat(64);
const B = "b".repeat(64);
const { signal } = new AbortController();

function temporary(): Disposable & { path: string } {
	const path = mkdtempSync(join(tmpdir(), "aeon-release-"));
	return {
		path,
		[Symbol.dispose]: () => rmSync(path, { recursive: true }),
	};
}

const NAME = targetName();
const READ: Record<string, string> = {
	"as text": `${A}  ${NAME}\n`,
	"as binary": `${A} *${NAME}\n`,
	"with the line ends of another system": `${A}  ${NAME}\r\n`,
	"in capitals": `${A.toUpperCase()}  ${NAME}\n`,
	"of a folder's files": `${B}  ./other\n${A}  ./${NAME}\n`,
	"said twice": `${A}  ${NAME}\n${A} *./${NAME}`,
};
for (const [what, text] of Object.entries(READ))
	test(`SHA256SUMS are read ${what}`, async () => {
		using folder = temporary();
		writeFileSync(join(folder.path, "SHA256SUMS"), text);
		expect((await findRelease(folder.path, signal)).sum).toBe(A);
	});

test("what a release lacks is named, with what to do about it", async () => {
	using folder = temporary();
	await expect(findRelease(`${folder.path}/no`, signal)).rejects.toMatchObject({
		message: `${folder.path}/no is not there`,
	});
	const hint = expect.stringContaining("Put the SHA256SUMS");
	await expect(findRelease(folder.path, signal)).rejects.toMatchObject({
		hint,
	});
	writeFileSync(join(folder.path, "SHA256SUMS"), `${A}  other\n`);
	await expect(findRelease(folder.path, signal)).rejects.toMatchObject({
		message: expect.stringContaining(`has no line for ${NAME}`),
		hint,
	});
});

test("a release with two sums for one file is not used", async () => {
	using folder = temporary();
	const text = `${A}  ${NAME}\n${B}  ${NAME}\n`;
	writeFileSync(join(folder.path, "SHA256SUMS"), text);
	await expect(findRelease(folder.path, signal)).rejects.toThrow(
		"two different sums",
	);
});

const REFUSED = {
	"http://example.org/aeon/": "https://",
	"file:///tmp/aeon/": "https://",
	"https://me:secret@example.org/aeon/?token=secret": "no ? and no #",
	"https://me:secret@localhost:1/aeon/": "cannot be read",
	"http://127.0.0.1:1/%zz": "is no name",
};
for (const [from, why] of Object.entries(REFUSED))
	test(`a release at ${from} is refused, and no secret said`, async () => {
		const error = await findRelease(from, signal).then(
			() => undefined,
			(thrown) => thrown,
		);
		expect(String(error)).toContain(why);
		expect(String(error)).not.toContain("secret");
	});

test("no address is followed from another machine to this one, or without encryption", async () => {
	const leadTo = async (target: string) => {
		using server = Bun.serve({
			port: 0,
			fetch: () => Response.redirect(target),
		}) as Bun.Server<never> & Disposable;
		const from = `http://127.0.0.1:${server.port}/`;
		const error = await findRelease(from, signal).catch((thrown) => thrown);
		return String(error);
	};
	expect(await leadTo("http://example.org/")).toContain("not safe");
	expect(await leadTo("file:///etc/passwd")).toContain("not safe");
});

test.skipIf(process.platform !== "linux")(
	"only a server of the same user that hears it is told to begin anew",
	async () => {
		using folder = temporary();
		const program = realpathSync("/bin/sh");
		const uid = process.getuid?.() ?? 0;
		const find = async (script: string, owner = uid) => {
			writeFileSync(join(folder.path, "serve"), script);
			const child = Bun.spawn([program, "serve"], {
				cwd: folder.path,
				stdin: "pipe",
				stdout: "pipe",
			});
			const reader = child.stdout.getReader();
			await reader.read();
			const store = { driver: "sqlite", path: "" };
			const presence = { url: "", token: "", config: "", store };
			const server = { pid: child.pid, ...presence };
			const found = await findRunning(program, undefined, server, owner);
			child.kill("SIGKILL");
			await child.exited;
			await until(() => child.exitCode !== null || child.signalCode !== null);
			return found.kind;
		};
		const hearing = "trap : USR2; echo; read line";
		expect(await find(hearing)).toBe("process");
		expect(await find("echo; read line")).toBe("foreign");
		expect(await find(hearing, uid + 1)).toBe("foreign");
	},
);
