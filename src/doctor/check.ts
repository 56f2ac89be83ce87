// What a check is, and what it says.

import type { Patient } from "./patient.ts";

/** How good something is: a warning does not keep Aeon from working. */
export type FindingState = "ok" | "warning" | "problem";

/** One line of the doctor's. */
export interface Finding {
	/** What was looked at. */
	name: string;
	state: FindingState;
	/** What was found, in a sentence. */
	text: string;
	/** What to do about it. */
	hint?: string;
	/** What was done about it. */
	fixed?: string;
}

/** What a check says: under its own name where it gives no other one. */
export type Found = Omit<Finding, "name"> & { name?: string };

/** One thing that is looked at. */
export interface Check {
	name: string;
	/** Waits for others: what follows is looked at meanwhile. */
	isRemote?: boolean;
	/** Cannot be done where the state directory cannot be read: that is said by those who look at it. */
	readsState?: boolean;
	/** It is given up after so long; 5 s where nothing is said. */
	limitMs?: number;
	/** Gives nothing where there is nothing to say. What it throws is a problem. */
	look(patient: Patient): Promise<Found[]> | Found[];
}

/** All is well. */
export function ok(text: string): Found {
	return { state: "ok", text };
}

/** Something that will do for now. */
export function warning(text: string, hint?: string): Found {
	return { state: "warning", text, ...(hint && { hint }) };
}

/** Something that keeps Aeon, or a part of it, from working. */
export function problem(text: string, hint?: string): Found {
	return { state: "problem", text, ...(hint && { hint }) };
}

/** Resolves as the work does; rejects with this sentence where that takes too long. */
export async function within<T>(
	limitMs: number,
	sentence: string,
	work: () => Promise<T> | T,
): Promise<T> {
	const { promise, reject } = Promise.withResolvers<never>();
	const timer = setTimeout(() => reject(new Error(sentence)), limitMs);
	try {
		return await Promise.race([work(), promise]);
	} finally {
		clearTimeout(timer);
	}
}
