/** Does the work of one key piece after piece, in the order in which it was given, and that of other keys beside it. */
export type InOrder = <T>(key: string, work: () => Promise<T>) => Promise<T>;

/** For one kind of work. */
export function createInOrder(): InOrder {
	const last = new Map<string, Promise<unknown>>();
	return (key, work) => {
		const own = (last.get(key) ?? Promise.resolve()).then(work, work);
		last.set(key, own);
		const forget = () => {
			if (last.get(key) === own) last.delete(key);
		};
		own.then(forget, forget);
		return own;
	};
}
