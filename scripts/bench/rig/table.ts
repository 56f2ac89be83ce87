// Figures as the Markdown of docs/performance.md, and of the terminal.

import { type Aim, type Figure, isMet, median } from "./figure.ts";

const HEAD = ["", "Aeon", "least to most", "the floor", "aim"];

/** A table of figures, its columns aligned. */
export function tableOf(figures: readonly Figure[]): string {
	const rows = [HEAD, ...figures.map(rowOf)];
	const widths = HEAD.map((_, column) =>
		Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)),
	);
	const line = (cells: readonly string[]) =>
		`| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")} |`;
	const rule = widths.map((width) => "-".repeat(width));
	return [line(HEAD), line(rule), ...rows.slice(1).map(line)].join("\n");
}

/** What is said below the table: how a figure was measured. */
export function notesOf(figures: readonly Figure[]): string {
	return figures
		.flatMap(({ what, note }) => (note ? [`- ${what.trim()}: ${note}`] : []))
		.join("\n");
}

function rowOf(figure: Figure): string[] {
	const { what, unit, values, floor, aim } = figure;
	const with_ = (value: number) => `${numberOf(value)} ${unit}`;
	return [
		// Markdown drops what a cell is set in by.
		what.replace(/ {2}/g, "· "),
		with_(median(values)),
		values.length > 1
			? `${numberOf(Math.min(...values))} – ${numberOf(Math.max(...values))}`
			: "",
		floor ? with_(median(floor)) : "",
		aim ? `${boundOf(aim)} ${verdictOf(figure)}` : "",
	];
}

function boundOf({ most, least, because }: Aim): string {
	const bound =
		most === undefined
			? `≥ ${numberOf(least ?? Number.NaN)}`
			: `≤ ${numberOf(most)}`;
	return because ? `${bound} (${because})` : bound;
}

function verdictOf(figure: Figure): string {
	if (isMet(figure)) return "met";
	const { most, least } = figure.aim ?? {};
	const by = median(figure.values) - (most ?? least ?? Number.NaN);
	return `**missed by ${numberOf(Math.abs(by))}**`;
}

/** Three figures that count, thousands by commas. */
export function numberOf(value: number): string {
	if (!Number.isFinite(value)) return "–";
	const size = Math.abs(value);
	if (size === 0 || (Number.isInteger(value) && size >= 1))
		return value.toLocaleString("en");
	const digits = size >= 100 ? 0 : size >= 10 ? 1 : 2;
	return value.toLocaleString("en", {
		minimumFractionDigits: digits,
		maximumFractionDigits: digits,
	});
}
