// What a page tells its reader to do: the commands in its fenced blocks, and its tables.

/** A command of a page. */
export interface Command {
	/** The whole line; what a reader puts into it is in capital letters. */
	text: string;
	/** What the page shows of its answer; nothing where it shows none. */
	shows: string[];
}

/** The commands of the blocks marked `sh` (every line) and `console` (lines after `$ `, with what they print), in order. */
export function readCommands(markdown: string): Command[] {
	const commands: Command[] = [];
	for (const [, kind, block = ""] of markdown.matchAll(
		/^```(sh|console)\n(.*?)^```$/gms,
	))
		for (const line of block.trimEnd().split("\n")) {
			const isCommand = kind === "sh" || line.startsWith("$ ");
			if (isCommand)
				commands.push({ text: line.replace(/^\$ /, ""), shows: [] });
			else commands.at(-1)?.shows.push(line);
		}
	return commands;
}

/** The cells of the table whose head begins with this word, without the head. Throws where there is none. */
export function readTable(markdown: string, head: string): string[][] {
	const lines = markdown.split("\n");
	const first = lines.findIndex((line) => line.startsWith(`| ${head}`));
	if (first < 0) throw new Error(`The page has no table of "${head}".`);
	const rows: string[][] = [];
	for (const line of lines.slice(first + 2)) {
		if (!line.startsWith("|")) break;
		rows.push(
			line
				.split("|")
				.slice(1, -1)
				.map((cell) => cell.trim()),
		);
	}
	return rows;
}
