// What a user can do with a path, by owners and modes.

import { expect, test } from "bun:test";
import { chmodSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { obstacle } from "../../src/service/reachable.ts";
import { temporaryFolder } from "../support/home.ts";

test("what keeps a user from a path is the path itself, or a folder above it that is not bound", () => {
	using folder = temporaryFolder();
	chmodSync(folder.path, 0o755);
	const home = join(folder.path, "home");
	const files = join(home, "files");
	mkdirSync(files, { recursive: true });
	chmodSync(home, 0o700);
	chmodSync(files, 0o777);
	const stranger = { uid: 60_001, gid: 60_001 };
	const { uid, gid } = statSync(home);
	const written = { isWritten: true, isBound: false };
	expect(obstacle(files, stranger, written)).toBe(
		`cannot be got at, since ${home} may not be entered`,
	);
	expect(obstacle(files, { uid, gid }, written)).toBeUndefined();
	const bound = { isWritten: true, isBound: true };
	expect(obstacle(files, stranger, bound)).toBeUndefined();
	expect(obstacle(join(files, "new"), stranger, bound)).toBe("is not there");
	chmodSync(files, 0o755);
	expect(obstacle(files, stranger, bound)).toBe("may not be written");
	const prompt = join(files, "prompt.md");
	writeFileSync(prompt, "");
	chmodSync(prompt, 0o640);
	const read = { isWritten: false, isBound: true };
	expect(obstacle(prompt, stranger, read)).toBe("may not be read");
	expect(obstacle(prompt, { ...stranger, gid }, read)).toBeUndefined();
});
