import { AeonError } from "../core/errors.ts";
import { type Address, refused, silent, unreachable } from "./failure.ts";

const SUBPROTOCOL = "aeon.v1";

/** Opens a WebSocket of the protocol. Rejects with what went wrong, and what to do about it. */
export async function openSocket(
	{ url, token }: Address,
	timeoutMs: number,
): Promise<WebSocket> {
	const socket = createSocket(url, token);
	const { promise, resolve, reject } = Promise.withResolvers<WebSocket>();
	const timer = setTimeout(() => reject(silent(url)), timeoutMs);
	socket.onopen = () => resolve(socket);
	socket.onerror = (event) => reject(describe(url, event));
	socket.onclose = () => reject(unreachable(url, "the connection was closed"));
	try {
		return await promise;
	} catch (error) {
		socket.close();
		throw error;
	} finally {
		clearTimeout(timer);
		socket.onopen = socket.onerror = socket.onclose = null;
	}
}

function createSocket(url: string, token: string): WebSocket {
	const headers = { Authorization: `Bearer ${token}` };
	try {
		return new WebSocket(url, { protocols: [SUBPROTOCOL], headers });
	} catch (error) {
		throw new AeonError("usage", `${url} cannot be opened with this token`, {
			cause: error,
			hint: "The token is one line of plain characters.",
		});
	}
}

/** The status stands in the text of the event only, the system's code in its error. */
function describe(url: string, event: Event): AeonError {
	const { message = "", error } = event as Event & {
		message?: string;
		error?: { code?: string };
	};
	const [, status] = /status code: (\d+)/.exec(message) ?? [];
	if (status) return refused(url, Number(status));
	return unreachable(url, error?.code ?? message.replace(/^.* failed: /, ""));
}
