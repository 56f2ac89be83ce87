import { failure, type ToolResult } from "./tool.ts";

/** Why a tool does not do what it was asked: one sentence that the model can act on. */
export class Refusal extends Error {
	override name = "Refusal";
}

/** Runs a tool's work; a Refusal in it becomes the result. */
export async function refusable(
	work: () => Promise<ToolResult>,
): Promise<ToolResult> {
	try {
		return await work();
	} catch (error) {
		if (error instanceof Refusal) return failure(error.message);
		throw error;
	}
}
