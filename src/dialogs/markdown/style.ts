// What rendered Markdown is made of, and what a dialog says of how it shows it.

/** A tag as it begins and ends. Pieces share a tag where they carry the same object. */
export interface Tag {
	name: "b" | "i" | "s" | "a" | "code" | "pre" | "blockquote";
	open: string;
	close: string;
}

/** A piece of visible text; its tags from the outermost to the innermost. */
export interface Run {
	text: string;
	tags: readonly Tag[];
}

/** How a dialog shows what was rendered. */
export interface Style {
	bold: Tag;
	italic: Tag;
	struck: Tag;
	code: Tag;
	quote: Tag;
	/** A block of code, in a language where one is known. */
	pre(language?: string): Tag;
	/** What a link to this address stands in; undefined where nobody could follow it, and it is text. */
	link(address: string): Tag | undefined;
	/** True where the link is around its text; else it is around the address, which is written after the text. */
	hidesAddresses: boolean;
	/** What stands for a tab in a block of code. */
	tab: string;
	/** How many units of text a part may have at most that begins at an offset within a run. */
	reach(runs: readonly Run[], first: number, offset: number): number;
	/** Pieces as they are sent. */
	write(runs: readonly Run[]): string;
	/** UTF-16 units that are sent at most; text is cut until what is written has no more. */
	maxWritten: number;
}
