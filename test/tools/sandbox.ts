import {
	existsSync,
	mkdirSync,
	mkdtempSync,
	readFileSync,
	realpathSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createConfinement } from "../../src/core/confinement.ts";
import { runTool, type ToolSections } from "../../src/tools/catalog.ts";
import * as registry from "../../src/tools/registry.ts";
import type { Tool, ToolContext, ToolResult } from "../../src/tools/tool.ts";
import { openWorkspace, type Workspace } from "../../src/tools/workspace.ts";
import { noMemory } from "./no_memory.ts";

/** What a file outside the workspace says, and nothing inside. */
export const CANARY = "canary-5f1c2e";

/** A real workspace in a temporary folder, with a file beside it that no tool may touch. */
export interface Sandbox extends Disposable {
	root: string;
	outside: string;
	workspace: Workspace;
	/** A context in which everybody agrees and every message arrives, but for what the test says. */
	context(
		changes?: Partial<ToolContext<ToolSections>>,
	): ToolContext<ToolSections>;
	/** Runs one tool as the agent would. */
	run(
		name: string,
		input: Record<string, unknown>,
		changes?: Partial<ToolContext<ToolSections>>,
	): Promise<ToolResult>;
}

export function openSandbox(throughDescriptors?: boolean): Sandbox {
	const folder = realpathSync(mkdtempSync(join(tmpdir(), "aeon-tools-")));
	const root = join(folder, "workspace");
	const outside = join(folder, "outside");
	mkdirSync(outside);
	writeFileSync(join(outside, "canary.txt"), CANARY);
	const workspace = openWorkspace(root, throughDescriptors);
	const confine = createConfinement(
		{ workspace: workspace.root, protectedPaths: [folder] },
		() => {},
	);
	const context: Sandbox["context"] = (changes) => ({
		signal: new AbortController().signal,
		sessionKey: "agent:main:cli:local",
		workspace,
		confine,
		...execSettings({}),
		memory: noMemory(),
		approve: () => Promise.resolve("allow"),
		send: ({ dialog = "cli", to = "local" }) =>
			Promise.resolve(`${dialog} ${to}`),
		...changes,
	});
	return {
		root,
		outside,
		workspace,
		context,
		run: (name, input, changes) =>
			runTool(
				Object.values(registry) as Tool[],
				{ name, input },
				context(changes),
			),
		[Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
	};
}

/** The settings of exec in a context: nobody is asked, unless the changes say so. */
export function execSettings(changes: object): { options: ToolSections } {
	const defaults = {
		approval: "allow",
		confined: true,
		timeout_seconds: 20,
		env: {},
	};
	return { options: { exec: { ...defaults, ...changes } } };
}

/** True of a process that is there and not a zombie, which does nothing more. */
export function isAlive(pid: number): boolean {
	const status = `/proc/${pid}/stat`;
	try {
		process.kill(pid, 0);
		return (
			!existsSync(status) || !readFileSync(status, "latin1").includes(") Z ")
		);
	} catch {
		return false;
	}
}
