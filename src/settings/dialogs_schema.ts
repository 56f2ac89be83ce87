// The section `dialogs` of aeon.json: what every dialog has, and what each of them has beside.

import * as z from "zod/mini";
import type { DialogDriver } from "../dialogs/provider.ts";
import * as registry from "../dialogs/registry.ts";

/** The dialogs that are configured in aeon.json, by their words there. */
export const dialogDrivers: Record<string, DialogDriver> = Object.fromEntries(
	Object.entries(registry).flatMap(([name, driver]) =>
		"options" in driver ? [[name, driver]] : [],
	),
);

const commonOptions = z.object({
	enabled: z._default(z.boolean(), false),
	agent: z.optional(
		z
			.string()
			.check(
				z.describe("Who answers in it; main, else the first, if left out"),
			),
	),
});

/** One dialog's section: what every dialog has, and beside it the options of its driver. */
export type DialogSettings = z.infer<typeof commonOptions>;

/** The section `dialogs`, with every dialog that there is. */
export const dialogsSchema = z.strictObject(
	Object.fromEntries(
		Object.entries(dialogDrivers).map(([name, driver]) => [
			name,
			z.prefault(
				z.strictObject({ ...commonOptions.shape, ...driver.options.shape }),
				{},
			),
		]),
	),
);
