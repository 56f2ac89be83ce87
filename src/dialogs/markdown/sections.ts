// Markdown in sections that can be read one after another: marked takes quadratic time for some blocks.

/** UTF-16 units from which on a section ends as soon as it can; at twice as many it ends at a line. */
const SECTION = 5000;

/** Below which a table may begin: for each such line marked reads on to the end. */
const DELIMITERS = /^[ >]*[|:-][ |:-]*$/;
const MAX_DELIMITERS = 20;

/** A fence at the beginning of its line opens code wherever it stands. */
const FENCE = /^(`{3,})[^`]*$|^(~{3,})/;

/** A fenced block and a line are in one section, however long; other text is cut where a block surely ends if it can be. */
export function* sections(markdown: string): Generator<string> {
	let section = "";
	let fence = "";
	let wasBlank = false;
	let delimiters = 0;
	for (const line of markdown.match(/[^\n]*\n|[^\n]+$/g) ?? []) {
		if (fence) {
			section += line;
			if (!closes(line, fence)) continue;
			yield section;
			section = fence = "";
			continue;
		}
		const opened = FENCE.exec(line.trimEnd());
		if (DELIMITERS.test(line.trimEnd())) delimiters++;
		const isFull =
			(section.length > SECTION && wasBlank && /^\S/.test(line)) ||
			section.length + line.length > 2 * SECTION ||
			delimiters > MAX_DELIMITERS;
		if (opened || isFull) {
			if (section) yield section;
			section = "";
			delimiters = 0;
		}
		fence = opened?.[1] ?? opened?.[2] ?? "";
		wasBlank = !line.trim();
		section += line;
	}
	if (section) yield section;
}

function closes(line: string, fence: string): boolean {
	const text = line.trim();
	return (
		/^ {0,3}[`~]/.test(line) &&
		text.length >= fence.length &&
		text === fence.charAt(0).repeat(text.length)
	);
}
