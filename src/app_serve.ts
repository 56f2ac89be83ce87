// A server and the Aeon behind it, from the first listening to the last word: what `aeon serve` runs.

import { setTimeout as sleep } from "node:timers/promises";
import type { Aeon } from "./app.ts";
import { type Claimed, claimServing, type ServeRequest } from "./app_claim.ts";
import { serverOptions } from "./app_listening.ts";
import { describeReload, readAgain } from "./app_reload.ts";
import { Rest } from "./app_rest.ts";
import { resumeWaiting } from "./app_starting.ts";
import type { Trial } from "./app_trial.ts";
import { describeError, hasCode } from "./core/errors.ts";
import { createLogger, type Logger } from "./core/logger.ts";
import type { Claim } from "./core/presence.ts";
import { collectSecrets } from "./core/secret.ts";
import type { Backend } from "./server/backend.ts";
import { isWildcard } from "./server/guard.ts";
import { type AeonServer, startServer } from "./server/server.ts";
import { tokenFile } from "./server/token.ts";
import { Supervisor } from "./service/supervisor.ts";
import type { Reading } from "./settings/settings.ts";
import { storePlace } from "./settings/store_place.ts";

/** Stopping Aeon and closing its store may take so long beside the draining: more than the store needs to say what is lost. */
const CLOSING_MS = 3_000;

/** Is said to the operator in whole sentences, not as a line of the log. */
const CONFIG_REJECTED = "config.rejected";

/** When the start is over, and after so long without a turn: what was needed for it can go. */
const SETTLE_MS = { start: 1_000, turn: 3_000 };

/** A running server. */
export class Serving {
	readonly #request: ServeRequest;
	readonly #claim: Claim;
	readonly #trial: Trial;
	readonly #logger: Logger;
	readonly #state: string;
	#reading: Reading;
	#server: AeonServer;
	#aeon: Aeon | undefined;
	#configProblem: string | undefined;
	/** The store has been tried: it is known how it is. */
	#isOpen = false;
	/** It is on no trial any more. */
	#mayTakeIn = false;
	#hasGivenUp = false;
	#faults = 0;
	readonly #stopping = new AbortController();
	#upkeep: Promise<void> | undefined;
	#reloading: Promise<void> = Promise.resolve();
	readonly #rest = new Rest();
	readonly #supervisor: Supervisor;
	#giveUp: (reason: unknown) => void;
	/** Rejects where Aeon cannot be opened as it is configured, so that only another start helps. */
	readonly failed: Promise<never>;

	/** Listens, then opens what is behind. Throws `config_invalid`, `conflict` and `storage_failed` before it listens. */
	static async start(request: ServeRequest): Promise<Serving> {
		const claimed = await claimServing(request);
		try {
			const serving = new Serving(request, claimed);
			serving.#open().catch((error) => serving.#giveUp(error));
			return serving;
		} catch (error) {
			claimed.claim.release();
			throw error;
		}
	}

	private constructor(
		request: ServeRequest,
		{ reading, state, claim, trial }: Claimed,
	) {
		const { promise, reject } = Promise.withResolvers<never>();
		this.failed = promise;
		this.#giveUp = (reason) => {
			this.#hasGivenUp = true;
			reject(reason);
		};
		this.#request = request;
		this.#reading = reading;
		this.#state = state;
		this.#claim = claim;
		this.#trial = trial;
		this.#supervisor = new Supervisor(request.settings.env);
		const { settings } = reading;
		const options = serverOptions(settings, state);
		this.#logger = createLogger({
			path: settings.log_file_path,
			level: request.logLevel,
			secrets: [...collectSecrets(settings), options.token],
			stderr: (line, record) => {
				if (record?.event !== CONFIG_REJECTED) request.say(line);
			},
		});
		this.#server = startServer(options, this.#logger, (error) =>
			this.fault(error),
		);
		this.#announce(options.token);
		const place = settings.server.token
			? `server.token of ${settings.file}`
			: tokenFile(state);
		request.say(`Aeon listens on ${this.url}; the token is in ${place}`);
		if (settings.notice) request.say(settings.notice);
		this.#logger.info("serve.started", { url: this.url, pid: process.pid });
		if (trial.notice) {
			this.#logger.error("update.failed", { reason: trial.notice });
			request.say(trial.notice);
		}
	}

	/** Where this machine reaches it. */
	get url(): string {
		const { host } = this.#reading.settings.server;
		const name = isWildcard(host) ? "127.0.0.1" : host;
		const shown = name.includes(":") ? `[${name}]` : name;
		return `ws://${shown}:${this.#server.port}`;
	}

	/** Something that nobody expected and nobody caught: it is told, and everything goes on. */
	fault(error: unknown): void {
		this.#faults++;
		this.#logger.error("fault", { error });
	}

	/**
	 * Reads the configuration again. A good one is in force from now on, for what begins from now on; a bad one changes
	 * nothing. What is said about either goes to the operator and the log. Of several the last one begun decides.
	 */
	reload(): Promise<void> {
		this.#reloading = this.#reloading.then(() => this.#reload());
		return this.#reloading;
	}

	async #reload(): Promise<void> {
		try {
			const { reading, restartKeys } = await readAgain(
				this.#request.settings,
				this.#reading.settings,
			);
			const { settings } = reading;
			const options = serverOptions(settings, this.#state);
			this.#logger.hide([...collectSecrets(settings), options.token]);
			this.#aeon?.reload(settings);
			this.#server.use(options);
			this.#reading = reading;
			void this.#resume();
			this.#announce(options.token);
			this.#configProblem = undefined;
			this.#logger.info("config.reloaded", {
				file: settings.file,
				restartKeys,
			});
			this.#request.say(describeReload(settings, restartKeys));
		} catch (error) {
			const reason = describeError(error);
			this.#configProblem = `The configuration was not reloaded, and the old one stays in force: ${reason}`;
			this.#logger.error(CONFIG_REJECTED, { error });
			this.#request.say(this.#configProblem);
		}
	}

	/** Ends it: what runs has `drain_ms`, then it is stopped. `hurry` ends the waiting. Never throws. */
	async stop(hurry: AbortSignal): Promise<void> {
		if (this.#stopping.signal.aborted) return;
		this.#stopping.abort();
		const { drain_ms: drainMs } = this.#reading.settings.server;
		this.#logger.info("serve.stopping", { drainMs });
		this.#supervisor.stopping();
		this.#server.announceEnd(drainMs);
		try {
			const intake = this.#aeon?.stopDialogs();
			const drained = this.#aeon?.runtime.drain().then(() => intake);
			const waited = sleep(drainMs, undefined, { signal: hurry });
			await Promise.race([drained, waited.catch(() => {})]);
			const closed = Promise.all([this.#aeon?.close(), this.#upkeep]);
			await Promise.race([closed, sleep(CLOSING_MS)]);
		} catch (error) {
			this.fault(error);
		}
		this.#server.close();
		this.#claim.release();
		this.#supervisor.close();
		this.#logger.info("serve.stopped");
		this.#logger.close();
	}

	async #open(): Promise<void> {
		const [
			{ openAeon },
			{ serveStore },
			{ createBackend },
			{ startDialogs },
			{ keepUp },
		] = await Promise.all([
			import("./app.ts"),
			import("./app_store.ts"),
			import("./app_server.ts"),
			import("./app_starting.ts"),
			import("./app_upkeep.ts"),
		]);
		const { settings } = this.#reading;
		const { store, announce } = serveStore(settings, {
			logger: this.#logger,
			refuse: (error) => this.#refuse(error),
		});
		const aeon = await openAeon(settings, {
			home: this.#request.settings.home,
			logLevel: this.#request.logLevel,
			warn: this.#request.say,
			logger: this.#logger,
			store,
			isServing: true,
			observe: (event) => {
				this.#server.observe(event);
				const isEnd = event.type === "session.updated";
				if (isEnd) this.#rest.after(SETTLE_MS.turn);
			},
			announce,
		});
		this.#aeon = aeon;
		// The configuration may have been read anew meanwhile.
		if (this.#reading.settings !== settings)
			aeon.reload(this.#reading.settings);
		const host = aeon.addDialog(this.#server.dialog);
		const backend = createBackend({
			aeon,
			host,
			store,
			reading: () => this.#reading,
			isOpen: () => this.#isOpen,
			notices: () =>
				[this.#trial.notice, this.#configProblem].filter((one) => one != null),
			faults: () => this.#faults,
		});
		this.#mayTakeIn = await this.#pass(backend);
		if (!this.#mayTakeIn) return;
		this.#server.attach(backend);
		this.#rest.after(SETTLE_MS.start);
		await startDialogs(aeon, {
			state: this.#state,
			logger: this.#logger,
			resume: () => this.#resume(),
		});
		this.#isOpen = true;
		const wiring = {
			surroundings: this.#request.settings,
			reading: () => this.#reading,
			logger: this.#logger,
		};
		this.#upkeep = keepUp(aeon, wiring, this.#stopping.signal);
		if (!this.#hasGivenUp) this.#supervisor.ready(`Listens on ${this.url}`);
	}

	/** Answers only how it is until it is known that this version may stay. */
	async #pass(backend: Backend): Promise<boolean> {
		const { passed } = this.#trial;
		if (!passed) return true;
		// Its health tells how the store is once it was used.
		await backend.store.listSessions({ limit: 1 }).catch(() => {});
		if (this.#hasGivenUp) return false;
		this.#isOpen = true;
		this.#server.show(backend);
		this.#supervisor.ready("Is tried after an update");
		return passed(this.#stopping.signal, this.#logger);
	}

	async #resume(): Promise<void> {
		const { signal } = this.#stopping;
		const fault = (error: unknown) => this.fault(error);
		if (this.#aeon && this.#mayTakeIn)
			await resumeWaiting(this.#aeon, this.#logger, signal, fault);
	}

	/** A store that is only out of order is waited for; one that this Aeon must not touch is not. */
	#refuse(error: unknown): never {
		if (hasCode(error, "conflict")) this.#giveUp(error);
		throw error;
	}

	#announce(token: string): void {
		const { settings } = this.#reading;
		const presence = {
			pid: process.pid,
			url: this.url,
			token,
			config: settings.file ?? "",
			store: storePlace(settings),
		};
		this.#claim.announce(presence, (error) =>
			this.#logger.warn("serve.unannounced", { error }),
		);
	}
}
