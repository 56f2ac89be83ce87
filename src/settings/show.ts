// Settings as `aeon config show` prints them: every default, and no secret.

import type { Template } from "../core/config.ts";
import { valueAt } from "../core/problems.ts";
import { createRedactor } from "../core/redact.ts";
import { put } from "./check.ts";
import type { Reading } from "./settings.ts";

/** What a Secret shows as. */
const HIDDEN = "***";

/** A string that is one variable and nothing else. */
const ONE_VARIABLE = /^\$\{\w+\}$/;

/**
 * The sections of checked settings as JSON values. What names a variable that is not set, and what commands get into their
 * environment from Aeon's own, is shown as it is written; passwords in URLs are hidden.
 */
export function showSettings({ settings, raw, templates }: Reading): unknown {
	const {
		file: _f,
		secretsFile: _s,
		notice: _n,
		unusable: _u,
		...sections
	} = settings;
	const shown: unknown = JSON.parse(JSON.stringify(sections));
	for (const template of templates.filter(isShownAsWritten)) {
		const path = outermostList(raw, template.path);
		const isSecret = valueAt(shown, path) === HIDDEN;
		if (isSecret && !ONE_VARIABLE.test(template.text)) continue;
		put(shown, path, valueAt(raw, path));
	}
	const redact = createRedactor([]);
	return JSON.parse(JSON.stringify(shown), (_key, value) =>
		typeof value === "string" && value.includes("://") ? redact(value) : value,
	);
}

function isShownAsWritten({ path, unset }: Template): boolean {
	return unset.length > 0 || path.join(".").startsWith("tools.exec.env.");
}

/** The path of the list that a place is in, for items that are left out have no place; else the path itself. */
function outermostList(raw: unknown, path: string[]): string[] {
	const depth = path.findIndex((_, index) =>
		Array.isArray(valueAt(raw, path.slice(0, index))),
	);
	return depth < 0 ? path : path.slice(0, depth);
}
