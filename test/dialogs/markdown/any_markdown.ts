// Texts for whoever renders Markdown: what a model may write, and what it should never write.

import fc from "fast-check";

export const FAMILY = "👩‍👩‍👧‍👦";
const FLAGS = "🇩🇪🇫🇷";

/** Markdown, in which only letters that are shown are letters of Gothic. */
export const FRAGMENTS = [
	...["𐌰𐌱 ", "**𐌲**", "*𐌳 ", "_𐌴_ ", "~~𐌵~~", "`𐌶`", "**", "*", "`", "~~", "_"],
	...[
		"[𐌷](https://1.2) ",
		"[𐌸](3) ",
		"![𐌹](https://1.2)",
		"[",
		"](",
		")",
		"![",
	],
	...[
		"\n",
		"\n\n",
		"  \n",
		"\\\n",
		"\n- 𐌺",
		"\n  - ",
		"\n    ",
		"\n1. 𐌻",
		"\n3) ",
	],
	...[
		"\n# ",
		"\n> 𐌼",
		"\n> > ",
		"\n>",
		"\n---\n",
		"\n```\n",
		"\n```12\n𐌽",
		"\n~~~\n",
	],
	...[
		"\n|𐌾|𐌿|\n|-|-|\n|𐍀|𐍁|\n",
		"|",
		"\n- [ ] ",
		"\n- [x] 𐍂",
		"\n[1]: ",
		"[1]",
	],
	...[
		"<1>",
		"<!--",
		"-->",
		"<1 2=3",
		"&amp;",
		"&#51;",
		"&",
		"<",
		">",
		'"',
		"\\",
	],
	...[
		FAMILY,
		FLAGS,
		"1\u0301\u0301",
		"\u200f",
		"\u202e1",
		"\u3164",
		"\ud83d",
		"\r\n",
	],
	...["\u0000", "\t", "𐍃".repeat(900), "1 ".repeat(1500), "2".repeat(3000)],
	...[
		"\n\n3.".repeat(700),
		"```\n".repeat(3),
		"&".repeat(999),
		"https://1.2/𐍄 ",
	],
];

/** A mixture of them. */
export const markdown = fc
	.array(fc.constantFrom(...FRAGMENTS), { maxLength: 40 })
	.map((fragments) => fragments.join(""));
/** Any characters. */
export const anyText = fc.string({ unit: "binary", maxLength: 300 });
/** Any halves of characters. */
export const halves = fc
	.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 200 })
	.map((units) => String.fromCharCode(...units));

/** What has broken programs before. */
export const NAUGHTY = [
	"undefined",
	"null",
	"<script>alert(1)</script>",
	"';--",
	"%s%n%x",
	"$(touch x)",
	"../../etc/passwd",
	"&lt;b&gt;",
	"</b></code></pre>",
	'<a href="x" onclick="y">',
	'[x](https://x.yz/"><b>)',
	'```"><b>\n</pre>\n```',
	"`</code>`",
	"T̶̢̛͓̐͋o̸̡͎̒̓ ̵̧̛͎̓i̶̠͒n̷̺̕v̸͔̈́o̵̦͛k̷̗̓e̷̛̝",
	"ﷺ﷽𒐫⸻",
	"\u202eRTL\u202c\u2066iso\u2069",
	"Ⱥ İ ı ß ﬀ ǅ",
	"田中さんにあげて下さい",
	"1\ufe0f\u20e3 🏳️‍🌈 👍🏽 ☺️",
	"¯\\_(ツ)_/¯ (╯°□°）╯︵ ┻━┻)",
	"[^1]: x\n[^1]",
	"[a]: <\n[a]",
	"<a@b.c> <tel:1> <http://[::1]> http://[",
	"|\n|-\n|",
	"1. 2. 3. - * +",
	">\n>>\n- >\n> -",
	"<?php ?> <![CDATA[x]]> <!DOCTYPE y>",
	"\\",
	"toString constructor __proto__",
];

/** What takes Markdown long where it goes on and on. */
export const PATHOLOGICAL = [
	..."[ * ` < > _ ~ ![ # | & \\ ( : - + =".split(" "),
	..."*a_|**a |`a|<a |[a](b|[a][b]|a@b.|&#1|[^1]:|<!--".split("|"),
	...["> ", "- ", "1. ", "> - ", "- > ", "> a\nb\n", "> - a\nb\n", "- a\nb\n"],
	...["a\n", "a  \n", "a\n=", "|a|b\n", "|-|\n", '[a]: b "x\n', "\n", "\\\n"],
	...[
		"```\n",
		"``` a\n",
		"~~~\n~~~~\n",
		"\n\n```\n\n",
		"<b>\n",
		"\t- a\n",
		"😀",
	],
];
