import { describe, expect, test } from "bun:test";
import { renderParts } from "../../../src/dialogs/whatsapp/markdown.ts";
import { readStrictly, textOf } from "./strict_marks.ts";

/** What is true, the Markdown that shows it, and the only part it becomes. */
const CONSTRUCTS: [string, string, string][] = [
	[
		"emphasis becomes marks, one of a kind at a time",
		"**bold *both*** ~~gone~~ ***x*** **a __b__ c**",
		"*bold _both_* ~gone~ _*x*_ *a b c*",
	],
	[
		"marks touch what they are around, and punctuation may stand outside",
		"(**b**), **c:** *d*! &nbsp;**&nbsp;e&#32;** ~~*f* g~~",
		"(*b*), *c:* _d_! \u00a0\u00a0*e*  ~_f_ g~",
	],
	[
		"a style over lines is marked line by line",
		"**one\ntwo  \n*three*\n\nfour** *five\nsix*",
		"**one\ntwo\n_three_\n\nfour** _five_\n_six_",
	],
	[
		"a style within a word loses its marks",
		"un**believ**able **L**ove 1**2** 这是**重点**内容 **这是**, `foo`s",
		"unbelievable Love 12 这是重点内容 *这是*, foos",
	],
	[
		"a product stays one",
		"2*3*4 cm, f(a*b, c*d), x*y*z, ä*ö*ü, *2*3, 2*3* 4",
		"2*3*4 cm, f(a*b, c*d), x*y*z, ä*ö*ü, 23, 23 4",
	],
	["two styles within a word lose their marks", "**a**_b_ **c***d*", "ab cd"],
	[
		"line breaks within a paragraph stay",
		"one\ntwo  \nthree\\\nfour\r\nfive\rsix",
		"one\ntwo\nthree\nfour\nfive\nsix",
	],
	[
		"headings are bold, and as far apart as they were written",
		"# A\n## B\ntext\n\n\n\nmore\n\n### C *d* ~~e~~\n\n",
		"*A*\n*B*\ntext\n\nmore\n\n*C _d_ ~e~*",
	],
	[
		"a heading is bold around its code, which keeps no style",
		"## Use `x` *now* or `y`",
		"*Use* `x` *_now_ or* `y`",
	],
	[
		"a line of dashes is a rule, also right below text",
		"a\n---\nb\n\n***\n\nc\n===",
		"a\n———\nb\n\n———\n\nc\n===",
	],
	[
		"HTML stands as text",
		'a < b && c "e" <b>x</b> <br>\n\n<div>\ny\n</div>\n\n<!-- z -->',
		'a < b && c "e" <b>x</b> <br>\n\n<div>\ny\n</div>\n\n<!-- z -->',
	],
	[
		"character references stand for what they name, once",
		"AT&amp;T &lt;x&gt; &amp;lt; &#65;&#x1F600; &nbsp;&quot;&apos; &copy; &#0; &#42;x&#42;",
		"AT&T <x> &lt; A😀 \u00a0\"' &copy; &#0; *\u200ax*",
	],
	[
		"a character that would be a mark is kept from it by a hair space",
		'\\*not\\* and \\_private\\_, "\\~no\\~" (\\`z\\`)',
		'\u2060*\u200anot* and _\u200aprivate_, "~\u200ano~" (`\u200az`)',
	],
	[
		"characters that are no marks are left alone",
		"2 * 3 * 4 a_b_c ~/a and ~/b 5\\*6\\*7 * x* y_ ~5 min `x \\*a \\*b _",
		"2 * 3 * 4 a_b_c ~/a and ~/b 5*6*7 * x* y_ ~5 min `x *a *b _",
	],
	[
		"a character is kept from being a mark together with a real one",
		"\\_x **y** z\\_ \\*a **b** \\`c `d`",
		"_\u200ax *y* z_ *\u200aa *b* `\u200ac `d`",
	],
	[
		"a character like a mark right after it costs the marks, right before it none",
		"**a**\\* \\***b** `c`\\` \\``d`",
		"a* *\u200a*b* c` `\u200a`d`",
	],
	[
		"characters between marks of their like lose these",
		"**a\\* b** **\\*c** **2 * 3** *_d_e* ~~**\\~f**~~",
		"a* b *\u200ac *2 * 3* _d_e *~f*",
	],
	[
		"marks in a row are kept apart only where something is between them and others",
		"\\*\\*x\\*\\* \\*\\*\\* ____",
		"\u2060*\u200a*\u200ax** *** ____",
	],
	[
		"a line's beginning makes no quote and no list that was not meant",
		"\\> a\n\n\\- b\n\n\\* c\n\n\\*d\\*\n\n1986\\. e\n\n- \\- f",
		"\u2060> a\n\n\u2060- b\n\n\u2060* c\n\n\u2060*\u200ad*\n\n1986. e\n\n• - f",
	],
	[
		"three backticks make no block that was not meant",
		"a \\`\\`\\` b\n\nc \\`\\`\\`",
		"a `\u200a`\u200a` b\n\nc ```",
	],
	["three backticks alone are left alone", "a \\`\\`\\` b", "a ``` b"],
	[
		"code within a line is read as it is",
		"run `a<b && **c** _d_` or ` e ` or `` ` `` or ``x`y``",
		"run `a<b && **c** _d_` or `e` or ` or x`y",
	],
	[
		"a block of code keeps its tabs, blank lines and marks, and loses its language",
		"see\n```js\n\tif (a<b)\n\n\n  **x** *y* `z`\n```\nafter\n~~~c++\n> y\n~~~",
		"see\n```\n\tif (a<b)\n\n\n  **x** *y* `z`\n```\nafter\n```\n> y\n```",
	],
	[
		"a fence within a block of code is parted and ends nothing",
		"~~~\n```js\nx\n````\n~~~\n\\`\\`\\`",
		"```\n``\u2060`js\nx\n``\u2060``\n```\n```",
	],
	[
		"a block of code that is not finished is one already",
		"see\n\n```\nx = [",
		"see\n\n```\nx = [\n```",
	],
	["a block of blanks is none", "a\n```\n \n```\nb", "a\nb"],
	[
		"what stands beside a language is kept, and a language is a word only",
		'```js title="a<b"\nx\n```\n```"><b>\ny\n```',
		'title="a<b"\n```\nx\n```\n"><b>\n```\ny\n```',
	],
	[
		"lists nest by indentation and count on",
		"- a\n- b\n  - c\n    more\n  - d\n\n    para\n- e\n\n3. three\n3. four\n   * x\n",
		"• a\n• b\n    • c\n        more\n    • d\n\n        para\n• e\n\n3. three\n4. four\n    • x",
	],
	[
		"tasks have boxes",
		"- [ ] do\n- [x] **done**\n  - [ ] more\n\n1. [x] first",
		"☐ do\n☑ *done*\n    ☐ more\n\n1. ☑ first",
	],
	[
		"code and quotes within a list begin on lines of their own",
		"1. do\n   ```sh\n   ls\n   ```\n   > q\n   > r\n\n   then\n2. ```\n   y\n   ```",
		"1. do\n```\nls\n```\n> q\n> r\n\n    then\n2.\n```\ny\n```",
	],
	[
		"a line of a quote on which nothing is has no mark",
		"> a\n> &nbsp;\n>\n> b",
		"> a\n\n\n> b",
	],
	[
		"every line of a quote is marked, and a block of code in it stands by itself",
		"> a **b\n> c**\n> > d\n> > - e\n>\n> ```\n> f\n> ```\n> g\n\nh",
		"> a *b*\n> *c*\n> > d\n> > • e\n\n```\nf\n```\n> g\n\nh",
	],
	[
		"a block of code begins a line also where a quote's mark stands before it",
		"> > a\n> > ```\n> > b\n> > ```",
		"> > a\n> > \n```\nb\n```",
	],
	[
		"a link's address stands after its text, without any style",
		'[a *b*](https://x.yz/?p=1&q="2") **[c](<http://x.yz/a b>)** [d](tg://user?id=1)',
		'a _b_ (https://x.yz/?p=1&q="2") *c* (http://x.yz/a%20b) d (tg://user?id=1)',
	],
	[
		"a link whose text is its address is the address",
		"**[https://x.yz](https://x.yz)** **https://x.yz/a** [e@x.yz](mailto:e@x.yz) [+1](tel:+1)",
		"https://x.yz https://x.yz/a e@x.yz +1",
	],
	[
		"what would be a mark in an address is written so that it is none and leads there all the same",
		"https://x.yz/_a_b_ https://x.yz/~c/*d*/e https://x.yz/a_b_c [f](https://x.yz/_g_)",
		"https://x.yz/%5Fa_b_ https://x.yz/~c/%2Ad*/e https://x.yz/a_b_c f (https://x.yz/%5Fg_)",
	],
	[
		"a link that leads nowhere shows its address",
		"[a](javascript:alert(1)) [b](src/b.ts) [c](#c) [d](mailto:e@x.yz) [g]()",
		"a (javascript:alert(1)) b (src/b.ts) c (#c) d (e@x.yz) g",
	],
	[
		"a link without text is its address",
		"[](https://x.yz/a) ![](https://x.yz/b) [ ](c)",
		"https://x.yz/a https://x.yz/b c",
	],
	[
		"an image is a link with its description",
		"![a **cat**](https://x.yz/c.png) ![file](c.png) [![d](https://x.yz/d)](https://x.yz)",
		"a *cat* (https://x.yz/c.png) file (c.png) d (https://x.yz/d) (https://x.yz)",
	],
	[
		"code within a link stays code",
		"**[a `b`](https://x.yz)**",
		"*a* `b` (https://x.yz)",
	],
	[
		"sources and notes keep their brackets and their lines",
		"as [1] and [^2] say, [here][1]\n\n[1]: https://x.yz\n[^2]: note",
		"as [1] and [^2] say, here (https://x.yz)\n\n[1]: https://x.yz\n[^2]: note",
	],
	[
		"a narrow table is aligned in a block of code",
		"|a|bb|\n|-|-:|\n|`x`|**1**|\n|日本👍|&lt;|\n|only|",
		"```\na      | bb\n-------+---\nx      |  1\n日本👍 |  <\nonly   |\n```",
	],
	[
		"a source's mark is no address in a table",
		"|a|b|\n|-|-|\n|x|[1]|\n\n[1]: https://x.yz",
		"```\na | b\n--+----\nx | [1]\n```\n\n[1]: https://x.yz",
	],
	[
		"a table too wide for a phone is read row by row",
		`|a|b|\n|-|-|\n|${"x".repeat(20)}|**${"y".repeat(20)}**|`,
		`*a* — *b*\n${"x".repeat(20)} — *${"y".repeat(20)}*`,
	],
	[
		"a table with addresses is read row by row, so that they can be followed",
		"|a|b|\n|-|-|\n|x|[y](https://x.yz)|\n|z|https://x.yz|",
		"*a* — *b*\nx — y (https://x.yz)\nz — https://x.yz",
	],
	[
		"what no mark is for stays as it is",
		"||spoiler|| $$x_1 * y_2$$ ==mark== :smile: ^up^\nTerm\n: meaning",
		"||spoiler|| $$x_1 * y_2$$ ==mark== :smile: ^up^\nTerm\n: meaning",
	],
	["marks with nothing in them stay", "**", "**"],
	["an empty item shows its mark", "- ", "•"],
	[
		"control characters go, half a pair becomes a question mark",
		"a\u0000b\u0007c\u009b \ud83dx\udc00 \ufffd `\u0001d` \ud83d",
		"abc ?x? ? `d`",
	],
	[
		"scripts from right to left, joined emoji and their selectors stay whole",
		"שלום **مرحبا** 👩‍👩‍👧 **❤️** 🇩🇪 e\u0301 \u202eabc",
		"שלום *مرحبا* 👩‍👩‍👧 *❤️* 🇩🇪 e\u0301 \u202eabc",
	],
	[
		"a text that the parser gives up on is shown as it was written",
		"**x**\n\n- |a\n  >1)\nb",
		"\u2060*\u200a*\u200ax**\n\n\u2060- |a\n  >1)\nb",
	],
];

describe("Markdown", () => {
	test.each(CONSTRUCTS)("%s", (_, markdown, written) => {
		expect(renderParts(markdown)).toEqual([written]);
		readStrictly(written);
	});
});

test.each([
	["nothing", ""],
	["white space", " \n\t\r\n "],
	["zero-width characters", "\u200b\u200c\u200d\ufeff\u2060\u00ad"],
	["a hair space", "\u200a"],
])("%s alone gives no part", (_, text) => {
	expect(renderParts(text)).toEqual([]);
});

test("quotes and lists deeper than anybody writes stay text", () => {
	const [quote = ""] = renderParts(`${"> ".repeat(40)}deep`);
	expect(textOf(readStrictly(quote))).toBe(`${"> ".repeat(39)}deep`);
	const [list = ""] = renderParts(`${"- ".repeat(40)}deep`);
	expect(list).toBe(`${"• ".repeat(10)}${"- ".repeat(30)}deep`);
});
