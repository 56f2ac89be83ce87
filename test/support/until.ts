/** Longer than anything that is waited for takes, on a busy machine as well. */
const LIMIT_MS = 30_000;

/** Between two looks at what tells nobody of its changes. */
const LOOK_MS = 5;

/** Looks again and again until it is so; throws where it is not within half a minute. What tells of its changes is waited for by its own `until`. */
export async function until(
	isSo: () => boolean | Promise<boolean>,
): Promise<void> {
	const end = performance.now() + LIMIT_MS;
	while (!(await isSo())) {
		if (performance.now() > end) throw new Error(`never: ${isSo}`);
		await Bun.sleep(LOOK_MS);
	}
}
