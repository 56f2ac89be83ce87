import { constants } from "node:os";
import * as z from "zod/mini";
import { orAborted } from "../core/abort.ts";
import { openShell } from "../core/shell.ts";
import { type Outcome, runCommand } from "./command.ts";
import { quote } from "./path.ts";
import { Refusal, refusable } from "./refusal.ts";
import { defineTool, type ToolResult } from "./tool.ts";
import type { Workspace } from "./workspace.ts";

const INHERITED = ["PATH", "LANG", "TZ", "TMPDIR", "USER", "LOGNAME"];
const STANDARD_PATH =
	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Runs a command with the rights of Aeon's own user, so a person is asked unless aeon.json says otherwise. */
export const exec = defineTool({
	name: "exec",
	description:
		"Run a shell command (sh) in the workspace, without stdin. It is killed at a deadline; of long output the middle is left out.",
	parameters: z.strictObject({
		command: z.string().check(
			z.minLength(1),
			z.refine((text) => !text.includes("\0"), "has a NUL character in it"),
		),
		cwd: z.optional(
			z.string().check(z.describe("A directory relative to the workspace")),
		),
	}),
	options: z.strictObject({
		approval: z._default(
			z
				.enum(["ask", "allow", "off"])
				.check(
					z.describe(
						'"ask" a person before each command, "allow" every command, or switch the tool "off"',
					),
				),
			"ask",
		),
		confined: z._default(
			z
				.boolean()
				.check(
					z.describe(
						"Whether commands are kept from Aeon's own files; sudo, and new files right beside those, need false",
					),
				),
			true,
		),
		timeout_seconds: z._default(
			z
				.number()
				.check(
					z.positive(),
					z.maximum(86_400),
					z.describe("How long a command may run"),
				),
			60,
		),
		env: z._default(
			z
				.record(z.string(), z.string())
				.check(z.describe("Variables that commands get")),
			{},
		),
	}),
	offered: ({ approval }) => approval !== "off",

	execute: ({ command, cwd = "." }, context) =>
		refusable(async () => {
			const { options, signal, workspace } = context;
			signal.throwIfAborted();
			const directory = await findDirectory(workspace, cwd);
			if (options.approval !== "allow") {
				const request = { tool: "exec", command, cwd: directory.path };
				const decision = await orAborted(context.approve(request), signal);
				if (decision === "deny")
					throw new Refusal("The person did not allow this command.");
				const now = await findDirectory(workspace, cwd);
				if (now.identity !== directory.identity)
					throw new Refusal(
						`${quote(cwd)} became another directory while the person was asked, so the command did not run.`,
					);
			}
			const timeoutMs = options.timeout_seconds * 1000;
			const env = childEnvironment(workspace.root, options.env);
			const start = options.confined ? context.confine : openShell;
			const launch = start(command, directory.path);
			const outcome = await runCommand(launch, { env, timeoutMs }, signal);
			return report(outcome, options.timeout_seconds);
		}),
});

/**
 * The whole environment of a command: nothing of Aeon's own but what a shell cannot do without, then what aeon.json adds.
 * Home is the workspace, so that `~` is not where Aeon keeps its state.
 */
export function childEnvironment(
	home: string,
	added: Record<string, string>,
	parent: Record<string, string | undefined> = process.env,
): Record<string, string> {
	const inherited = INHERITED.flatMap((name) => {
		const value = parent[name];
		return value ? [[name, value] as const] : [];
	});
	return {
		PATH: STANDARD_PATH,
		LANG: "C.UTF-8",
		...Object.fromEntries(inherited),
		HOME: home,
		TERM: "dumb",
		...added,
	};
}

async function findDirectory(
	workspace: Workspace,
	cwd: string,
): Promise<{ path: string; identity: string }> {
	await using opened = await workspace.open(cwd);
	if (opened.kind !== "directory")
		throw new Refusal(`${quote(cwd)} is a file, not a directory.`);
	return { path: opened.path, identity: await opened.identity() };
}

function report(
	{ exitCode, killedFor, output }: Outcome,
	timeoutSeconds: number,
): ToolResult {
	const ending = describeEnding(exitCode, killedFor, timeoutSeconds);
	const text = output && !output.endsWith("\n") ? `${output}\n` : output;
	const success = exitCode === 0 && !killedFor;
	return {
		success,
		output: `${text}[${ending}]`,
		...(!success && { error: `The command failed: ${ending}.` }),
	};
}

function describeEnding(
	exitCode: number,
	killedFor: Outcome["killedFor"],
	timeoutSeconds: number,
): string {
	if (killedFor === "time") return `timed out after ${timeoutSeconds} s`;
	if (killedFor === "output") return "killed: it printed more than 64 MB";
	const signal = Object.entries(constants.signals).find(
		([, number]) => number === exitCode - 128,
	);
	return `exit code ${exitCode}${signal ? ` (${signal[0]})` : ""}`;
}
