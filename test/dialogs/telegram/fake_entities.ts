// Telegram's HTML, read as strictly as Telegram reads it (tdlib, MessageEntity.cpp: parse_html).

const TAGS = [
	..."b strong i em u ins s strike del span a code pre blockquote".split(" "),
	..."tg-spoiler tg-emoji tg-time".split(" "),
];

const NAMED: Record<string, string> = {
	lt: "<",
	gt: ">",
	amp: "&",
	quot: '"',
};

/** What a person sees of an HTML text; or why it is refused. `loose` counts `&` that stand for themselves. */
export interface PlainText {
	text: string;
	error?: string;
	loose: number;
}

/** Reads a text that was sent with `parse_mode: "HTML"`. */
export function readHtml(html: string): PlainText {
	const open: string[] = [];
	let text = "";
	let loose = 0;
	const refuse = (why: string): PlainText => ({
		text,
		loose,
		error: `can't parse entities: ${why}`,
	});
	for (let at = 0; at < html.length; ) {
		const rest = html.slice(at);
		const offset = () => Buffer.byteLength(html.slice(0, at));
		if (rest.startsWith("</")) {
			const [whole, name = ""] = /^<\/([^\s<>]*)\s*>/.exec(rest) ?? [];
			if (whole === undefined)
				return refuse(`Unclosed end tag at byte offset ${offset()}`);
			const expected = open.pop();
			if (expected === undefined)
				return refuse(`Unexpected end tag at byte offset ${offset()}`);
			if (name !== "" && name.toLowerCase() !== expected)
				return refuse(
					`Unmatched end tag at byte offset ${offset()}, expected "</${expected}>", found "</${name}>"`,
				);
			at += whole.length;
		} else if (rest.startsWith("<")) {
			const [whole, name = "", attributes = ""] =
				/^<([^\s<>]*)((?:\s+[a-z-]+(?:=(?:"[^"]*"|'[^']*'|[\w.-]+))?)*)\s*>/i.exec(
					rest,
				) ?? [];
			const tag = name.toLowerCase();
			if (whole === undefined) {
				const found = /^<([^\s<>]*)/.exec(rest)?.[1] ?? "";
				return refuse(
					TAGS.includes(found.toLowerCase())
						? `Unclosed start tag "${found}" at byte offset ${offset()}`
						: `Unsupported start tag "${found}" at byte offset ${offset()}`,
				);
			}
			if (!TAGS.includes(tag))
				return refuse(
					`Unsupported start tag "${name}" at byte offset ${offset()}`,
				);
			if (tag === "span" && !/class=["']?tg-spoiler/.test(attributes))
				return refuse(
					`Tag "span" must have class "tg-spoiler" at byte offset ${offset()}`,
				);
			open.push(tag);
			at += whole.length;
		} else if (rest.startsWith("&")) {
			const [whole, name = ""] =
				/^&(lt|gt|amp|quot|#\d+|#x[0-9a-f]+);/i.exec(rest) ?? [];
			if (whole === undefined) loose++;
			text += whole === undefined ? "&" : characterOf(name);
			at += whole?.length ?? 1;
		} else {
			const next = /^[^<&]+/.exec(rest)?.[0] ?? "";
			text += next;
			at += next.length;
		}
	}
	const unclosed = open.pop();
	if (unclosed !== undefined)
		return refuse(
			`Can't find end tag corresponding to start tag "${unclosed}"`,
		);
	return { text, loose };
}

function characterOf(name: string): string {
	if (!name.startsWith("#")) return NAMED[name.toLowerCase()] ?? "";
	const code = /^#x/i.test(name)
		? Number.parseInt(name.slice(2), 16)
		: Number(name.slice(1));
	return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : "";
}
