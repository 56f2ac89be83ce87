import { Database } from "bun:sqlite";
import { join } from "node:path";
import { ImageFault } from "./image.ts";
import type {
	Child,
	HttpServer,
	ImageScaling,
	Platform,
	ProcessLock,
	ScaledImage,
	ServeOptions,
	ServerSocket,
	SqlDatabase,
	SqlParameters,
	Statement,
} from "./platform.ts";
import {
	hideProcess,
	landlockVersion,
	NO_CODE_CACHE,
	releaseCode,
	sendDatagram,
} from "./platform_linux.ts";

let hasLandlock: boolean | undefined;

/** Bun behind the seam. */
export const platform: Platform = {
	openDatabase,

	spawn(command, { cwd, env }): Child {
		// `detached` is setsid(2): the child leads a group of its own, so that its children can be signalled with it.
		const child = Bun.spawn(command, {
			cwd,
			env,
			stdin: "ignore",
			stdout: "pipe",
			stderr: "pipe",
			detached: true,
		});
		return {
			pid: child.pid,
			stdout: child.stdout,
			stderr: child.stderr,
			exited: child.exited,
			signalGroup(signal) {
				try {
					process.kill(-child.pid, signal);
				} catch (error) {
					// ESRCH: the group is gone. EPERM: all that is left of it runs as another user, or on macOS is a zombie.
					const { code } = error as NodeJS.ErrnoException;
					if (code !== "ESRCH" && code !== "EPERM") throw error;
				}
			},
		};
	},

	sha256: (content) =>
		new Bun.CryptoHasher("sha256").update(content).digest("hex"),

	startSha256() {
		const hasher = new Bun.CryptoHasher("sha256");
		return {
			update: (piece) => void hasher.update(piece),
			digest: () => hasher.digest("hex"),
		};
	},

	hmacSha256: (key, content) =>
		new Bun.CryptoHasher("sha256", key).update(content).digest("hex"),

	hideProcess,

	succeeds: (command, { cwd, env }) =>
		Bun.spawnSync(command, {
			cwd,
			env,
			stdin: "ignore",
			stdout: "ignore",
			stderr: "ignore",
		}).success,

	hasLandlock() {
		hasLandlock ??= landlockVersion() > 0;
		return hasLandlock;
	},

	serve,

	sendDatagram,

	lock,

	settle() {
		Bun.gc(true);
		releaseCode();
	},

	releaseCode,

	scaleImage,

	self() {
		const isCompiled = import.meta.dir.startsWith("/$bunfs/");
		return {
			argv: [
				// The very file that runs, even where an update has put another one in its place.
				process.platform === "linux" ? "/proc/self/exe" : process.execPath,
				...(isCompiled ? [] : [join(import.meta.dir, "..", "main.ts")]),
			],
			env: isCompiled ? {} : NO_CODE_CACHE,
		};
	},
};

function openDatabase(path: string): SqlDatabase {
	const database = new Database(path, { create: true, strict: true });
	const statement = <Row>(sql: string): Statement<Row> => {
		const query = database.query<Row, SqlParameters[]>(sql);
		return {
			all: (parameters = {}) => query.all(parameters),
			get: (parameters = {}) => query.get(parameters) ?? undefined,
			run: (parameters = {}) => {
				const { changes, lastInsertRowid } = query.run(parameters);
				return { changes, lastInsertRowid: Number(lastInsertRowid) };
			},
		};
	};
	// Made once: each makes four functions.
	const inTransaction = database.transaction((work: () => unknown) => work());
	return {
		exec: (sql) => void database.run(sql),
		prepare: statement,
		transaction: <T>(work: () => T) => inTransaction.immediate(work) as T,
		close: () => database.close(),
	};
}

/** How long a request may take in which nobody says anything; Bun's own ten seconds would cut slow readers. */
const HTTP_IDLE_SECONDS = 60;

/** More than any platform's webhook sends; what reads a body has a limit of its own. */
const MAX_BODY_SIZE = 4 * 1024 * 1024;

function serve<Data>(options: ServeOptions<Data>): HttpServer {
	/** One for as long as the socket lives. */
	const of = (socket: Bun.ServerWebSocket<Held<Data>>) => {
		socket.data.socket ??= seam(socket);
		return socket.data.socket;
	};
	const server = Bun.serve<Held<Data>>({
		hostname: options.host,
		port: options.port,
		idleTimeout: HTTP_IDLE_SECONDS,
		maxRequestBodySize: MAX_BODY_SIZE,
		fetch: (request, self) =>
			options.fetch(request, {
				address: self.requestIP(request)?.address ?? "",
				upgrade: (data, headers) =>
					self.upgrade(request, { data: { data }, headers }),
			}) as Promise<Response>,
		error(error) {
			options.failed(error);
			return new Response("Internal Server Error\n", { status: 500 });
		},
		websocket: {
			maxPayloadLength: options.maxFrameBytes,
			backpressureLimit: options.maxBufferedBytes,
			idleTimeout: options.idleSeconds,
			sendPings: true,
			open: (socket) => options.opened(of(socket)),
			message: (socket, frame) => options.received(of(socket), frame),
			drain: (socket) => options.drained(of(socket)),
			close: (socket, code) => options.closed(of(socket), code),
		},
	});
	return {
		port: server.port ?? options.port,
		close: () => void server.stop(),
		terminate: () => void server.stop(true),
	};
}

interface Held<Data> {
	data: Data;
	socket?: ServerSocket<Data>;
}

function seam<Data>(
	socket: Bun.ServerWebSocket<Held<Data>>,
): ServerSocket<Data> {
	return {
		data: socket.data.data,
		get bufferedBytes() {
			return socket.getBufferedAmount();
		},
		send: (frame) => socket.send(frame),
		cork: (work) => socket.cork(work),
		close: (code, reason) => socket.close(code, reason),
		terminate: () => socket.terminate(),
	};
}

/** By the locks of a SQLite file that holds nothing: they are the system's own on every system, and end with the process. */
function lock(path: string): ProcessLock | undefined {
	const database = new Database(path, { create: true });
	try {
		database.run("PRAGMA busy_timeout = 0");
		// A journal would be a file beside it, for which a full disk has no room.
		database.run("PRAGMA journal_mode = MEMORY");
		database.run("BEGIN EXCLUSIVE");
		return { release: () => database.close() };
	} catch (error) {
		database.close();
		if (String(codeOf(error)).startsWith("SQLITE_BUSY")) return undefined;
		throw error;
	}
}

/** By the codecs that Bun has in it, off the main thread. On Linux there is none for HEIC, AVIF and TIFF. */
async function scaleImage(
	bytes: Uint8Array,
	{ maxEdge, maxPixels, format }: ImageScaling,
): Promise<ScaledImage> {
	const image = new Bun.Image(bytes, { maxPixels }).resize(maxEdge, maxEdge, {
		fit: "inside",
		withoutEnlargement: true,
	});
	try {
		const made = await (format === "png"
			? image.png()
			: image.jpeg({ quality: 85 })
		).bytes();
		return { bytes: made, width: image.width, height: image.height };
	} catch (error) {
		throw new ImageFault(imageFault(codeOf(error)), error);
	}
}

function imageFault(code: unknown): ImageFault["kind"] {
	if (code === "ERR_IMAGE_FORMAT_UNSUPPORTED") return "unsupported";
	return code === "ERR_IMAGE_TOO_MANY_PIXELS" ? "too_large" : "broken";
}

function codeOf(error: unknown): unknown {
	return (error as { code?: unknown }).code;
}
