// Root moving a person's files, some of which are traps.

import { expect, test } from "bun:test";
import {
	chmodSync,
	chownSync,
	existsSync,
	linkSync,
	lstatSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	readlinkSync,
	symlinkSync,
	truncateSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import {
	copyFolder,
	discardFolder,
	giveFolder,
	ownerOf,
} from "../../src/service/moving.ts";
import { type Owner, withRights } from "../../src/service/rights.ts";
import { temporaryFolder } from "../support/home.ts";

const isRoot = process.getuid?.() === 0;
if (!isRoot)
	console.warn("SKIPPED: nothing moves between users: that takes root");

const PERSON: Owner = "60001:60001";
const SERVICE: Owner = "60002:60002";

/** A folder in which a person and a service have a home each, and root has a secret. */
function homes() {
	const folder = temporaryFolder();
	chmodSync(folder.path, 0o755);
	const place = (name: string, owner: Owner, mode = 0o700) => {
		const path = join(folder.path, name);
		mkdirSync(path);
		chmodSync(path, mode);
		const [uid = 0, gid = 0] = owner.split(":").map(Number);
		chownSync(path, uid, gid);
		return path;
	};
	const person = place("person", PERSON);
	const service = place("service", SERVICE);
	const from = place("person/state", PERSON);
	const secret = join(folder.path, "secret");
	writeFileSync(secret, "root's", { mode: 0o600 });
	const move = {
		from,
		reader: PERSON,
		to: join(service, "state"),
		writer: SERVICE,
	};
	return { folder, person, service, secret, move };
}

test.skipIf(!isRoot)(
	"a folder is copied as it is for another owner: links stay links, holes stay holes, and nothing sets a user",
	async () => {
		const { folder, service, secret, move } = homes();
		using _ = folder;
		await withRights(PERSON, () => {
			const at = (name: string) => join(move.from, name);
			writeFileSync(at("program"), "x", { mode: 0o755 });
			chmodSync(at("program"), 0o4755);
			linkSync(at("program"), at("same"));
			symlinkSync(secret, at("link"));
			writeFileSync(at("holes"), "");
			truncateSync(at("holes"), 1_000_000_000);
			mkdirSync(at("left out"));
			mkdirSync(at("folder"));
			writeFileSync(join(at("folder"), "left out"), "here");
		});
		Bun.spawnSync(["mkfifo", join(move.from, "pipe")]);
		chownSync(join(move.from, "pipe"), 60001, 60001);
		await copyFolder({
			...move,
			without: ["left out"],
			adapt: (copy) => writeFileSync(join(copy, "added"), ""),
		});
		const at = (name: string) => join(move.to, name);
		const names = readdirSync(move.to).sort();
		expect(names).toEqual([
			...["added", "folder", "holes", "link", "pipe", "program", "same"],
		]);
		for (const name of names) expect(ownerOf(at(name))).toBe(SERVICE);
		expect(readFileSync(at("folder/left out"), "utf8")).toBe("here");
		expect(readlinkSync(at("link"))).toBe(secret);
		expect(lstatSync(at("program")).mode & 0o7777).toBe(0o755);
		expect(lstatSync(at("same")).ino).toBe(lstatSync(at("program")).ino);
		expect(lstatSync(at("holes")).blocks).toBeLessThan(100);
		expect(ownerOf(secret)).toBe("0:0");
		expect(readdirSync(service)).toEqual(["state"]);
		await expect(copyFolder(move)).rejects.toThrow("is there already");
		expect(readdirSync(move.to).sort()).toEqual(names);
	},
);

test.skipIf(!isRoot)(
	"what its owner may not read is not copied by root either, and nothing is left of the attempt",
	async () => {
		const { folder, service, secret, move } = homes();
		using _ = folder;
		linkSync(secret, join(move.from, "hard"));
		await expect(copyFolder(move)).rejects.toThrow(
			/could not be copied to .*:\n.*Permission denied/,
		);
		expect(readdirSync(service)).toEqual([]);
		await giveFolder(move.from, PERSON);
		expect(ownerOf(secret)).toBe("0:0");
	},
);

test.skipIf(!isRoot)(
	"a folder is removed with its owner's rights, and what that owner may not remove stays",
	async () => {
		const { folder, person, move } = homes();
		using _ = folder;
		const mine = join(move.from, "root's");
		mkdirSync(mine);
		writeFileSync(join(mine, "file"), "");
		await expect(discardFolder(move.from, PERSON)).rejects.toThrow();
		expect(existsSync(join(person, "state.discarded/root's/file"))).toBe(true);
		await giveFolder(person, PERSON);
		mkdirSync(move.from);
		await giveFolder(move.from, PERSON);
		await discardFolder(move.from, PERSON);
		expect(readdirSync(person)).toEqual([]);
	},
);

test.skipIf(!isRoot)(
	"with an owner's rights root reads what they can, and is root again afterwards",
	async () => {
		const { folder, person, secret } = homes();
		using _ = folder;
		const read = withRights(PERSON, () => readFileSync(secret, "utf8"));
		await expect(read).rejects.toThrow("EACCES");
		expect(readFileSync(secret, "utf8")).toBe("root's");
		await withRights(PERSON, () => writeFileSync(join(person, "own"), ""));
		expect(ownerOf(join(person, "own"))).toBe(PERSON);
	},
);
