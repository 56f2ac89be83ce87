// Whose state it is: root works on it as the user that the service runs as, or the service could not use its files any more.

import { AeonError } from "../core/errors.ts";
import { run } from "../core/run.ts";
import { readSecrets } from "../core/secrets_file.ts";
import type { Installation } from "../service/installation.ts";

type Environment = Record<string, string>;

/** The user whose state directory it is. */
export interface Owner {
	uid: number;
	/** Does something with its rights, at once. */
	asNow<T>(work: () => T): T;
	/** The same, and waits for it; nothing else may be done meanwhile. */
	as<T>(work: () => Promise<T>): Promise<T>;
	/** What a program is started as this user with: what stands before it, and its environment. */
	argv: readonly string[];
	env: Environment;
}

/** This very process's user, with its environment. */
export function self(env: Record<string, string | undefined>): Owner {
	return {
		uid: process.getuid?.() ?? 0,
		asNow: (work) => work(),
		as: (work) => work(),
		argv: [],
		env: Object.fromEntries(
			Object.entries(env).flatMap(([name, value]) =>
				value === undefined ? [] : [[name, value]],
			),
		),
	};
}

/** The user of a service of the whole machine. Only root may become that. Throws `not_found` where there is no such user. */
export function serviceUser(
	user: string,
	{ home, secrets }: Installation,
): Promise<Owner> {
	return another(user, { ...(secrets && readSecrets(secrets)), HOME: home });
}

/** A user whom root works for, with this environment. Throws `not_found` where there is no such user. */
export async function another(user: string, env: Environment): Promise<Owner> {
	const [uid, gid] = await Promise.all([idOf("-u", user), idOf("-g", user)]);
	const groups = process.getgroups?.() ?? [];
	const become = () => {
		process.setgroups?.([gid]);
		process.setegid?.(gid);
		process.seteuid?.(uid);
	};
	const comeBack = () => {
		process.seteuid?.(0);
		process.setegid?.(0);
		process.setgroups?.(groups);
	};
	return {
		uid,
		asNow(work) {
			become();
			try {
				return work();
			} finally {
				comeBack();
			}
		},
		async as(work) {
			become();
			try {
				return await work();
			} finally {
				comeBack();
			}
		},
		argv: [
			...["setpriv", "--reuid", String(uid), "--regid", String(gid)],
			...["--init-groups", "--"],
		],
		env,
	};
}

async function idOf(flag: string, user: string): Promise<number> {
	const { code, out } = await run(["id", flag, user]);
	if (code !== 0)
		throw new AeonError("not_found", `There is no user ${user} here`);
	return Number(out);
}
