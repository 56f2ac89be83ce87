import { addUsage, NO_USAGE, type Usage } from "../core/message.ts";

interface Dated {
	timestamp: number;
	usage?: Usage;
}

/** After so many messages in a row that are too old, nothing new is expected before them: a wrong clock is soon set right. */
const ENOUGH = 200;

/** The tokens of all answers and summaries since a time, from messages given newest first; reads only a little more than it counts. */
export async function usageSince(
	since: number,
	messages: Iterable<Dated> | AsyncIterable<Dated>,
): Promise<Usage> {
	let sum: Usage = NO_USAGE;
	let old = 0;
	for await (const { timestamp, usage = NO_USAGE } of messages) {
		if (timestamp >= since) {
			old = 0;
			sum = addUsage(sum, usage);
		} else if (++old === ENOUGH) break;
	}
	return sum;
}
