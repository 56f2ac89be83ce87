// Who may come in: the checks before anything is asked of Aeon. Any web page can reach a port of this machine.

import { pause } from "../core/pause.ts";
import { platform } from "../core/platform.ts";
import { STRONG_BITS, tokenBits } from "./token.ts";

/** Headers by which a proxy says that it asks for somebody else (RFC 7239, and what came before it). */
const FORWARDED = [
	"forwarded",
	"x-forwarded-for",
	"x-forwarded-host",
	"x-forwarded-proto",
	"x-real-ip",
];

const FIRST_DELAY_MS = 50;
const MAX_DELAY_MS = 5_000;
/** How many wrong tokens of one address may be waiting for their answer. */
const MAX_WAITING = 4;
/** How long wrong tokens are held against an address. */
const MEMORY_MS = 10 * 60_000;
const MAX_ADDRESSES = 1_000;

/** What is let in. */
export interface GuardOptions {
	/** The address that the server listens on. */
	host: string;
	/** Further names by which it may be asked for, with or without a port. */
	hosts: readonly string[];
	/** Web pages that may talk to it, as `https://name[:port]`. */
	origins: readonly string[];
	token: string;
}

/** Why a request is refused. */
export interface Refusal {
	status: 400 | 401 | 403 | 429 | 503;
	message: string;
	retryAfterMs?: number;
}

/** True of an address or name that only this machine has. */
export function isLoopback(host: string): boolean {
	const name = host.replace(/^\[(.*)\]$/, "$1").toLowerCase();
	if (name === "localhost" || name === "::1") return true;
	return /^127(\.\d{1,3}){3}$/.test(name);
}

/** The checks of one server. */
export class Guard {
	#options: GuardOptions;
	readonly #now: () => number;
	readonly #wrong = new Map<
		string,
		{ count: number; waiting: number; last: number }
	>();

	constructor(options: GuardOptions, now: () => number = Date.now) {
		this.#options = options;
		this.#now = now;
	}

	/** Other rules from now on. */
	use(options: GuardOptions): void {
		this.#options = options;
	}

	/** Refuses what comes by a name that is not ours, from a web page that is not ours, or with its token in the URL. */
	checkRequest({
		headers,
		url,
	}: Pick<Request, "headers" | "url">): Refusal | undefined {
		const host = headers.get("host") ?? "";
		if (!this.#isOurName(host))
			return {
				status: 403,
				message: `This server is not asked for as ${JSON.stringify(host)}: to allow it, add it to server.hosts in aeon.json.`,
			};
		const origin = headers.get("origin");
		if (origin !== null && !this.#isOurPage(origin, host))
			return {
				status: 403,
				message: `Pages of ${JSON.stringify(origin)} may not talk to this server: to allow them, add it to server.origins in aeon.json.`,
			};
		if (!this.#isStrong() && FORWARDED.some((name) => headers.has(name)))
			return {
				status: 403,
				message: `Behind a proxy the token must be worth ${STRONG_BITS} bits: make server.token longer, or leave it out.`,
			};
		if (/[?&](access_|auth_)?token=/i.test(url))
			return {
				status: 400,
				message:
					"A token must not stand in a URL: send Authorization: Bearer …",
			};
		return undefined;
	}

	/**
	 * Resolves to nothing where the token is right, at once; otherwise to the refusal, later for each wrong one that came
	 * from that address before.
	 */
	checkToken(token: string, address: string): undefined | Promise<Refusal> {
		const known = this.#wrong.get(address);
		// With a strong token whoever has it is never kept out by others' guesses; a weak one must not be guessed at.
		const isFlooded = !!known && known.waiting >= MAX_WAITING;
		if ((this.#isStrong() || !isFlooded) && this.#isToken(token)) {
			this.#wrong.delete(address);
			return undefined;
		}
		return this.#refuse(address);
	}

	/** How many wrong tokens of an address are remembered. */
	wrongTokens(address: string): number {
		return this.#wrong.get(address)?.count ?? 0;
	}

	async #refuse(address: string): Promise<Refusal> {
		const attempts = this.#remember(address);
		const delayMs = Math.min(
			FIRST_DELAY_MS * 2 ** Math.min(attempts.count - 1, 20),
			MAX_DELAY_MS,
		);
		if (attempts.waiting >= MAX_WAITING)
			return {
				status: 429,
				message: "Too many wrong tokens: wait.",
				retryAfterMs: delayMs,
			};
		attempts.waiting++;
		await pause(delayMs);
		attempts.waiting--;
		return {
			status: 401,
			message:
				"The token is wrong. The right one lies in ~/.aeon/token of the user who runs aeon serve, unless server.token in aeon.json is another.",
		};
	}

	#remember(address: string) {
		const now = this.#now();
		let attempts = this.#wrong.get(address);
		if (!attempts || now - attempts.last > MEMORY_MS) {
			attempts = { count: 0, waiting: 0, last: now };
			const [oldest] = this.#wrong.keys();
			if (this.#wrong.size >= MAX_ADDRESSES && oldest !== undefined)
				this.#wrong.delete(oldest);
		}
		this.#wrong.delete(address);
		this.#wrong.set(address, attempts);
		attempts.count++;
		attempts.last = now;
		return attempts;
	}

	/** In a time that does not tell how much of it is right. */
	#isToken(token: string): boolean {
		const given = platform.sha256(token);
		const right = platform.sha256(this.#options.token);
		let difference = 0;
		for (let at = 0; at < right.length; at++)
			difference |= given.charCodeAt(at) ^ right.charCodeAt(at);
		return difference === 0;
	}

	#isStrong(): boolean {
		return tokenBits(this.#options.token) >= STRONG_BITS;
	}

	#isOurName(host: string): boolean {
		const name = nameOf(host);
		if (name === "") return false;
		const { host: own, hosts } = this.#options;
		return (
			isLoopback(name) ||
			(!isWildcard(own) && bare(name) === bare(own)) ||
			hosts.some((one) => [bare(host), bare(name)].includes(bare(one)))
		);
	}

	#isOurPage(origin: string, host: string): boolean {
		if (this.#options.origins.includes(origin)) return true;
		return (
			/^https?:\/\/(.+)$/.exec(origin)?.[1]?.toLowerCase() ===
			host.toLowerCase()
		);
	}
}

/** A name as it is compared: an IPv6 address has brackets in a Host header (RFC 3986, section 3.2.2), and none elsewhere. */
function bare(name: string): string {
	return name.toLowerCase().replace(/^\[(.*)\]$/, "$1");
}

/** An address that stands for all of this machine's. */
export function isWildcard(host: string): boolean {
	return host === "" || host === "0.0.0.0" || host === "::";
}

/** The host in a Host header, without its port. */
function nameOf(host: string): string {
	return (
		/^(\[[0-9a-f:.]+\]|[^:[\]/@\s]+)(?::\d{1,5})?$/i.exec(host)?.[1] ?? ""
	).toLowerCase();
}

/** The token in the header `Authorization`, or in the subprotocol `bearer.<token>`, which is what browsers can send. */
export function bearerOf(
	headers: Headers,
	offered: readonly string[] = [],
): string | undefined {
	const header = headers.get("authorization");
	if (header !== null) return /^bearer +(\S+) *$/i.exec(header)?.[1] ?? "";
	return offered.find((one) => one.startsWith("bearer."))?.slice(7);
}
