// What a bench ran on, told beside its figures: without it they say nothing.

import { cpus, loadavg, release, totalmem } from "node:os";
import { commit } from "../../compile.ts";

/** The machine, the day and the commit, in lines of Markdown. */
export function machineLines(date: Date): string[] {
	const processors = cpus();
	const [first] = processors;
	const gigabytes = (totalmem() / 1e9).toFixed(1);
	return [
		`- Commit: ${commit() || "none"}${isChanged() ? ", with changes" : ""}`,
		`- Date: ${date.toISOString().slice(0, 16).replace("T", " ")} UTC`,
		`- Machine: ${processors.length} × ${first?.model ?? "?"}, ${gigabytes} GB, Linux ${release()}, ${process.arch}`,
		`- Bun ${Bun.version}; load before it began: ${loadavg()[0]?.toFixed(2)}`,
	];
}

function isChanged(): boolean {
	const git = Bun.spawnSync(["git", "status", "--porcelain", "src", "scripts"]);
	return git.stdout.length > 0;
}
