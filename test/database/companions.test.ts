import { expect, test } from "bun:test";
import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { logOf } from "../../src/database/companions.ts";
import { openConnection } from "../../src/database/database.ts";
import { Patience } from "../../src/database/patience.ts";
import { SESSIONS } from "../../src/storage/migrations.ts";
import { temporaryFolder } from "../support/home.ts";

test("the log of a database that a link leads to is the one that SQLite writes, beside the file itself", async () => {
	using folder = temporaryFolder();
	const card = join(folder.path, "card");
	mkdirSync(card);
	const link = join(folder.path, "sessions.db");
	const file = join(card, "sessions.db");
	await (await openConnection(file, SESSIONS, new Patience())).close();
	symlinkSync(file, link);
	const connection = await openConnection(link, SESSIONS, new Patience());
	await connection.write(() =>
		connection.database.exec("INSERT INTO sessions VALUES ('k', 'main', 1, 1)"),
	);
	expect(existsSync(logOf(link))).toBe(true);
	expect(logOf(link)).toBe(logOf(file));
	await connection.synced();
	await connection.close();
});
