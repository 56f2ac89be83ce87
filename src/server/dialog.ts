import { newDeliveryId } from "../core/delivery.ts";
import type { DialogProvider } from "../dialogs/provider.ts";
import type { PendingApprovals } from "./approvals.ts";
import type { WireEvent } from "./events.ts";

/**
 * The WebSocket clients as a dialog. What its turns say is not shown through it: every client is told of every turn,
 * whatever dialog that is in.
 */
export function webSocketDialog(
	approvals: PendingApprovals,
	tell: (event: WireEvent) => void,
): DialogProvider {
	return {
		name: "ws",
		async start() {},
		async stop() {},
		async send(userId, { text, sessionKey, deliveryId = newDeliveryId() }) {
			tell({
				event: "message.outbound",
				data: {
					deliveryId,
					state: "sent",
					dialog: "ws",
					to: userId,
					text,
					...(sessionKey !== undefined && { sessionKey }),
				},
			});
			return undefined;
		},
		approve: (sessionKey, request, signal) =>
			approvals.ask(sessionKey, request, signal),
	};
}
