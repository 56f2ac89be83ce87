import { expect, test } from "bun:test";
import {
	pasteFolder,
	restoreLineEnds,
} from "../../../src/dialogs/cli/paste.ts";

const PASTE = "ab\x1b[200~one\rtwo\nthree\x1b[201~\r\x1b[Acd";
const FOLDED = "abone␤two␤three\r\x1b[Acd";

test("a paste of several lines becomes one line, wherever the terminal's bytes are cut", () => {
	const mark = PASTE.indexOf("\x1b");
	for (let cut = 0; cut <= PASTE.length; cut++) {
		// An Escape at the end of what came is the key: nobody can tell it from the beginning of a paste.
		if (cut === mark + 1) continue;
		const fold = pasteFolder();
		const folded = fold(PASTE.slice(0, cut)) + fold(PASTE.slice(cut));
		expect(folded).toBe(FOLDED);
	}
});

test("a lone Escape is a key at once, not the beginning of a paste", () => {
	expect(pasteFolder()("\x1b")).toBe("\x1b");
});

test("what was pasted is sent with its line ends", () => {
	expect(restoreLineEnds("one␤two")).toBe("one\ntwo");
});
