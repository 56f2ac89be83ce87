import { chmodSync, mkdirSync } from "node:fs";
import { AeonError, describeError } from "./errors.ts";

/** Makes the state directory its owner's alone, also where the owner made it with mkdir. */
export function openStateDirectory(path: string): void {
	try {
		mkdirSync(path, { recursive: true, mode: 0o700 });
		chmodSync(path, 0o700);
	} catch (error) {
		throw new AeonError(
			"storage_failed",
			`The state directory ${path} cannot be used: ${describeError(error)}`,
			{ cause: error, hint: "HOME says where it lies." },
		);
	}
}
