import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Serving } from "../../src/app_serve.ts";
import { createLogger, type LogRecord } from "../../src/core/logger.ts";
import { findServer, type ServerPresence } from "../../src/core/presence.ts";
import { startServer } from "../../src/server/server.ts";
import { start } from "./command.ts";
import { type FakeLlm, startFakeLlm } from "./fake_llm.ts";
import { type TemporaryFolder, temporaryHome } from "./home.ts";
import { type ConnectOptions, WireClient } from "./wire.ts";

/** A server of a home of its own, and what a test asks of it. */
export interface TestServer extends AsyncDisposable {
	home: string;
	url: string;
	token: string;
	port: number;
	/** What the operator was shown. */
	said: string[];
	/** Connects with the token, unless the options say otherwise. */
	connect(options?: ConnectOptions): Promise<WireClient>;
	/** The same address by HTTP. */
	get(path: string, init?: RequestInit): Promise<Response>;
	/** What the log has of an event. */
	logged(event: string): (LogRecord["fields"] & { level: string })[];
	/** The log as it lies there. */
	log(): string;
}

/** One in this process. */
export interface InProcess extends TestServer {
	serving: Serving;
	stop(): Promise<void>;
}

/** One in a process of its own. */
export interface InChild extends TestServer {
	pid: number;
	exited: Promise<number>;
	/** Sends it a signal. */
	kill(signal: NodeJS.Signals): void;
	/** Resolves when the operator has been shown a line like this. */
	line(pattern: RegExp): Promise<string>;
}

type Script = Parameters<typeof startFakeLlm>[0]["script"];

/** A model that says this, and the section of an agent that asks it. */
export async function modelSaying(script: Script): Promise<{
	llm: FakeLlm;
	agent: Record<string, unknown>;
	[Symbol.dispose](): void;
}> {
	const llm = await startFakeLlm({ api: "anthropic", script });
	const agent = {
		provider: "anthropic",
		model: "fake-1",
		api_key: "test-key",
		base_url: llm.url,
	};
	return { llm, agent, [Symbol.dispose]: () => llm.stop() };
}

/** Sections of aeon.json: a main agent, any free port, and whatever else. */
export function config(
	agent: object = { provider: "demo" },
	{ server = {}, agents = {}, ...rest }: Record<string, object> = {},
) {
	return {
		server: { port: 0, ...server },
		agents: { main: agent, ...agents },
		...rest,
	};
}

/** Starts a server in this process, on a home of its own or on one that is there. */
export async function openServer(
	sections: object,
	home?: string,
): Promise<InProcess> {
	const folder = homeFor(sections, home);
	const said: string[] = [];
	const serving = await Serving.start({
		settings: { env: {}, cwd: "/", home: folder.path, needs: "everything" },
		logLevel: "debug",
		say: (line) => void said.push(line),
	});
	const presence = findServer(join(folder.path, ".aeon"));
	if (!presence) throw new Error("the server did not announce itself");
	let isStopped = false;
	const stop = async () => {
		if (isStopped) return;
		isStopped = true;
		await serving.stop(AbortSignal.abort());
	};
	return {
		...reach(folder.path, presence),
		said,
		serving,
		stop,
		async [Symbol.asyncDispose]() {
			await stop();
			if (home === undefined) folder[Symbol.dispose]();
		},
	};
}

/** Starts a server in a process of its own, from source, and waits until it can be asked. */
export async function spawnServer(
	sections: object,
	home?: string,
	env: Record<string, string> = {},
): Promise<InChild> {
	const folder = homeFor(sections, home);
	const child = start(["serve", "--log-level", "debug"], {
		home: folder.path,
		env,
	});
	const said: string[] = [];
	const waiting: (() => void)[] = [];
	let isOver = false;
	const reading = (async () => {
		const decoder = new TextDecoder();
		let rest = "";
		for await (const chunk of child.stderr) {
			const lines = (rest + decoder.decode(chunk, { stream: true })).split(
				"\n",
			);
			rest = lines.pop() ?? "";
			said.push(...lines);
			for (const wake of waiting.splice(0)) wake();
		}
		isOver = true;
		for (const wake of waiting.splice(0)) wake();
	})();
	const line = async (pattern: RegExp) => {
		for (;;) {
			const found = said.find((one) => pattern.test(one));
			if (found !== undefined) return found;
			if (isOver) throw new Error(`it has ended: ${said.join("\n")}`);
			await new Promise<void>((wake) => waiting.push(wake));
		}
	};
	await line(/^Aeon listens on /);
	const presence = findServer(join(folder.path, ".aeon"));
	if (!presence) throw new Error("the server did not announce itself");
	return {
		...reach(folder.path, presence),
		said,
		pid: child.pid,
		exited: child.exited,
		kill: (signal) => child.kill(signal),
		line,
		async [Symbol.asyncDispose]() {
			child.kill("SIGKILL");
			await child.exited;
			await reading;
			if (home === undefined) folder[Symbol.dispose]();
		},
	};
}

/** A server with no Aeon behind it yet. */
export function bareServer(
	folder: string,
	onFault: (error: unknown) => void = () => {},
) {
	const logger = createLogger({
		path: join(folder, "log"),
		level: "error",
		secrets: [],
	});
	const options = {
		host: "127.0.0.1",
		port: 0,
		hosts: [],
		origins: [],
		token: "a",
		maxClients: 1,
		maxFrameBytes: 4096,
		maxBufferedBytes: 4096,
		idleSeconds: 60,
	};
	return startServer(options, logger, onFault);
}

/** A port that nobody listens on, for what has to be at the same one after a restart. */
export async function freePort(): Promise<number> {
	const server = Bun.serve({ port: 0, fetch: () => new Response("") });
	const { port } = server;
	await server.stop(true);
	return port ?? 0;
}

/** Writes the configuration of a home. */
export function writeConfig(home: string, sections: object): void {
	mkdirSync(join(home, ".aeon"), { recursive: true, mode: 0o700 });
	writeFileSync(join(home, ".aeon", "aeon.json"), JSON.stringify(sections));
}

function homeFor(sections: object, home?: string): TemporaryFolder {
	if (home === undefined) return temporaryHome(sections);
	writeConfig(home, sections);
	return { path: home, [Symbol.dispose]() {} };
}

function reach(home: string, { url, token }: ServerPresence) {
	const { port } = new URL(url);
	const log = () =>
		readFileSync(join(home, ".aeon", "logs", "aeon.log"), "utf8");
	return {
		home,
		url,
		token,
		port: Number(port),
		connect: (options: ConnectOptions = { token }) =>
			new WireClient(`${url}/ws`, options).opened(),
		get: (path: string, init?: RequestInit) =>
			fetch(`http://127.0.0.1:${port}${path}`, init),
		log,
		logged: (event: string) =>
			log()
				.split("\n")
				.flatMap((line) => (line ? JSON.parse(line) : []))
				.filter((record) => record.event === event),
	};
}
