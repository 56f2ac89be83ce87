import { AeonError } from "../core/errors.ts";
import { canAsk, print, printable } from "../core/terminal.ts";
import type { Installation } from "../service/installation.ts";
import { finishSteps, takeSteps } from "../service/steps.ts";
import { planUninstall } from "../service/uninstall.ts";
import { ask } from "./asking.ts";

/** `aeon service uninstall`: removes a service and gives its state back, after a yes. */
export async function uninstall(
	installed: Installation,
	yes: boolean,
): Promise<void> {
	const isRoot = process.getuid?.() === 0;
	if (installed.scope === "system" && !isRoot)
		throw new AeonError("forbidden", "removing the service takes root", {
			hint: "Type: sudo aeon service uninstall",
		});
	if (!yes && !canAsk())
		throw new AeonError(
			"usage",
			"nobody can be asked here whether this is to be done: write --yes",
		);
	const { steps, last, end } = planUninstall(installed);
	const say = (line: string) => print(`${printable(line)}\n`);
	print("This will be done:\n");
	for (const { title } of [...steps, ...last, end]) say(`  ${title}`);
	if (!yes && !(await ask("Go on? [y/N] ")))
		return print("Nothing was changed.\n");
	// Half of it would be worse than all of it.
	const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
	const ignore = () => {};
	for (const signal of signals) process.on(signal, ignore);
	await takeSteps(steps, say);
	const failed = await finishSteps(last, say);
	if (failed.length > 0)
		throw new AeonError(
			"conflict",
			`The service has ended, but not all of it is gone:\n${failed.join("\n")}`,
			{ hint: "Mend that, and uninstall once more to remove the rest." },
		);
	const [left] = await finishSteps([end], say);
	if (left) throw new AeonError("conflict", left);
	print("The service is gone.\n");
}
