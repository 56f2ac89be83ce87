// The processes of the bench: the server that is measured, the floor beside it, the model and the clients.

import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "./connect.ts";
import type { Bench } from "./figure.ts";

const TOKEN =
	"3f9a1c5e7b2d4860a1b3c5d7e9f02468ace13579bdf02468ace13579bdf0246a";

/** A process that listens. */
export interface Listening {
	pid: number;
	url: string;
	token: string;
	home: string;
	/** Milliseconds to the first answer: before it was spawned, and after its program was loaded. */
	healthMs: number;
	ownMs: number;
	stop(): Promise<void>;
}

/** Everything that was started, so that nothing is left running where a section fails. */
const children = new Set<Bun.Subprocess>();

/** The ports that were given away. */
const ports = new Set<number>();

/** Ends everything that still runs. */
export function endAll(): void {
	for (const child of children) child.kill("SIGKILL");
}

/** A home whose agent is asked of the model, or is the demo. `extra` are further sections of aeon.json. */
export function makeHome(
	bench: Bench,
	agent: "fake" | "demo",
	extra: object = {},
): string {
	const home = mkdtempSync(join(bench.folder, "home-"));
	mkdirSync(join(home, ".aeon"), { mode: 0o700 });
	const main =
		agent === "demo"
			? { provider: "demo" }
			: {
					provider: "anthropic",
					model: "fake-1",
					api_key: "k",
					base_url: bench.model,
				};
	writeFileSync(
		join(home, ".aeon", "aeon.json"),
		JSON.stringify({
			server: { port: freePort(), max_clients: 4000, token: TOKEN },
			agents: { main },
			...extra,
		}),
		{ mode: 0o600 },
	);
	return home;
}

/** Starts `aeon serve` and waits for its first answer. */
export function startAeon(
	bench: Bench,
	home: string,
	env: Record<string, string> = {},
): Promise<Listening> {
	const config = JSON.parse(
		readFileSync(join(home, ".aeon", "aeon.json"), "utf8"),
	);
	return listen([bench.aeon, "serve"], home, config.server.port, env);
}

/** Starts the floor, with a new database or in the home of an earlier one. */
export function startFloor(
	bench: Bench,
	home = mkdtempSync(join(bench.folder, "floor-")),
): Promise<Listening> {
	const port = freePort();
	return listen([bench.floor], home, port, {
		FLOOR_PORT: String(port),
		FLOOR_DATABASE: join(home, "floor.db"),
		FLOOR_MODEL: bench.model,
	});
}

async function listen(
	command: string[],
	home: string,
	port: number,
	env: Record<string, string>,
): Promise<Listening> {
	const before = performance.now();
	const child = Bun.spawn(command, {
		cwd: home,
		env: { HOME: home, PATH: process.env.PATH ?? "", ...env },
		stdin: "ignore",
		stdout: "ignore",
		stderr: "ignore",
	});
	const spawned = performance.now();
	children.add(child);
	await answersAt(`http://127.0.0.1:${port}/health`, child);
	const now = performance.now();
	return {
		pid: child.pid,
		url: `ws://127.0.0.1:${port}`,
		token: TOKEN,
		home,
		healthMs: now - before,
		ownMs: now - spawned,
		async stop() {
			child.kill("SIGTERM");
			await child.exited;
		},
	};
}

/** Asks until there is a 200, without a pause. */
export async function answersAt(
	url: string,
	child?: Bun.Subprocess,
): Promise<void> {
	for (;;) {
		if (child && child.exitCode !== null)
			throw new Error(`it ended with ${child.exitCode}`);
		const response = await fetch(url).catch(() => undefined);
		await response?.arrayBuffer();
		if (response?.status === 200) return;
	}
}

/** Runs a client to its end and gives what it found. */
export async function client<Found = Record<string, number>>(
	command: Command,
): Promise<Found> {
	const child = spawnClient(command);
	const found = await firstLine(child.stdout);
	await child.exited;
	return JSON.parse(found);
}

/** Starts a client that stays, and waits until it is ready. */
export async function staying(command: Command) {
	const child = spawnClient(command);
	await firstLine(child.stdout);
	return { stop: () => child.kill("SIGKILL") };
}

/** Starts the model; gives its URL. */
export async function startModel() {
	const child = Bun.spawn(
		[process.execPath, join(import.meta.dir, "model.ts")],
		{ stdout: "pipe", stderr: "inherit" },
	);
	children.add(child);
	return firstLine(child.stdout);
}

/** Telegram and WhatsApp as far_sides.ts plays them. */
export interface FarSides {
	/** What stands in aeon.json as `dialogs`. */
	dialogs: { telegram: object; whatsapp: object };
	/** Asks its control; throws where it refuses. */
	ask<Answer>(method: string, path: string, body?: object): Promise<Answer>;
	stop(): void;
}

/** Starts the far sides of the dialogs; those of one Aeon, for Telegram gives its updates to one only. */
export async function startFarSides(): Promise<FarSides> {
	const child = Bun.spawn(
		[process.execPath, join(import.meta.dir, "far_sides.ts")],
		{ stdout: "pipe", stderr: "inherit" },
	);
	children.add(child);
	const { telegram, whatsapp, control } = JSON.parse(
		await firstLine(child.stdout),
	);
	return {
		dialogs: { telegram, whatsapp },
		async ask(method, path, body) {
			const answer = await fetch(control + path, {
				method,
				...(body && { body: JSON.stringify(body) }),
			});
			if (!answer.ok)
				throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
			return JSON.parse(await answer.text());
		},
		stop: () => child.kill("SIGKILL"),
	};
}

function spawnClient(command: Command) {
	const child = Bun.spawn(
		[
			process.execPath,
			join(import.meta.dir, "client.ts"),
			JSON.stringify(command),
		],
		{ stdout: "pipe", stderr: "inherit" },
	);
	children.add(child);
	return child;
}

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
	const decoder = new TextDecoder();
	let text = "";
	for await (const piece of stream) {
		text += decoder.decode(piece, { stream: true });
		const end = text.indexOf("\n");
		if (end >= 0) return text.slice(0, end);
	}
	throw new Error("a process ended before it said anything");
}

/** One that is free, and that nobody else here was given: until it is listened on, the system may name it again. */
function freePort(): number {
	for (;;) {
		const server = Bun.serve({ port: 0, fetch: () => new Response() });
		const { port = 0 } = server;
		void server.stop(true);
		if (ports.has(port)) continue;
		ports.add(port);
		return port;
	}
}
