// Whose rights set-up works with: root writes into the place of somebody else as they could themselves.

import { AeonError } from "../core/errors.ts";

/** Whose a place is. */
export interface Owner {
	uid: number;
	gid: number;
}

const ROOT = 0;

/**
 * Root goes on with the rights of this owner: what it makes is theirs, and no link that they may have laid leads to what is
 * not. Throws `conflict` where that cannot be.
 */
export function workAs({ uid, gid }: Owner): void {
	try {
		process.setgroups?.([gid]);
		process.setegid?.(gid);
		process.seteuid?.(uid);
	} catch (error) {
		throw new AeonError("conflict", `root cannot work as the user ${uid}`, {
			cause: error,
			hint: "Run this as the owner of that home.",
		});
	}
}

/** Does one thing with the rights of root again, after `workAs`. */
export async function asRoot<T>(
	{ uid, gid }: Owner,
	work: () => Promise<T>,
): Promise<T> {
	process.seteuid?.(ROOT);
	process.setegid?.(ROOT);
	try {
		return await work();
	} finally {
		workAs({ uid, gid });
	}
}
