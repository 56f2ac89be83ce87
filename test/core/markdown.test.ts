import { describe, expect, test } from "bun:test";
import { code, literal, openFence } from "../../src/core/markdown.ts";
import { plainText } from "../../src/dialogs/telegram/html.ts";
import { renderParts } from "../../src/dialogs/telegram/markdown.ts";

/** What Telegram shows of Markdown, and in which tags. */
function shown(markdown: string): { text: string; tags: string[] } {
	const html = renderParts(markdown).join("");
	return { text: plainText(html), tags: html.match(/<\w+/g) ?? [] };
}

describe("a block of code that is open", () => {
	const cases: [string, string | undefined][] = [
		["", undefined],
		["plain `code` and ``more``", undefined],
		["```", "```"],
		["```js\nlet a;", "```"],
		["before\n\n````md\n```js\n```\n", "````"],
		["```js\nlet a;\n```", undefined],
		["```js\nlet a;\n`````  \n", undefined],
		["```js\nlet a;\n``", "```"],
		["```js\nlet a;\n```js", "```"],
		["```js\r\nlet a;\r\n```\r\n", undefined],
		["~~~ a `b`\n```\n", "~~~"],
		["~~~~\n~~~\n", "~~~~"],
		["~~~\n~~~\n```\n", "```"],
		["``` a ` b", undefined],
		["say ``` here", undefined],
		["   ```\na", "```"],
		["    ```\na", undefined],
		["```\na\n   ```", undefined],
		["```\na\n    ```", "```"],
		["> ```\n> a", undefined],
		["```\n> ```", "```"],
		["- ```js\n  a", "  ```"],
		["- a\n\n  ```js\n  b\n\n  c", "  ```"],
		["10. a\n    ```js\n    b", "    ```"],
		["- a\n  - b\n    ```\n    c\n    ```", undefined],
		["- a\n\t- b\n\n\t\t```\n\t\tc", "      ```"],
		["- a\n  ```\n  b\nafter", undefined],
		["- a\n```\nb", "```"],
		["-\n  ```\n  b", "  ```"],
		["**bold**\n* * *\n```\na", "```"],
	];
	test.each(cases)("%j is closed by %j", (text, line) => {
		expect(openFence(text)).toBe(line);
	});
});

describe("text from outside in a sentence of Aeon's", () => {
	const same = [
		"Stopped",
		"2 * 3, a_b_c, ~/aeon, ~5 < 6 > 4, [1] (x), C:\\aeon",
		"the host said 401: no `key` here ` or there",
		"see https://x.yz/_a_*b* and www.x.yz/~a~b",
		'say "go on" to continue; /new starts afresh',
		"*alone and _alone, R&D, a <b",
	];
	test.each(same)("%j stays as it is", (text) => {
		expect(literal(text)).toBe(text);
		expect(shown(`[${text}]`).text).toBe(`[${text.replace(/`key`/, "key")}]`);
	});

	const marked: [string, string][] = [
		["__init__.py", "\\_\\_init__.py"],
		["[click](http://evil.com).txt", "[click\\](http://evil.com).txt"],
		["![x][y] [z]: w", "![x\\][y] [z]: w"],
		["**a** *b* ~~c~~ ~d~", "\\*\\*a** \\*b* \\~\\~c~~ \\~d~"],
		["\\* &amp; <http://x.yz>", "\\\\* \\&amp; \\<http://x.yz>"],
		['<a href="*x*">', '\\<a href="\\*x*">'],
		["# a", "\\# a"],
		["> a", "\\> a"],
		["- a", "\\- a"],
		["``` a", "\\`\\`\\` a"],
		["~~~ a", "\\~\\~\\~ a"],
	];
	test.each(marked)("%j shows as it is", (text, markdown) => {
		expect(literal(text)).toBe(markdown);
		expect(shown(markdown)).toEqual({ text, tags: [] });
	});

	test("it is on one line", () => {
		expect(literal(" a\r\n\n# b \n- c\n")).toBe("a # b - c");
	});

	test("any mixture of marks shows as it is", () => {
		let seed = 7;
		const next = (below: number) => {
			seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
			return Math.floor((seed / 2 ** 31) * below);
		};
		const pieces = "* ** _ __ ~ ~~ [ ] ( ) < > & \\ ! # - a b. ; amp é".split(
			" ",
		);
		pieces.push(" ", " ");
		for (let n = 0; n < 5_000; n++) {
			const text = Array.from({ length: 1 + next(12) }, () => {
				return pieces[next(pieces.length)];
			}).join("");
			const line = `x ${text.trim().replace(/ +/g, " ")} x`;
			const markdown = literal(line);
			expect([line, shown(`[${markdown}]`)]).toEqual([
				line,
				{ text: `[${line}]`, tags: [] },
			]);
		}
	});
});

test("a span of code holds any text", () => {
	const spans = {
		"__init__.py": "`__init__.py`",
		"a`b": "``a`b``",
		"``a` b": "``` ``a` b ```",
		"a`": "`` a` ``",
		" a ": "`  a  `",
	};
	for (const [text, span] of Object.entries(spans)) {
		expect(code(text)).toBe(span);
		expect(shown(span)).toEqual({ text: text.trim(), tags: ["<code"] });
	}
});
