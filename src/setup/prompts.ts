// Asking a person at the terminal, by @clack/prompts.

import {
	autocomplete,
	confirm,
	log,
	note,
	password,
	select,
	text,
	updateSettings,
} from "@clack/prompts";
import { AeonError } from "../core/errors.ts";
import { printable } from "../core/terminal.ts";
import type { Person } from "./answers.ts";

/** Lists that are longer are searched in. */
const MAX_SEEN = 8;

/** What stands before every line. */
const GUIDE_WIDTH = 4;

const CTRL_D = "\x04";

/** A person at this terminal, who leaves by Ctrl-C, Ctrl-D or Escape. */
export function openPrompts(signal: AbortSignal): Person {
	updateSettings({ aliases: { [CTRL_D]: "cancel" } });
	return {
		async choose(question, options, first) {
			const shown = options.map((option) => ({
				...option,
				label: printable(option.label),
			}));
			const about = {
				message: question,
				options: shown,
				signal,
				maxItems: MAX_SEEN,
				...(first !== undefined && { initialValue: first }),
			};
			return answered(
				options.length > MAX_SEEN
					? await autocomplete({ ...about, placeholder: "type to search" })
					: await select(about),
			);
		},
		async type(message, { initial, hint, check }) {
			const typed = await text({
				message,
				signal,
				...(initial !== undefined && { initialValue: initial }),
				...(hint !== undefined && { placeholder: hint }),
				validate: (value = "") => check?.(value.trim()),
			});
			return answered(typed ?? "").trim();
		},
		async typeHidden(message, check) {
			const typed = await password({
				message,
				signal,
				clearOnError: true,
				validate: (value = "") => check(value.trim()),
			});
			return answered(typed ?? "").trim();
		},
		async agree(message, initialValue = true) {
			return answered(await confirm({ message, signal, initialValue }));
		},
		say: (line) => log.step(wrapped(line)),
		warn: (line) => log.warn(wrapped(line)),
		show: (title, lines) => note(printable(lines), title, { format: String }),
	};
}

/** Text from outside made harmless, and broken between words where the terminal would break it anywhere. */
function wrapped(line: string): string {
	const columns = process.stdout.columns || 80;
	const width = Math.max(20, columns - GUIDE_WIDTH);
	return printable(line).replace(
		new RegExp(`(?=.{${width + 1}})(.{1,${width}}) `, "g"),
		"$1\n",
	);
}

function answered<T>(value: T): Exclude<T, symbol> {
	if (!isAnswer(value))
		throw new AeonError("cancelled", "You left before the end");
	return value;
}

function isAnswer<T>(value: T): value is Exclude<T, symbol> {
	return typeof value !== "symbol";
}
