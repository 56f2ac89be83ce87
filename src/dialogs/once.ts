/** Does the work of an id once, also while it runs, and gives every further call what it came to; what failed may be tried again. */
export type Once = <T>(
	id: number | string,
	work: () => Promise<T>,
) => Promise<T>;

/** How many are remembered: far more than a platform sends again. */
const MAX_REMEMBERED = 1_000;

/** For one kind of work. Lives as long as the process. */
export function createOnce(): Once {
	const done = new Map<number | string, Promise<unknown>>();
	return <T>(id: number | string, work: () => Promise<T>) => {
		const known = done.get(id);
		if (known) return known as Promise<T>;
		const own = work();
		done.set(id, own);
		own.catch(() => done.delete(id));
		const [first] = done.keys();
		if (done.size > MAX_REMEMBERED && first !== undefined) done.delete(first);
		return own;
	};
}
