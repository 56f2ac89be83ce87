// What the systemd that has started Aeon hears of it, over a real socket.

import { expect, test } from "bun:test";
import { Supervisor } from "../../src/service/supervisor.ts";
import { start } from "../support/command.ts";
import { temporaryHome } from "../support/home.ts";
import { ANY_PORT } from "../support/serve.ts";
import { until } from "../support/until.ts";
import { openNotifySocket } from "./notify_socket.ts";

/** Of a watchdog that is waited for in a test, in microseconds: a sign is due every tenth of a second. */
const PERIOD_US = 300_000;
const PERIOD_MS = PERIOD_US / 1000;

for (const isAbstract of [false, true])
	test(`Aeon tells systemd that it is ready, takes longer and ends, by ${isAbstract ? "an abstract name" : "a path"}`, () => {
		using socket = openNotifySocket(isAbstract);
		const supervisor = new Supervisor({ NOTIFY_SOCKET: socket.address });
		supervisor.extend(1500.5);
		supervisor.ready("Listens\non ws://127.0.0.1:1");
		supervisor.stopping();
		supervisor.close();
		expect(socket.take()).toEqual([
			"EXTEND_TIMEOUT_USEC=1500500",
			"READY=1\nSTATUS=Listens on ws://127.0.0.1:1",
			"STOPPING=1\nSTATUS=Ends",
		]);
	});

test("a sign of life comes from the event loop: none comes while it is blocked, and more when it is not", async () => {
	using socket = openNotifySocket();
	const supervisor = new Supervisor({
		NOTIFY_SOCKET: socket.address,
		WATCHDOG_USEC: String(PERIOD_US),
		WATCHDOG_PID: String(process.pid),
	});
	try {
		await until(() => socket.take().includes("WATCHDOG=1"));
		Atomics.wait(
			new Int32Array(new SharedArrayBuffer(4)),
			0,
			0,
			PERIOD_MS * 1.5,
		);
		expect(socket.take()).toEqual([]);
		await until(() => socket.take().includes("WATCHDOG=1"));
	} finally {
		supervisor.close();
	}
});

test("a watchdog of another process gets no sign of life from Aeon", async () => {
	using socket = openNotifySocket();
	const environment = {
		NOTIFY_SOCKET: socket.address,
		WATCHDOG_USEC: String(PERIOD_US),
	};
	const other = new Supervisor({ ...environment, WATCHDOG_PID: "1" });
	let count = 0;
	const own = new Supervisor(environment, (_address, _text) => {
		count++;
		return true;
	});
	await until(() => count >= 2);
	own.close();
	other.close();
	expect(socket.take()).toEqual([]);
});

test("aeon serve under systemd says that it is ready, that it lives and that it ends", async () => {
	using socket = openNotifySocket();
	using home = temporaryHome({
		...ANY_PORT,
		agents: { main: { provider: "demo" } },
	});
	const child = start(["serve"], {
		home: home.path,
		env: { NOTIFY_SOCKET: socket.address, WATCHDOG_USEC: String(PERIOD_US) },
	});
	const heard: string[] = [];
	const hears = (text: RegExp) => () => {
		heard.push(...socket.take());
		return heard.some((one) => text.test(one));
	};
	try {
		await until(hears(/^READY=1\nSTATUS=Listens on ws:\/\/127\.0\.0\.1:\d+$/));
		await until(hears(/^WATCHDOG=1$/));
		child.kill("SIGTERM");
		expect(await child.exited).toBe(0);
		expect(hears(/^STOPPING=1/)()).toBe(true);
	} finally {
		child.kill("SIGKILL");
	}
});
