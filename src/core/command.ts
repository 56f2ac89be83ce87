/** Where a command such as `/new` was typed. */
export interface CommandContext {
	sessionKey: string;
	/** The model that was chosen with `/model`, where one was. */
	model?: string | undefined;
}

/** The answer to a command, and the model it chose for the messages after it. */
export interface CommandReply {
	text: string;
	model?: string;
}
