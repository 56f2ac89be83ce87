// What a person said "always" to: exactly this command, in this directory, for this session.

import { readFileSync } from "node:fs";
import * as z from "zod/mini";
import type { ApprovalRequest } from "../core/approval.ts";
import { jsonFileWriter } from "../core/json_file.ts";

/** The memory of "always". Nothing in it is a pattern: another word, another directory, another session is another case. */
export interface Approvals {
	/** `owner` is the session key. */
	isAllowed(owner: string, request: ApprovalRequest): boolean;
	/** Resolves when it is on the disk. */
	allow(owner: string, request: ApprovalRequest): Promise<void>;
}

const approvalsSchema = z.array(
	z.object({
		owner: z.string(),
		tool: z.string(),
		command: z.string(),
		cwd: z.string(),
	}),
);

type Approval = z.infer<typeof approvalsSchema>[number];

/** The approvals in this file, which is read at the first question and made at the first "always". A broken one counts as empty. */
export function openApprovals(path: string): Approvals {
	let known: Approval[] | undefined;
	const write = jsonFileWriter(path);
	const approvals = () => {
		known ??= readApprovals(path);
		return known;
	};
	const isAllowed = (owner: string, request: ApprovalRequest) =>
		approvals().some(
			(one) =>
				one.owner === owner &&
				one.tool === request.tool &&
				one.command === request.command &&
				one.cwd === request.cwd,
		);
	return {
		isAllowed,
		allow(owner, request) {
			const { tool, command, cwd } = request;
			if (!isAllowed(owner, request))
				approvals().push({ owner, tool, command, cwd });
			return write(approvals);
		},
	};
}

function readApprovals(path: string): Approval[] {
	try {
		return z.parse(approvalsSchema, JSON.parse(readFileSync(path, "utf8")));
	} catch {
		// Missing, unreadable or not ours: to forget is safe, since forgetting means to ask again.
		return [];
	}
}
