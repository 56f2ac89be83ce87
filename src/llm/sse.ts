import { createParser } from "eventsource-parser";
import { AeonError } from "../core/errors.ts";

/** A server-sent event. */
export interface ServerEvent {
	event?: string | undefined;
	data: string;
}

/** In characters: more than any model says in one event, and less than a Pi cannot spare. */
const MAX_EVENT_SIZE = 4 * 1024 * 1024;

/**
 * The events in a stream of bytes, however these are cut, the last one without its blank line too. A JSON document where
 * a stream was asked for (some servers and every proxy in trouble send one) is one event whose data is the document.
 * Throws `llm_unavailable` where an event is larger than 4 MiB.
 */
export async function* readEvents(
	bytes: AsyncIterable<Uint8Array>,
	host: string,
): AsyncGenerator<ServerEvent> {
	const decoder = new TextDecoder();
	const events: ServerEvent[] = [];
	let document: string | undefined;
	let started = false;
	let tooLarge = false;
	const parser = createParser({
		maxBufferSize: MAX_EVENT_SIZE,
		onEvent: ({ event, data }) => events.push({ event, data }),
		onError: (error) => {
			// The other errors are of lines that the standard says to ignore.
			tooLarge ||= error.type === "max-buffer-size-exceeded";
		},
	});
	const feed = (text: string) => {
		if (!started && text.trim() !== "") {
			started = true;
			// No line of an event stream that means anything begins like this.
			if (/^\s*[{[]/.test(text)) document = "";
		}
		if (document === undefined) parser.feed(text);
		else {
			document += text;
			tooLarge ||= document.length > MAX_EVENT_SIZE;
		}
	};
	for await (const chunk of bytes) {
		feed(decoder.decode(chunk, { stream: true }));
		if (tooLarge) {
			throw new AeonError("llm_unavailable", `${host} sent too large an event`);
		}
		yield* events.splice(0);
	}
	feed(`${decoder.decode()}\n\n`);
	if (document !== undefined) events.push({ data: document });
	yield* events;
}
