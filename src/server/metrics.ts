// Figures for /metrics, in the text format of Prometheus (Exposition formats, "Text-based format", version 0.0.4).

import type { RuntimeEvent, TurnResult } from "../core/event.ts";
import { CODE_ON_WIRE } from "./codes.ts";

/** Upper bounds in seconds, of turns and of their first words. */
const BUCKETS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];

/** A model may ask for tools of any name: further ones are not counted by theirs. */
const MAX_SERIES = 500;

/** Values of the moment, which are read when they are asked for. */
export interface Gauges {
	clients: number;
	running: number;
	waiting: number;
	rssBytes: number;
	uptimeSeconds: number;
}

/** Counts what the runtime tells. */
export class Metrics {
	readonly #counters = new Map<string, number>();
	readonly #turnSeconds = new Histogram();
	readonly #firstDeltaSeconds = new Histogram();
	/** When the runs began that have not ended, and whether they have said anything. */
	readonly #running = new Map<
		string,
		{ startedAt: number; hasSpoken: boolean }
	>();

	observe(event: RuntimeEvent): void {
		switch (event.type) {
			case "agent.start":
				this.#running.set(event.runId, {
					startedAt: performance.now(),
					hasSpoken: false,
				});
				break;
			case "agent.delta":
				this.#observeDelta(event.runId);
				break;
			case "agent.tool_result":
				this.#count("aeon_tool_calls_total", {
					tool: event.name,
					success: String(event.success),
				});
				break;
			case "agent.done":
				this.#observeEnd(event.result);
				this.#count("aeon_turns_total", { outcome: "done" });
				break;
			case "agent.error":
				this.#observeEnd(event.result);
				this.#count("aeon_turns_total", { outcome: "error" });
				this.countError(CODE_ON_WIRE[event.result.error?.code ?? "internal"]);
				break;
		}
	}

	/** An error that somebody was told, by its code. */
	countError(code: string): void {
		this.#count("aeon_errors_total", { code });
	}

	/** Everything, as Prometheus reads it. */
	expose(gauges: Gauges): string {
		const lines = [
			...family("aeon_turns_total", "counter", "Turns that have ended"),
			...this.#lines("aeon_turns_total"),
			...family("aeon_tokens_total", "counter", "Tokens by model and kind"),
			...this.#lines("aeon_tokens_total"),
			...family("aeon_tool_calls_total", "counter", "Tool calls"),
			...this.#lines("aeon_tool_calls_total"),
			...family("aeon_errors_total", "counter", "Errors by their code"),
			...this.#lines("aeon_errors_total"),
			...gauge("aeon_clients", "Connected clients", gauges.clients),
			...gauge("aeon_turns_running", "Turns that run", gauges.running),
			...gauge("aeon_messages_waiting", "Messages behind them", gauges.waiting),
			...gauge("process_resident_memory_bytes", "Memory", gauges.rssBytes),
			...gauge("aeon_uptime_seconds", "Since the start", gauges.uptimeSeconds),
			...this.#turnSeconds.expose("aeon_turn_seconds", "Whole turns"),
			...this.#firstDeltaSeconds.expose(
				"aeon_first_delta_seconds",
				"From a turn's beginning to its first word",
			),
		];
		return `${lines.join("\n")}\n`;
	}

	#observeDelta(runId: string): void {
		const run = this.#running.get(runId);
		if (!run || run.hasSpoken) return;
		run.hasSpoken = true;
		this.#firstDeltaSeconds.observe(secondsSince(run.startedAt));
	}

	#observeEnd({ runId, usage, model = "none" }: TurnResult): void {
		const run = this.#running.get(runId);
		if (run) this.#turnSeconds.observe(secondsSince(run.startedAt));
		this.#running.delete(runId);
		const kinds = {
			input: usage.inputTokens,
			output: usage.outputTokens,
			cache_read: usage.cacheReadTokens,
			cache_write: usage.cacheWriteTokens,
		};
		for (const [kind, tokens] of Object.entries(kinds))
			if (tokens > 0) this.#count("aeon_tokens_total", { model, kind }, tokens);
	}

	#count(name: string, labels: Record<string, string>, by = 1): void {
		const text = Object.entries(labels)
			.map(([label, value]) => `${label}="${escapeLabel(value)}"`)
			.join(",");
		const isNew = !this.#counters.has(`${name}{${text}}`);
		const isFull = isNew && this.#counters.size >= MAX_SERIES;
		const key = `${name}{${isFull ? 'other="true"' : text}}`;
		this.#counters.set(key, (this.#counters.get(key) ?? 0) + by);
	}

	#lines(name: string): string[] {
		return [...this.#counters]
			.filter(([key]) => key.startsWith(`${name}{`))
			.map(([key, value]) => `${key} ${value}`);
	}
}

class Histogram {
	readonly #counts = new Array<number>(BUCKETS.length).fill(0);
	#count = 0;
	#sum = 0;

	observe(seconds: number): void {
		this.#count++;
		this.#sum += seconds;
		for (const [index, bound] of BUCKETS.entries())
			if (seconds <= bound)
				this.#counts[index] = (this.#counts[index] ?? 0) + 1;
	}

	expose(name: string, help: string): string[] {
		return [
			...family(name, "histogram", help),
			...BUCKETS.map(
				(bound, index) =>
					`${name}_bucket{le="${bound}"} ${this.#counts[index]}`,
			),
			`${name}_bucket{le="+Inf"} ${this.#count}`,
			`${name}_sum ${this.#sum}`,
			`${name}_count ${this.#count}`,
		];
	}
}

function family(name: string, type: string, help: string): string[] {
	return [`# HELP ${name} ${help}.`, `# TYPE ${name} ${type}`];
}

function gauge(name: string, help: string, value: number): string[] {
	return [...family(name, "gauge", help), `${name} ${value}`];
}

function escapeLabel(value: string): string {
	return value
		.replaceAll("\\", "\\\\")
		.replaceAll('"', '\\"')
		.replaceAll("\n", "\\n");
}

function secondsSince(startedAt: number): number {
	return (performance.now() - startedAt) / 1000;
}
