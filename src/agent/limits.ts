import type { ToolCall } from "../core/message.ts";
import type { ToolResult } from "../tools/tool.ts";

/** How often the same call with the same result is tolerated in one turn. */
const MAX_REPEATS = 3;

/** What stops a tool loop: too many calls, or the same call with the same result again and again. */
export class LoopLimits {
	readonly #maxCalls: number;
	readonly #seen = new Map<string, number>();
	#calls = 0;
	#isExceeded = false;

	constructor(maxCalls: number) {
		this.#maxCalls = maxCalls;
	}

	/** True while a further call may run. A refused one ends the loop. */
	mayRun(): boolean {
		const may = this.#calls < this.#maxCalls && !this.#isRepeating();
		this.#isExceeded ||= !may;
		return may;
	}

	/** Why the loop must end, as a sentence for the person; undefined while it need not. */
	reached(): string | undefined {
		if (this.#isRepeating())
			return `Stopped: the model made the same call ${MAX_REPEATS} times and got the same result. Ask in another way`;
		if (this.#isExceeded)
			return `Stopped: ${this.#maxCalls} tool calls are the limit for one turn. Say "go on" to continue`;
		return undefined;
	}

	count(call: ToolCall, result: ToolResult): void {
		this.#calls++;
		const key = JSON.stringify([
			call.name,
			call.input,
			result.success,
			result.output,
			result.error,
		]);
		this.#seen.set(key, (this.#seen.get(key) ?? 0) + 1);
	}

	#isRepeating(): boolean {
		return this.#seen.values().some((count) => count >= MAX_REPEATS);
	}
}
