import { expect, test } from "bun:test";
import { formatFinding, formatSummary } from "../../src/doctor/report.ts";

const FINDING = {
	name: "files",
	state: "problem" as const,
	text: "the modes let others in: ~/.aeon, ~/.aeon/aeon.json, ~/.aeon/secrets.env and more",
	hint: "aeon doctor --fix makes them yours alone, and no more than that: it says what.",
	fixed: "nothing",
};

test("in a terminal a finding has a mark, and fits into 80 columns", () => {
	const style = { isTerminal: true, hasColour: false };
	expect(formatFinding(FINDING, style)).toBe(
		`✗  files         the modes let others in: ~/.aeon, ~/.aeon/aeon.json,
                 ~/.aeon/secrets.env and more
                 fixed: nothing
                 → aeon doctor --fix makes them yours alone, and no more than
                   that: it says what.
`,
	);
});

test("elsewhere it is words, in a line as long as they are", () => {
	const style = { isTerminal: false, hasColour: false };
	expect(formatFinding(FINDING, style)).toBe(
		`problem files         ${FINDING.text}
                      fixed: nothing
                      ${FINDING.hint}
`,
	);
});

test("what a terminal would obey is shown as it is", () => {
	const style = { isTerminal: false, hasColour: true };
	const text = "a\x1b[2Jb";
	expect(formatFinding({ name: "x", state: "ok", text }, style)).toBe(
		"\x1b[2mok      \x1b[0mx             a\\x1b[2Jb\n",
	);
});

test("the last line counts", () => {
	expect(formatSummary([])).toBe("All is well.\n");
	const one = { ...FINDING, state: "warning" as const };
	expect(formatSummary([FINDING, one, one])).toBe("1 problem, 2 warnings.\n");
});
