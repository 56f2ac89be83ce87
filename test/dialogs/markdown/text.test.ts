import { expect, test } from "bun:test";
import { cleanText, isVisible } from "../../../src/dialogs/markdown/text.ts";

test("text is cleaned of what no platform takes", () => {
	expect(cleanText("a\u0000b\u009b\tc\r\nd\re\u2028f\u2029g")).toBe(
		"ab\tc\nd\ne\nf\ng",
	);
	expect(cleanText("\ud83dx\udc00 \ufffd 😀 \ud83d")).toBe("?x? ? 😀 ");
});

test.each(["", " \n\t", "\u200b\u2060\ufeff\u200a", "\u3164\u2800", "\u202e"])(
	"nobody can see %j",
	(text) => {
		expect(isVisible(text)).toBe(false);
		expect(isVisible(`${text}.`)).toBe(true);
	},
);
