// Root doing what concerns a person's files with no more rights than that person has, so that no link among them leads it astray.

/** An owner as chown(1) takes it. */
export type Owner = `${number}:${number}`;

const ROOT = 0;

/** True of what could have been made by `${uid}:${gid}`. */
export function isOwner(text: string | undefined): text is Owner {
	return /^\d+:\d+$/.test(text ?? "");
}

/** A user's number and its group's. */
export function numbersOf(owner: Owner): [uid: number, gid: number] {
	const [uid = ROOT, gid = ROOT] = owner.split(":").map(Number);
	return [uid, gid];
}

/**
 * Does something to files with the rights of an owner alone. What is awaited in it must start no programs: they could become
 * root again (`asOwner` is for them). Where this process is not root, or is to be it, nothing changes.
 */
export async function withRights<T>(
	owner: Owner,
	work: () => Promise<T> | T,
): Promise<T> {
	const [uid, gid] = numbersOf(owner);
	if (process.geteuid?.() !== ROOT || uid === ROOT) return await work();
	const group = process.getegid?.() ?? ROOT;
	const groups = process.getgroups?.() ?? [];
	process.setgroups?.([gid]);
	process.setegid?.(gid);
	process.seteuid?.(uid);
	try {
		return await work();
	} finally {
		process.seteuid?.(ROOT);
		process.setegid?.(group);
		process.setgroups?.(groups);
	}
}

/** The command line that has a program run as an owner, for good and with no other group (setpriv(1)). */
export function asOwner(owner: Owner, command: readonly string[]): string[] {
	const [uid, gid] = numbersOf(owner);
	if (process.getuid?.() !== ROOT || uid === ROOT) return [...command];
	const who = [`--reuid=${uid}`, `--regid=${gid}`, "--clear-groups"];
	return ["setpriv", ...who, "--", ...command];
}
