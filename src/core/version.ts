import { version } from "../../package.json" with { type: "json" };

/** Set by the build to the commit it was made of; absent when run from source. */
declare const AEON_COMMIT: string | undefined;

/** The version and, in a built binary, the commit: `0.1.0 (1a2b3c4)`. */
export const VERSION =
	typeof AEON_COMMIT === "string" ? `${version} (${AEON_COMMIT})` : version;
