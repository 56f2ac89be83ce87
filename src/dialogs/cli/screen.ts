import type { TurnEvent } from "../../core/event.ts";
import { type Output, paint, printable, visible } from "../../core/terminal.ts";

const SPINNER = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const SPINNER_MS = 80;
const CLEAR_LINE = "\r\x1b[K";

/** How much of a tool call is shown. */
const MAX_CALL_LENGTH = 76;

/** Where a screen writes: the answer to one place, what stands beside it to another. */
export interface ScreenOptions {
	out: Output;
	aside: Output;
}

/** Shows a turn in a terminal: a spinner until the first word, the text as it comes, tool calls as one quiet line each. */
export class Screen {
	readonly #options: ScreenOptions;
	#spinner: ReturnType<typeof setInterval> | undefined;
	#lastText = "\n";

	constructor(options: ScreenOptions) {
		this.#options = options;
	}

	show(event: TurnEvent): void {
		switch (event.type) {
			case "agent.start":
				this.#spin();
				break;
			case "agent.delta":
				this.#write(printable(event.text));
				break;
			case "agent.thinking":
				break;
			case "agent.tool_call":
				this.line(`· ${event.name} ${describeInput(event.input)}`);
				this.#spin();
				break;
			case "agent.tool_result":
				if (!event.success) this.line(`  ${firstLine(event.output)}`);
				this.#spin();
				break;
			case "agent.done":
				this.#endLine();
				break;
			case "agent.error":
				this.#endLine();
				if (event.result.text === "") this.failure(event.result.error?.message);
				break;
		}
	}

	/** A quiet line of its own, beside the answer. */
	line(text: string): void {
		this.#endLine();
		const { aside } = this.#options;
		aside.write(`${paint("dim", visible(text), aside.hasColour)}\n`);
	}

	/** What went wrong, as a line of its own. */
	failure(message = "something went wrong"): void {
		this.#endLine();
		const { aside } = this.#options;
		aside.write(`${paint("red", printable(message), aside.hasColour)}\n`);
	}

	/** Takes the spinner away; nothing moves on the screen afterwards. */
	rest(): void {
		if (!this.#spinner) return;
		clearInterval(this.#spinner);
		this.#spinner = undefined;
		this.#options.out.write(CLEAR_LINE);
	}

	#write(text: string): void {
		this.rest();
		if (text === "") return;
		this.#options.out.write(text);
		this.#lastText = text;
	}

	#endLine(): void {
		this.rest();
		if (!this.#lastText.endsWith("\n")) this.#write("\n");
	}

	/** Starts the spinner, where colours are wanted and the cursor stands at the beginning of a line. */
	#spin(): void {
		const { out } = this.#options;
		const stands = this.#lastText.endsWith("\n");
		if (!out.hasColour || this.#spinner || !stands) return;
		let frame = 0;
		const draw = () => {
			const sign = SPINNER[frame++ % SPINNER.length] ?? "";
			out.write(`\r${paint("cyan", sign, true)} `);
		};
		draw();
		this.#spinner = setInterval(draw, SPINNER_MS);
		this.#spinner.unref();
	}
}

/** A call's input in one line: the one value where there is one, else all of it as JSON. */
function describeInput(input: Record<string, unknown>): string {
	const values = Object.values(input);
	const text =
		typeof values[0] === "string" && values.length === 1
			? values[0]
			: JSON.stringify(input);
	const line = text.replaceAll(/\s+/g, " ");
	return line.length > MAX_CALL_LENGTH
		? `${line.slice(0, MAX_CALL_LENGTH)}…`.toWellFormed()
		: line;
}

function firstLine(text: string): string {
	return text.split("\n", 1)[0]?.slice(0, 120) ?? "";
}
