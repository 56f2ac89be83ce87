// Doing several things so that either all are done or none is.

import { AeonError, describeError } from "../core/errors.ts";

/** One thing that is done to the machine. */
export interface Step {
	/** What it does, as a person reads it. */
	title: string;
	/** What takes long ends early where the signal aborts. */
	run(signal?: AbortSignal): Promise<void> | void;
	/** Makes it as it was before, also where `run` failed half-way. */
	undo?(): Promise<void> | void;
	/** All steps are done: what was kept for undoing this one can go. */
	settled?(): void;
}

/**
 * Takes the steps in their order. Where one fails, or the signal aborts between two, those before are undone, last first, and
 * it throws `conflict` with the reason and what could not be undone.
 */
export async function takeSteps(
	steps: readonly Step[],
	say: (line: string) => void,
	signal?: AbortSignal,
): Promise<void> {
	const begun: Step[] = [];
	for (const step of steps) {
		try {
			signal?.throwIfAborted();
			begun.unshift(step);
			say(step.title);
			await step.run(signal);
		} catch (error) {
			const left = await undoAll(begun);
			throw new AeonError(
				"conflict",
				[describeError(error), ...left].join("\n"),
				{
					cause: error,
					hint:
						left.length === 0
							? "Everything that had been done was undone."
							: "Everything else that had been done was undone.",
				},
			);
		}
	}
	for (const { settled } of steps) settled?.();
}

/** Takes steps that are not undone, each whether or not others fail; gives what failed. */
export async function finishSteps(
	steps: readonly Step[],
	say: (line: string) => void,
): Promise<string[]> {
	const failed: string[] = [];
	for (const { title, run } of steps) {
		try {
			say(title);
			await run();
		} catch (error) {
			failed.push(`Failed: ${title}: ${describeError(error)}`);
		}
	}
	return failed;
}

async function undoAll(begun: readonly Step[]): Promise<string[]> {
	const left: string[] = [];
	for (const { title, undo } of begun) {
		try {
			await undo?.();
		} catch (error) {
			left.push(`Could not be undone: ${title}: ${describeError(error)}`);
		}
	}
	return left;
}
