import { expect, test } from "bun:test";
import { ANNA, openChat } from "./chat.ts";

test("why Telegram gives no file is told in plain words", async () => {
	await using chat = await openChat();
	const { telegram } = chat;
	telegram.addFile("big", Buffer.alloc(20 * 1024 * 1024 + 1), "a/big.pdf");
	const document = { file_unique_id: "u1", file_name: "__init__.py" };
	telegram.say(ANNA, "", { document: { file_id: "big", ...document } });
	const [big] = await chat.shows(1);
	expect(big?.split("\n")[0]).toBe(
		"[document __init__.py: it could not be fetched: it is larger than 20 MB]",
	);
	telegram.say(ANNA, "", { document: { file_id: "gone", ...document } });
	const [, gone] = await chat.shows(2);
	expect(gone?.split("\n")[0]).toBe(
		"[document __init__.py: it could not be fetched: Telegram does not have it any more]",
	);
});
