// A row of the bench's table, and how figures are written in it.

import { median } from "./proc.ts";

/** What, the figure, the floor's, the aim. */
export type Row = [what: string, figure: string, floor?: string, aim?: string];

/** A request as a frame. */
export function request(method: string, params: object): string {
	return JSON.stringify({ id: 1, method, params });
}

/** Megabytes in words. */
export function mb(megabytes: number): string {
	return `${megabytes.toFixed(1)} MB`;
}

/** Milliseconds in words: the median, the least, the most. */
export function ms(values: number[]): string {
	return `${median(values).toFixed(1)} ms (${Math.min(...values).toFixed(1)} to ${Math.max(...values).toFixed(1)})`;
}
