import { hasCode } from "../../core/errors.ts";
import { plainText } from "./html.ts";

/** A text as a method takes it. */
export interface Form {
	text: string;
	parse_mode?: "HTML";
}

/** Does it with HTML; where Telegram cannot read that, once more as plain text. */
export async function orPlain<T>(
	html: string,
	work: (form: Form) => Promise<T>,
): Promise<T> {
	try {
		return await work({ text: html, parse_mode: "HTML" });
	} catch (error) {
		if (!isUnreadable(error)) throw error;
		return work({ text: plainText(html) });
	}
}

/** True of a refusal that is about the HTML. */
function isUnreadable(error: unknown): boolean {
	return (
		hasCode(error, "peer_rejected") &&
		error.status === 400 &&
		/can't parse|entit|tag/i.test(error.message)
	);
}
