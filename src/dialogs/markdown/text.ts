// What of a text can be sent, and seen.

const INVISIBLE =
	/^(?:[\s\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}\p{Z}\u2800\ufffc]|\u030a|\u0333|\u033f)*$/u;

/**
 * Text without what platforms refuse or change on their own: control characters, other line ends than `\n`, halves of
 * surrogate pairs. Half a pair at the very end is what a stream has not finished yet.
 */
export function cleanText(text: string): string {
	return text
		.replace(/[\ud800-\udbff]$/, "")
		.toWellFormed()
		.replace(/\ufffd/g, "?")
		.replace(/\r\n?|[\u2028\u2029]/g, "\n")
		.replace(/[^\P{Cc}\t\n]/gu, "");
}

/** False of text that a platform takes for empty, or that nobody can see. */
export function isVisible(text: string): boolean {
	return !INVISIBLE.test(text);
}
