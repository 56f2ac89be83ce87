/** Ends what takes too long or is not wanted any more, even where it does not listen to its signal. */
export class TimeLimit {
	/** True once the time ran out, and not where the outer signal was first. */
	isOver = false;
	readonly #controller = new AbortController();
	readonly #ms: number;
	readonly #outer: AbortSignal | undefined;
	readonly #onAbort = () => this.#controller.abort(this.#outer?.reason);
	#timer: ReturnType<typeof setTimeout> | undefined;

	/** Begins at once. Throws `outer.reason` where that is aborted. */
	constructor(ms: number, outer?: AbortSignal) {
		this.#ms = ms;
		this.#outer = outer;
		outer?.throwIfAborted();
		outer?.addEventListener("abort", this.#onAbort, { once: true });
		this.renew();
	}

	/** Aborted by the time and by the outer signal. */
	get signal(): AbortSignal {
		return this.#controller.signal;
	}

	/** The time begins again. */
	renew(): void {
		this.pause();
		this.#timer = setTimeout(() => {
			this.isOver = !this.signal.aborted;
			this.#controller.abort(new Error("the time is over"));
		}, this.#ms);
	}

	/** The time does not count until it is renewed. */
	pause(): void {
		clearTimeout(this.#timer);
	}

	/** The work's outcome, or a rejection as soon as the signal is aborted. */
	race<T>(work: Promise<T>): Promise<T> {
		const { promise, reject } = Promise.withResolvers<never>();
		const stop = () => reject(this.signal.reason);
		this.signal.addEventListener("abort", stop, { once: true });
		return Promise.race([work, promise]);
	}

	/** To be called when the work is done. */
	end(): void {
		this.pause();
		this.#outer?.removeEventListener("abort", this.#onAbort);
	}
}
