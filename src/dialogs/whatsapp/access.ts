// Who may talk to Aeon here: phone numbers, and nothing else. An empty list means nobody.

import type { Pairing } from "../../core/pairing.ts";
import type { WhatsAppOptions } from "./whatsapp.ts";

/** What decides. */
export interface AccessParts {
	options(): Pick<WhatsAppOptions, "allowed_users">;
	/** Those whom a code has let in. */
	pairing: Pick<Pairing, "isPaired" | "people">;
}

/** The rules. Numbers are in E.164. */
export interface Access {
	isAllowed(number: string): boolean;
	/** The first one who is listed, else the first whom a code has let in. */
	owner(): string | undefined;
}

/** The rules by these lists. */
export function createAccess({ options, pairing }: AccessParts): Access {
	return {
		isAllowed: (number) =>
			options().allowed_users.includes(number) || pairing.isPaired(number),
		owner() {
			const paired = pairing.people().map(({ id }) => `${id}`);
			return [...options().allowed_users, ...paired][0];
		},
	};
}
