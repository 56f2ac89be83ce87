// How the bench's clients connect, and what they can be told to do.

/** What a client is told to do. */
export interface Command {
	mode: "rtt" | "turns" | "latency" | "throng" | "hold" | "fan-out" | "soak";
	url: string;
	token: string;
	/** The frame to send. */
	request?: string;
	inFlight?: number;
	seconds?: number;
	count?: number;
	sessions?: string[];
	/** The process that is measured meanwhile. */
	pid?: number;
	/** What is said in each session. */
	message?: string;
}

/** Whether the process stays when it has told what it has. */
export const clients = { stay: false };

/** An open socket. Whatever closes it before its work is done ends the process. */
export async function connect({ url, token }: Command): Promise<WebSocket> {
	const socket = new WebSocket(`${url}/ws`, {
		headers: { Authorization: `Bearer ${token}` },
	} as unknown as string[]);
	await new Promise((resolve) => {
		socket.onopen = resolve;
		socket.onclose = ({ code, reason }) => {
			console.error(`closed with ${code} ${reason}`);
			process.exit(1);
		};
	});
	return socket;
}
