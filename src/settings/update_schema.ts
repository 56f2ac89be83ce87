// The section `update` of aeon.json: where new versions come from.

import * as z from "zod/mini";

/** The section `update`. */
export const updateSchema = z.strictObject({
	from: z.optional(
		z
			.string()
			.check(
				z.describe(
					"Where releases lie: a folder, or an https:// address that ends with /",
				),
			),
	),
});
