// What Aeon tells the systemd that has started it (sd_notify(3)): that it is ready, that it ends, that it still lives.

import { platform } from "../core/platform.ts";

/** The variables by which systemd says where and how often it wants to hear of its service. */
type Environment = Record<string, string | undefined>;

/** Of the time after which systemd takes a service for dead: how often it hears of it meanwhile. */
const SIGNS_A_PERIOD = 3;

/** Whoever has started Aeon and wants to hear how it is; nobody, where no `NOTIFY_SOCKET` is set. */
export class Supervisor {
	readonly #address: string;
	readonly #send: (address: string, text: string) => boolean;
	#timer: ReturnType<typeof setInterval> | undefined;

	constructor(env: Environment, send = platform.sendDatagram) {
		this.#address = env.NOTIFY_SOCKET ?? "";
		this.#send = send;
		const periodMs = watchdogMs(env);
		if (this.#address === "" || periodMs === undefined) return;
		// From the event loop: a sign of life is one of what answers people, too.
		this.#timer = setInterval(() => {
			this.#tell("WATCHDOG=1");
		}, periodMs / SIGNS_A_PERIOD);
		this.#timer.unref();
	}

	/** Aeon listens; `status` is a line for whoever looks. */
	ready(status: string): void {
		this.#tell(`READY=1\nSTATUS=${status.replaceAll("\n", " ")}`);
	}

	/** Aeon begins to end. */
	stopping(): void {
		this.#tell("STOPPING=1\nSTATUS=Ends");
	}

	/** What is going on takes so much longer than it may. */
	extend(durationMs: number): void {
		this.#tell(`EXTEND_TIMEOUT_USEC=${Math.ceil(durationMs * 1000)}`);
	}

	/** No sign of life is given any more. */
	close(): void {
		clearInterval(this.#timer);
	}

	#tell(text: string): void {
		if (this.#address !== "") this.#send(this.#address, text);
	}
}

/** How long systemd waits for a sign of life (sd_watchdog_enabled(3)); undefined where it waits for none of this process. */
function watchdogMs({
	WATCHDOG_USEC: micros,
	WATCHDOG_PID: pid,
}: Environment): number | undefined {
	if (pid && Number(pid) !== process.pid) return undefined;
	const ms = Number(micros) / 1000;
	return ms > 0 ? ms : undefined;
}
