// The log: one JSON object a line, in a file that rotates, with every secret hidden.

import {
	appendFileSync,
	existsSync,
	mkdirSync,
	renameSync,
	statSync,
} from "node:fs";
import { dirname } from "node:path";
import { describeError } from "./errors.ts";
import { createCleaner, createRedactor } from "./redact.ts";

/** From the most talkative to the most silent; a logger writes its own level and those after it. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;

/** How much an event matters. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What may be said of an event: anything that JSON holds, errors, secrets. Fields that are undefined are left out. */
export type LogFields = Record<string, unknown>;

/**
 * Writes down what happens. An event is named in dotted words (`turn.done`); the fields say the rest. No method throws and
 * none waits for anything but the file.
 */
export interface Logger {
	debug(event: string, fields?: LogFields): void;
	info(event: string, fields?: LogFields): void;
	warn(event: string, fields?: LogFields): void;
	error(event: string, fields?: LogFields): void;
	/** Further texts that are never to be written anywhere. */
	hide(secrets: readonly string[]): void;
	/** Writes what is still held back: how often the last line was repeated. */
	close(): void;
}

/** Writes nothing: for what is not worth a word. */
export const silent: Logger = {
	debug() {},
	info() {},
	warn() {},
	error() {},
	hide() {},
	close() {},
};

/** Where a log lies, and what goes into it. */
export interface LoggerOptions {
	path: string;
	level: LogLevel;
	/** Never written anywhere, whatever text they are in. */
	secrets: string[];
	/**
	 * Is given warnings and errors as a short line without its newline, with the record that it tells; and once, without a
	 * record, that the file cannot be written.
	 */
	stderr?: (line: string, record?: LogRecord) => void;
	/** Milliseconds since 1970. */
	now?: () => number;
}

/** One event, cleaned of secrets. */
export interface LogRecord {
	level: LogLevel;
	event: string;
	fields: LogFields;
}

const MAX_FILE_SIZE = 2_000_000;
const KEPT_FILES = 5;
const MAX_SHORT_LINE = 400;

/** Equal lines are held back until one is different, or there are so many of them. */
const MAX_HELD_BACK = 1_000;

/** Another process may write to the same file; after so many lines its size is looked up again. */
const LINES_BETWEEN_LOOKS = 64;

/** A log in the file `path`, which is made with its folder; the files before it are `path.1`, the newest, to `path.4`. */
export function createLogger({
	path,
	level,
	secrets,
	stderr,
	now = Date.now,
}: LoggerOptions): Logger {
	const hidden = [...secrets];
	let clean = createCleaner(createRedactor(hidden));
	const write = createFileWriter(path, stderr);
	let last: LogRecord | undefined;
	let lastText = "";
	let heldBack = 0;

	const readable = (fields: LogFields): LogFields => {
		try {
			return clean(fields);
		} catch (error) {
			return { unreadable: clean(describeError(error)) };
		}
	};

	const put = ({ level, event, fields }: LogRecord) => {
		const head = { time: new Date(now()).toISOString(), level, event };
		write(`${JSON.stringify({ ...head, ...fields, ...head })}\n`);
		if (level === "warn" || level === "error")
			stderr?.(shortLine(level, event, fields), { level, event, fields });
	};

	const flush = () => {
		if (last && heldBack > 0)
			put({ ...last, fields: { ...last.fields, repeated: heldBack } });
		heldBack = 0;
	};

	const log = (level: LogLevel, event: string, fields: LogFields = {}) => {
		const record = { level, event: clean(event), fields: readable(fields) };
		const text = JSON.stringify(record);
		if (text === lastText) {
			if (++heldBack >= MAX_HELD_BACK) flush();
			return;
		}
		flush();
		put(record);
		last = record;
		lastText = text;
	};

	const at = (own: LogLevel): Logger["info"] =>
		LOG_LEVELS.indexOf(own) < LOG_LEVELS.indexOf(level)
			? () => {}
			: (event, fields) => log(own, event, fields);

	return {
		debug: at("debug"),
		info: at("info"),
		warn: at("warn"),
		error: at("error"),
		hide(more) {
			hidden.push(...more);
			clean = createCleaner(createRedactor(hidden));
		},
		close: flush,
	};
}

/** Every file that a log of this path is ever written to, the newest first. */
export function logFiles(path: string): string[] {
	return [...Array(KEPT_FILES).keys()].map((age) =>
		age === 0 ? path : `${path}.${age}`,
	);
}

/** Appends by name, so that lines of two processes go to the newest file whichever of them rotated it. */
function createFileWriter(
	path: string,
	stderr: LoggerOptions["stderr"],
): (line: string) => void {
	let size = 0;
	let linesUntilLook = 0;
	let hasFailed = false;

	const look = () => {
		mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
		size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
		linesUntilLook = LINES_BETWEEN_LOOKS;
	};

	return (line) => {
		try {
			const length = Buffer.byteLength(line);
			if (--linesUntilLook < 0 || size + length > MAX_FILE_SIZE) look();
			if (size > 0 && size + length > MAX_FILE_SIZE) {
				rotate(path);
				size = 0;
			}
			appendFileSync(path, line, { mode: 0o600 });
			size += length;
		} catch (error) {
			if (!hasFailed)
				stderr?.(
					`The log ${path} cannot be written: ${describeError(error)}. Aeon goes on without it.`,
				);
			hasFailed = true;
		}
	};
}

function rotate(path: string): void {
	const files = logFiles(path);
	for (let age = KEPT_FILES - 1; age > 0; age--) {
		const [younger = "", older = ""] = files.slice(age - 1);
		if (existsSync(younger)) renameSync(younger, older);
	}
}

/** A record for a person at a terminal; of an error only what it says. */
function shortLine(level: LogLevel, event: string, fields: LogFields): string {
	const words = Object.entries(fields)
		.filter(([, value]) => value !== undefined)
		.map(([key, value]) => `${key}=${shortValue(value)}`);
	return [level, event, ...words].join(" ").slice(0, MAX_SHORT_LINE);
}

function shortValue(value: unknown): string {
	if (typeof value === "object" && value !== null && "message" in value)
		return JSON.stringify(value.message);
	if (typeof value === "string" && /^[^\s"]+$/.test(value)) return value;
	return JSON.stringify(value);
}
