/** Wakes whoever waits for something to become true: they look again after every change they are told of. */
export class Changes {
	#waiting: (() => void)[] = [];

	/** Something has changed. */
	tell(): void {
		for (const wake of this.#waiting.splice(0)) wake();
	}

	/** Resolves once it is true; what never becomes so ends with its test. */
	async until(isTrue: () => boolean): Promise<void> {
		while (!isTrue())
			await new Promise<void>((wake) => this.#waiting.push(wake));
	}
}
