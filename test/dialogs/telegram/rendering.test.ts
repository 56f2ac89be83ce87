import { describe, expect, test } from "bun:test";
import { escapeHtml, plainText } from "../../../src/dialogs/telegram/html.ts";
import { renderParts } from "../../../src/dialogs/telegram/markdown.ts";
import { readStrictly } from "./strict_html.ts";

const LONG_ADDRESS = `https://x.yz/${"q".repeat(2000)}`;

/** What is true, the Markdown that shows it, and the only part it becomes. */
const CONSTRUCTS: [string, string, string][] = [
	[
		"emphasis becomes tags, one of a kind at a time",
		"**bold *both*** ~~gone~~ ***x*** **a __b__ c**",
		"<b>bold <i>both</i></b> <s>gone</s> <i><b>x</b></i> <b>a b c</b>",
	],
	[
		"line breaks within a paragraph stay",
		"one\ntwo  \nthree\\\nfour\r\nfive\rsix",
		"one\ntwo\nthree\nfour\nfive\nsix",
	],
	[
		"paragraphs and headings are as far apart as they were written",
		"# A\n## B\ntext\n\n\n\nmore\n\n### C\n\n",
		"<b>A</b>\n<b>B</b>\ntext\n\nmore\n\n<b>C</b>",
	],
	[
		"a heading is bold around its code, which keeps no style",
		"## Use `x` *now* or `y`",
		"<b>Use </b><code>x</code><b> <i>now</i> or </b><code>y</code>",
	],
	[
		"a line of dashes is a rule, also right below text",
		"a\n---\nb\n\n***\n\nc\n===",
		"a\n———\nb\n\n———\n\nc\n===",
	],
	[
		"what HTML reserves is escaped, and HTML stands as text",
		'a < b && c > d "e" <b>x</b> <br>\n\n<div>\n**y**\n</div>\n\n<!-- z -->',
		'a &lt; b &amp;&amp; c &gt; d "e" &lt;b&gt;x&lt;/b&gt; &lt;br&gt;\n\n&lt;div&gt;\n**y**\n&lt;/div&gt;\n\n&lt;!-- z --&gt;',
	],
	[
		"character references stand for what they name, once",
		"AT&amp;T &lt;x&gt; &amp;lt; &#65;&#x1F600; &nbsp;&quot;&apos; &copy; &#0; &#xD800; &#99999999; AT&T",
		"AT&amp;T &lt;x&gt; &amp;lt; A😀 \u00a0\"' &amp;copy; &amp;#0; &amp;#xD800; &amp;#99999999; AT&amp;T",
	],
	[
		"escaped marks stand for themselves",
		"\\*not\\* \\[x\\](y) \\`z\\` 2 * 3 * 4 a_b_c",
		"*not* [x](y) `z` 2 * 3 * 4 a_b_c",
	],
	[
		"code within a line is escaped and nothing in it is read",
		"run `a<b && **c**` or ``x`y``",
		"run <code>a&lt;b &amp;&amp; **c**</code> or <code>x`y</code>",
	],
	[
		"a block of code keeps its language, blank lines and indentation",
		"see\n```js\n\tif (a<b)\n\n\n  **x**\n```\nafter\n~~~c++\ny\n~~~",
		'see\n<pre><code class="language-js">    if (a&lt;b)\n\n\n  **x**</code></pre>\nafter\n<pre><code class="language-c++">y</code></pre>',
	],
	[
		"a block of code that is not finished is one already",
		"see\n\n```\nx = [",
		"see\n\n<pre>x = [</pre>",
	],
	[
		"what stands beside a language is kept, and a language is a word only",
		'```js title="a<b"\nx\n```\n```"><b>\ny\n```',
		'title="a&lt;b"\n<pre><code class="language-js">x</code></pre>\n"&gt;&lt;b&gt;\n<pre>y</pre>',
	],
	[
		"lists nest by indentation and count on",
		"- a\n- b\n  - c\n    more\n  - d\n\n    para\n- e\n\n3. three\n3. four\n   * x\n",
		"• a\n• b\n    • c\n        more\n    • d\n\n        para\n• e\n\n3. three\n4. four\n    • x",
	],
	[
		"lists are as loose as they were written",
		"- a\n\n- b\n- c\n\ntext\n- d",
		"• a\n\n• b\n• c\n\ntext\n• d",
	],
	[
		"tasks have boxes",
		"- [ ] do\n- [x] done\n  - [ ] more\n\n1. [x] first\n\n- [ ] a\n\n- [x] b",
		"☐ do\n☑ done\n    ☐ more\n\n1. ☑ first\n\n☐ a\n\n☑ b",
	],
	[
		"code and quotes within a list begin on lines of their own",
		"1. do\n   ```sh\n   ls\n   ```\n   > q\n   > r\n\n   then\n2. ```\n   y\n   ```",
		'1. do\n<pre><code class="language-sh">ls</code></pre>\n<blockquote>q\nr</blockquote>\n\n    then\n2.\n<pre>y</pre>',
	],
	[
		"a quote within a quote is marked, for Telegram nests none",
		"> a **b**\n> > c\n> > d\n>\n> ```\n> e\n> ```\n\nf",
		"<blockquote>a <b>b</b>\n&gt; c\n&gt; d\n\n<pre>e</pre></blockquote>\n\nf",
	],
	[
		"a code block in a quote in a quote keeps its lines",
		"> > ```\n> > a\n> > b\n> > ```\n> > c",
		"<blockquote><pre>a\nb</pre>\n&gt; c</blockquote>",
	],
	[
		"a link keeps its address, with quotes escaped",
		'[a *b*](https://x.yz/?p=1&q="2") and [c](<http://x.yz/a b>) [d](tg://user?id=1)',
		'<a href="https://x.yz/?p=1&amp;q=&quot;2&quot;">a <i>b</i></a> and <a href="http://x.yz/a%20b">c</a> <a href="tg://user?id=1">d</a>',
	],
	[
		"a link that Telegram would drop shows its address",
		"[a](javascript:alert(1)) [b](src/b.ts) [c](#c) [d](http://localhost:80) [e](mailto:e@x.yz) [f](tel:+1) [g]() [http://h](http://h)",
		"a (javascript:alert(1)) b (src/b.ts) c (#c) d (http://localhost:80) e (e@x.yz) f (+1) g http://h",
	],
	[
		"an address that is too long stands beside its text",
		`[a](${LONG_ADDRESS})`,
		`a (${LONG_ADDRESS})`,
	],
	[
		"addresses in text stay text, which Telegram links by itself",
		"https://x.yz/a_b_c www.x.yz <https://x.yz/&lt;> me@x.yz <me@x.yz>",
		"https://x.yz/a_b_c www.x.yz https://x.yz/&amp;lt; me@x.yz me@x.yz",
	],
	[
		"a link without text shows its address",
		"[](https://x.yz/a) ![](https://x.yz/b) [ ](c) [ ](https://x.yz/d)",
		'<a href="https://x.yz/a">https://x.yz/a</a> <a href="https://x.yz/b">https://x.yz/b</a> c <a href="https://x.yz/d">https://x.yz/d</a>',
	],
	[
		"code within a link gives way to the link, as nothing else could",
		"**[a `b`](https://x.yz)** [![c](https://x.yz/c.png)](https://x.yz)",
		'<b><a href="https://x.yz">a b</a></b> <a href="https://x.yz">c (https://x.yz/c.png)</a>',
	],
	[
		"an image is a link with its description",
		"![a **cat**](https://x.yz/c.png) ![file](c.png)",
		'<a href="https://x.yz/c.png">a <b>cat</b></a> file (c.png)',
	],
	[
		"sources and notes keep their brackets and their lines",
		"as [1] and [^2] say, [here][1]\n\n[1]: https://x.yz\n[^2]: note",
		'as <a href="https://x.yz">[1]</a> and [^2] say, <a href="https://x.yz">here</a>\n\n[1]: https://x.yz\n[^2]: note',
	],
	[
		"a narrow table is aligned in a block of code",
		"|a|bb|\n|-|-:|\n|`x`|**1**|\n|日本👍|&lt;|\n|only|",
		"<pre>a      | bb\n-------+---\nx      |  1\n日本👍 |  &lt;\nonly   |</pre>",
	],
	[
		"a table in the middle of a list aligns to its middle",
		"- x\n  |a|bcd|\n  |-|:-:|\n  |b|e|",
		"• x\n<pre>a | bcd\n--+----\nb |  e</pre>",
	],
	[
		"a table too wide for a phone is read row by row",
		`|a|b|\n|-|-|\n|${"x".repeat(20)}|**${"y".repeat(20)}**|`,
		`<b>a</b> — <b>b</b>\n${"x".repeat(20)} — <b>${"y".repeat(20)}</b>`,
	],
	[
		"a table with links is read row by row",
		"|a|b|\n|-|-|\n|x|[y](https://x.yz)|",
		'<b>a</b> — <b>b</b>\nx — <a href="https://x.yz">y</a>',
	],
	[
		"what no tag is for stays as it is",
		"||spoiler|| $$x_1 * y_2$$ ==mark== :smile: ^up^\nTerm\n: meaning",
		"||spoiler|| $$x_1 * y_2$$ ==mark== :smile: ^up^\nTerm\n: meaning",
	],
	["marks with nothing in them stay", "**", "**"],
	["an empty block of code shows as it was written", "```\n```", "```\n```"],
	["a reference to nothing visible shows as written", "&#8203;", "&amp;#8203;"],
	["an empty item shows its mark", "- ", "•"],
	[
		"control characters go, half a pair becomes a question mark",
		"a\u0000b\u0007c\u009b \ud83dx\udc00 \ufffd `\u0001d` \ud83d",
		"abc ?x? ? <code>d</code>",
	],
	["half a pair at the end of a stream is awaited", "it is \ud83d", "it is"],
	[
		"scripts from right to left, joined emoji and marks stay whole",
		"שלום **مرحبا** 👩‍👩‍👧 🇩🇪 e\u0301 \u202eabc",
		"שלום <b>مرحبا</b> 👩‍👩‍👧 🇩🇪 e\u0301 \u202eabc",
	],
];

describe("Markdown", () => {
	test.each(CONSTRUCTS)("%s", (_, markdown, html) => {
		expect(renderParts(markdown)).toEqual([html]);
		readStrictly(html);
	});
});

test.each([
	["nothing", ""],
	["white space", " \n\t\r\n "],
	["zero-width characters", "\u200b\u200c\u200d\ufeff\u2060\u00ad"],
	["a Hangul filler", "\u3164\u115f\u1160\uffa0"],
	["an empty Braille cell", "\u2800\u00a0\u3000"],
	["marks that Telegram takes away", "\u202e\u2028\u2029\u030a\u0333\u033f"],
	["control characters", "\u0000\u0007\u009f"],
])("%s alone gives no part", (_, text) => {
	expect(renderParts(text)).toEqual([]);
});

test("quotes and lists deeper than anybody writes stay text", () => {
	const [quote = ""] = renderParts(`${"> ".repeat(40)}deep`);
	expect(readStrictly(quote)).toBe(`${"> ".repeat(39)}deep`);
	const [list = ""] = renderParts(`${"- ".repeat(40)}deep`);
	expect(readStrictly(list)).toBe(`${"• ".repeat(10)}${"- ".repeat(30)}deep`);
	const [bold = ""] = renderParts(
		`${"*a _b ".repeat(20)}${"c_ d* ".repeat(20)}`,
	);
	expect(readStrictly(bold).replace(/[^*_]/g, "")).toHaveLength(64);
});

test("a text that the parser gives up on is shown as it was written", () => {
	const text = "**x**\n\n- |a\n  >1)\nb";
	expect(renderParts(text)).toEqual([escapeHtml(text)]);
});

test("a reference far below is found from everywhere above", () => {
	const filler = "Some words in a paragraph.\n\n".repeat(600);
	const parts = renderParts(`see [x][1]\n\n${filler}[1]: https://x.yz`);
	expect(parts[0]).toStartWith('see <a href="https://x.yz">x</a>\n\n');
});

test("plain text is what a part shows", () => {
	const [part = ""] = renderParts(
		'**a** < [b](https://x.yz/?a&b) `&lt;` "c"\n```py\nd>e\n```',
	);
	expect(plainText(part)).toBe('a < b &lt; "c"\nd>e');
	expect(plainText(`<b>${"😀".repeat(3000)}</b>`)).toBe("😀".repeat(2048));
	expect(plainText(`<b>x${"😀".repeat(3000)}</b>`)).toHaveLength(4095);
});

test("text is escaped as it stands between tags", () => {
	expect(escapeHtml(`<a href="x">&amp;'`)).toBe(`&lt;a href="x"&gt;&amp;amp;'`);
});
