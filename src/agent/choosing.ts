// Who answers a message, and which messages are answered together.

import { AeonError } from "../core/errors.ts";
import { parseSessionKey } from "../core/session.ts";
import type { Agent } from "./agent.ts";
import type { Chosen, TurnRequest } from "./request.ts";

/** The agent of a session, or the one whose model was asked for; a model's name is handed on to the provider. Throws `not_found`. */
export function chooseAgent(
	agents: ReadonlyMap<string, Agent>,
	{ sessionKey, model }: Pick<TurnRequest, "sessionKey" | "model">,
): Chosen {
	const { agentId } = parseSessionKey(sessionKey);
	const agent = agents.get(agentId);
	if (!agent)
		throw new AeonError(
			"not_found",
			`There is no agent "${agentId}": agents are ${[...agents.keys()].join(", ")}`,
		);
	const other = model === undefined ? undefined : agents.get(model);
	if (!other) return { agent, model };
	return { agent: { ...agent, llm: other.llm }, model: undefined };
}

/** True of a message that belongs into the turn of the one before it. */
export function belongsTo(
	{ accepted, model }: TurnRequest,
	next: TurnRequest | undefined,
): boolean {
	return (
		accepted?.group !== undefined &&
		next?.accepted?.group === accepted.group &&
		next.accepted.attempts === undefined &&
		next.model === model
	);
}
