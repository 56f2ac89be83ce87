// The one seam that names the runtime. Bun stands behind it, in the files platform_*; another runtime is one more of this shape.

export { platform } from "./platform_bun.ts";

/** A prepared SQL statement. Parameters are named (`$key`), values are strings, numbers, bytes or null. */
export interface Statement<Row = unknown> {
	all(parameters?: SqlParameters): Row[];
	get(parameters?: SqlParameters): Row | undefined;
	run(parameters?: SqlParameters): { changes: number; lastInsertRowid: number };
}

/** What stands in a statement's places, by their names. */
export type SqlParameters = Record<string, string | number | Uint8Array | null>;

/** One open SQLite database. */
export interface SqlDatabase {
	/** Runs SQL that takes no parameters and gives no rows; several statements may be separated by `;`. */
	exec(sql: string): void;
	/** A statement compiled once and kept as long as the database is open. */
	prepare<Row>(sql: string): Statement<Row>;
	/** All or nothing: runs the work inside BEGIN IMMEDIATE … COMMIT, rolls back where it throws. */
	transaction<T>(work: () => T): T;
	close(): void;
}

/** A child process in a process group of its own, stdin closed, stdout and stderr to be read. */
export interface Child {
	readonly pid: number;
	readonly stdout: ReadableStream<Uint8Array>;
	readonly stderr: ReadableStream<Uint8Array>;
	/** The exit code, or 128 + the signal's number. */
	readonly exited: Promise<number>;
	/** Sends a signal to every process of the group that may be signalled; does nothing once the group is gone. */
	signalGroup(signal: "SIGTERM" | "SIGKILL"): void;
}

/** One WebSocket of a server (RFC 6455). */
export interface ServerSocket<Data> {
	/** What the upgrade gave it. */
	readonly data: Data;
	/** Bytes that were sent and that the network has not taken yet. */
	readonly bufferedBytes: number;
	/** Sends a text or binary frame. Gives a positive number; -1 where it waits behind others; 0 where it was dropped. */
	send(frame: string | Uint8Array): number;
	/** Does the work and writes what it sends in one piece. */
	cork(work: () => void): void;
	close(code: number, reason: string): void;
	/** Ends the connection at once, without the closing handshake. */
	terminate(): void;
}

/** A request on its way in. */
export interface Incoming<Data> {
	/** The address of whoever is at the other end of the connection. */
	readonly address: string;
	/** Makes a WebSocket of the request, which then needs no response. False where it cannot be one. */
	upgrade(data: Data, headers: Record<string, string>): boolean;
}

/** What a server is started with. */
export interface ServeOptions<Data> {
	host: string;
	/** 0 takes any that is free. */
	port: number;
	/** A frame that is larger closes its socket with 1009. */
	maxFrameBytes: number;
	/** What waits for a socket that does not read may grow to this; then frames are dropped. */
	maxBufferedBytes: number;
	/** A socket that is silent for so long, and does not answer a ping either, is closed. */
	idleSeconds: number;
	/** Gives no response where it has made a WebSocket of the request. */
	fetch(
		request: Request,
		incoming: Incoming<Data>,
	): Response | undefined | Promise<Response | undefined>;
	/** Is told what `fetch` threw; the request has been answered with 500. */
	failed(error: unknown): void;
	opened(socket: ServerSocket<Data>): void;
	/** Text, or bytes that are good only until this returns. */
	received(socket: ServerSocket<Data>, frame: string | Uint8Array): void;
	/** The network has taken what was buffered. */
	drained(socket: ServerSocket<Data>): void;
	closed(socket: ServerSocket<Data>, code: number): void;
}

/** A server that listens. */
export interface HttpServer {
	readonly port: number;
	/** Takes no new connection; those that are open stay. */
	close(): void;
	/** Ends what is open, too. */
	terminate(): void;
}

/** A lock that one process holds at a time, however it ends: the system itself frees it. */
export interface ProcessLock {
	release(): void;
}

/** A hash of bytes that come piece by piece. */
export interface Hash {
	update(piece: Uint8Array): void;
	/** In hexadecimal. Nothing can be added afterwards. */
	digest(): string;
}

/** How a picture is to be made anew. */
export interface ImageScaling {
	/** Pixels that it may have each way at most; one that is smaller keeps its size. */
	maxEdge: number;
	/** Pixels that it may have before, in all: it throws ImageFault `too_large`, before anything is decoded. */
	maxPixels: number;
	/** PNG keeps what is transparent. */
	format: "jpeg" | "png";
}

/** What `scaleImage` makes. */
export interface ScaledImage {
	bytes: Uint8Array;
	width: number;
	height: number;
}

/** What Aeon needs of a runtime beside the web's own interfaces and `node:fs`. */
export interface Platform {
	/** Opens a SQLite file, creating it where it is missing. */
	openDatabase(path: string): SqlDatabase;
	/** Starts a program. Throws at once where it cannot be started. `env` is the child's whole environment. */
	spawn(
		command: string[],
		options: { cwd: string; env: Record<string, string> },
	): Child;
	/** SHA-256 of bytes or of a text's UTF-8, in hexadecimal. `node:crypto` would cost megabytes of memory. */
	sha256(content: string | Uint8Array): string;
	/** The same of what comes piece by piece. */
	startSha256(): Hash;
	/** HMAC-SHA256 (RFC 2104) of bytes, by a key's UTF-8, in hexadecimal. The web's own would do it in another thread, some time. */
	hmacSha256(key: string, content: Uint8Array): string;
	/** Keeps other processes of the same user from reading this one's memory and environment. False where it cannot. */
	hideProcess(): boolean;
	/** Runs a program to its end, unheard; true where it ended with 0. For what takes milliseconds. */
	succeeds(
		command: string[],
		options: { cwd: string; env: Record<string, string> },
	): boolean;
	/** True on Linux with Landlock, by which `aeon confine` keeps a command from files. */
	hasLandlock(): boolean;
	/** Listens for HTTP and WebSockets. Throws where it cannot, with the system's code (`EADDRINUSE`). */
	serve<Data>(options: ServeOptions<Data>): HttpServer;
	/**
	 * Sends a datagram to a socket of this machine: to a path, or with `@` before it to an abstract name (unix(7)). False
	 * where it cannot.
	 */
	sendDatagram(address: string, text: string): boolean;
	/** Takes the lock that a file stands for, which is made where it is missing; undefined where another process has it. */
	lock(path: string): ProcessLock | undefined;
	/** Gives memory back to the system that only the start needed: garbage, and the pages of code that ran once. */
	settle(): void;
	/** The same of the pages alone, which takes a fraction of a millisecond. */
	releaseCode(): void;
	/**
	 * Makes a picture anew: upright, without its metadata, smaller where it must be. It takes four bytes a pixel of memory
	 * and does not block. The bytes must stay as they are meanwhile. Throws ImageFault.
	 */
	scaleImage(bytes: Uint8Array, scaling: ImageScaling): Promise<ScaledImage>;
	/** What starts this very Aeon again, from its binary or its source; its arguments and other variables come on top. */
	self(): { argv: string[]; env: Record<string, string> };
}
