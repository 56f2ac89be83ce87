// Tool calls out of the pieces that Chat Completions servers send them in.

import { asList, asRecord, asText, parseJson } from "../core/json.ts";

/** A tool call in the making. */
export interface OpenaiCall {
	/** Empty where the server gave none. */
	id: string;
	name: string;
	json: string;
	index: unknown;
}

/**
 * Puts pieces together by index, by id, or by their order, whichever the server has. Id and name may come once or with
 * every piece, arguments in fragments, as one string, as an object or not at all.
 */
export class OpenaiCalls {
	readonly #calls: OpenaiCall[] = [];

	accept(pieces: unknown, oldStyle?: unknown) {
		for (const piece of asList(pieces)) this.#acceptPiece(asRecord(piece));
		const old = asRecord(oldStyle);
		if (old) this.#acceptPiece({ index: "function_call", function: old });
	}

	list(): OpenaiCall[] {
		return this.#calls.filter(({ name }) => name !== "");
	}

	#acceptPiece(piece: Record<string, unknown> = {}) {
		const id = asText(piece.id);
		const body = asRecord(piece.function) ?? {};
		const name = asText(body.name);
		const index = piece.index ?? undefined;
		let call = this.#find(index, id, name);
		if (call === undefined) {
			call = { id, name: "", json: "", index };
			this.#calls.push(call);
		}
		call.id ||= id;
		// The name again is the name, not more of it; a longer one is the name so far.
		if (name.startsWith(call.name)) call.name = name;
		else if (!call.name.startsWith(name)) call.name += name;
		const input = asRecord(body.arguments);
		if (input) call.json = JSON.stringify(input);
		else call.json += asText(body.arguments);
	}

	/** The call that a piece belongs to; undefined where it begins a new one. */
	#find(index: unknown, id: string, name: string): OpenaiCall | undefined {
		const call =
			index === undefined
				? this.#calls.findLast((one) => id === "" || one.id === id)
				: this.#calls.findLast((one) => one.index === index);
		if (call === undefined) return undefined;
		// Some servers give every call the index 0: a name with an id of its own is another call.
		if (name && id && call.id && id !== call.id) return undefined;
		// Without index and id, a name after whole arguments begins another call.
		const begins =
			index === undefined &&
			id === "" &&
			name !== "" &&
			asRecord(parseJson(call.json)) !== undefined;
		return begins ? undefined : call;
	}
}
