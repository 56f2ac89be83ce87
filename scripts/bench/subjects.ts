// What the bench measures, in the order of docs/performance.md.

import { cost } from "./cost.ts";
import { history } from "./history.ts";
import { latency } from "./latency.ts";
import { loaded } from "./loaded.ts";
import { memory } from "./memory.ts";
import { recall } from "./recall.ts";
import type { Subject } from "./rig/figure.ts";
import { size } from "./size.ts";
import { smallMachine } from "./small_machine.ts";
import { soak } from "./soak.ts";
import { throughput } from "./throughput.ts";
import { wear } from "./wear.ts";
import { wire } from "./wire.ts";

/** The subjects by the words for `--only`. */
export const subjects: Record<string, Subject> = {
	size,
	loaded,
	memory,
	"small-machine": smallMachine,
	soak,
	latency,
	throughput,
	wear,
	cost,
	wire,
	history,
	recall,
};
