import { expect, test } from "bun:test";
import * as z from "zod/mini";
import { describeIssues } from "../../src/core/problems.ts";
import { complaint } from "../settings/loading.ts";

const described = <S extends z.ZodMiniType>(schema: S, purpose: string) =>
	schema.check(z.describe(purpose) as never);

/** What is said of a value under this schema, where one thing is wrong with it. */
function said(schema: z.ZodMiniType, value: unknown): string {
	const parent = z.strictObject({ it: schema });
	const { error } = z.safeParse(parent, { it: value });
	return describeIssues(parent, { it: value }, error?.issues ?? [])
		.map(({ what, instead }) => `${what}: ${instead}`)
		.join();
}

test.each([
	[
		described(z.number(), "Sent only where it is set. Or not."),
		"warm",
		'is "warm", not a number: write a number (sent only where it is set)',
	],
	[
		described(z.boolean(), "Whether it snows"),
		"yes",
		'is "yes", not true or false: write true or false (whether it snows)',
	],
	[z.boolean(), 1, "is 1, not true or false: write true or false"],
	[
		described(z.string(), "The model's id"),
		undefined,
		"is missing: write a text in quotes (the model's id)",
	],
	[z.string().check(z.minLength(1)), "", "is empty: write a text in quotes"],
	[z.array(z.int()), "5", 'is "5", not a list [ … ]: write a list [ … ]'],
	[
		z.url({ protocol: /^https?$/ }),
		"ftp://me:hunter2@host",
		'"ftp://***@host" has not the right form: write a URL, http://… or https://…',
	],
	[z.int(), 1.5, "is 1.5, not a whole number: write a whole number"],
	[
		z.record(z.string(), z.string()),
		null,
		"is null, not an object { … }: write an object { … }",
	],
	[
		z.url({ protocol: /^https?$/ }),
		"nowhere",
		'"nowhere" has not the right form: write a URL, http://… or https://…',
	],
	[z.enum(["ask", "allow"]), 7, "is 7: write one of ask, allow"],
] as const)(
	"%# a wrong value is told the kind of value that is wanted, and what it is for",
	(schema, value, sentence) => {
		expect(said(schema, value)).toBe(sentence);
	},
);

test("where several kinds will do, all are named, and of the right kind only the bound", () => {
	const thinking = described(
		z.union([z.int().check(z.gte(1024)), z.literal("adaptive")]),
		"Tokens to think with",
	);
	expect(said(thinking, "much")).toBe(
		'"much" does not fit: write a whole number or "adaptive" (tokens to think with)',
	);
	expect(said(thinking, 5)).toBe("is 5: write at least 1024");
});

test("every key of the wrong kind in aeon.json is told what to write, in one line", async () => {
	const wrong = await complaint({
		log_file_path: 5,
		agents: {
			main: {
				provider: "anthropic",
				model: "m",
				api_key: 5,
				temperature: "warm",
			},
		},
		dialogs: { telegram: { enabled: "yes", allowed_users: 5 } },
		tools: { exec: { confined: "yes" } },
	});
	expect(wrong).toEqual([
		"log_file_path: is 5, not a text in quotes: write a text in quotes (the log; rotated at 2 MB, five files are kept)",
		"agents.main.api_key: is 5, not a text in quotes: write a text in quotes (the key from console.anthropic.com)",
		'agents.main.temperature: is "warm", not a number: write a number (sent only where it is set, and never along with thinking)',
		'dialogs.telegram.enabled: is "yes", not true or false: write true or false',
		"dialogs.telegram.allowed_users: is 5, not a list [ … ]: write a list [ … ] (numeric ids of the users who may talk to it)",
		'tools.exec.confined: is "yes", not true or false: write true or false (whether commands are kept from Aeon\'s own files; sudo, and new files right beside those, need false)',
	]);
	expect(await complaint({})).toEqual([
		"agents: is missing: write an object { … } (your agents by their names)",
	]);
});
