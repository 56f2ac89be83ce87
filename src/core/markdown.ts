// Where texts of Aeon's own meet Markdown that others wrote.

/** What stays as it is: spans of code, and addresses. */
const KEPT =
	/(?<!`)(?<ticks>`+)(?!`)[\s\S]*?(?<!`)\k<ticks>(?!`)|(?:https?:\/\/|www\.)[a-zA-Z\d][^\s<]*/;

/** What has a meaning at the beginning of a block, and within a line. */
const LEAD = /^(?:#+(?=\s)|>|[-+*](?=[\s*-]|$)|`{3,}(?=[^`]*$)|~{3,})/;
const MARK =
	/\\(?=[!-/:-@[-`{-~])|\](?=[([])|\*+(?=[^\s*])|(?<![\p{L}\p{N}_])_+(?=[^\s_])|~+(?=[^\s~])|<(?=[a-zA-Z/!?])|&(?=#?\w+;)/u;

const MARKS = new RegExp(
	`(?<lead>${LEAD.source})|${KEPT.source}|(?<mark>${MARK.source})|\`+`,
	"gu",
);

/** Where one of these is the last that could end what an earlier one has begun. */
const ENDS: Record<string, RegExp> = {
	"*": /[^\s*]\*/g,
	_: /[^\s_]_/g,
	"~": /[^\s~]~/g,
	"<": />/g,
};

const LIST_MARKER = /(?:[-*+]|\d{1,9}[.)])( +|$)/y;
const FENCE = /(?:`{3,}(?=[^`]*$)|~{3,})/y;

/** A block of code that has begun: its fence, and the column in which its list item's content stands. */
interface Fence {
	mark: string;
	column: number;
}

/**
 * The line that closes the block of code which the text has begun and not ended, as CommonMark has it; undefined where
 * none is open. One in a quote is none, since a blank line ends it.
 */
export function openFence(text: string): string | undefined {
	let open: Fence | undefined;
	let items: number[] = [];
	for (const raw of text.split(/\r\n?|\n/)) {
		const line = raw.replaceAll("\t", "    ").trimEnd();
		if (line === "") continue;
		const indent = line.search(/\S/);
		if (open && indent >= open.column) {
			if (closes(line, open)) open = undefined;
			continue;
		}
		items = items.filter((column) => column <= indent);
		open = fenceOf(line, indent, items);
	}
	return open && " ".repeat(open.column) + open.mark;
}

/**
 * Text from outside as Markdown that shows it as it is, on one line. Spans of code stay what they are, and so does all
 * that means nothing, for it is read as it stands in a terminal.
 */
export function literal(text: string): string {
	const line = text.trim().replace(/\s*[\r\n]\s*/g, " ");
	const ends = new Map<string, number>(
		Object.entries(ENDS).map(([mark, end]) => [
			mark,
			[...line.matchAll(end)].at(-1)?.index ?? -1,
		]),
	);
	return line.replace(MARKS, (found: string, ...rest: unknown[]) => {
		const { lead, mark } = rest.at(-1) as { lead?: string; mark?: string };
		const end = ends.get(found.charAt(0)) ?? Number.POSITIVE_INFINITY;
		const isMeant = lead || (mark && Number(rest.at(-3)) < end);
		return isMeant ? found.replace(/./g, "\\$&") : found;
	});
}

/** Text as a span of code, whatever is in it. */
export function code(text: string): string {
	const runs = new Set<string>(text.match(/`+/g));
	let ticks = "`";
	while (runs.has(ticks)) ticks += "`";
	const isBare = !/^`|`$|^ .* $/.test(text);
	return isBare ? `${ticks}${text}${ticks}` : `${ticks} ${text} ${ticks}`;
}

function closes(line: string, { mark, column }: Fence): boolean {
	const text = line.trimStart();
	const isNear = line.length - text.length - column <= 3;
	return isNear && text.startsWith(mark) && /^(`+|~+)$/.test(text);
}

/** The fence that a line opens. The list items that the line begins are added. */
function fenceOf(
	line: string,
	indent: number,
	items: number[],
): Fence | undefined {
	let at = indent;
	for (;;) {
		const column = items.at(-1) ?? 0;
		if (at - column > 3) return undefined; // code by its indent
		FENCE.lastIndex = LIST_MARKER.lastIndex = at;
		const mark = FENCE.exec(line)?.[0];
		if (mark) return { mark, column };
		const marker = LIST_MARKER.exec(line);
		if (!marker) return undefined;
		const [{ length }, gap = ""] = marker;
		const isPadded = gap.length >= 1 && gap.length <= 4;
		items.push(at + (isPadded ? length : length - gap.length + 1));
		at += length;
	}
}
