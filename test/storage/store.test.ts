import { join } from "node:path";
import { file, sqlite } from "../../src/storage/registry.ts";
import { describeInbox } from "./inbox_contract.ts";
import { describeLists } from "./list_contract.ts";
import { describeOutbox } from "./outbox_contract.ts";
import { describeSearch } from "./search_contract.ts";
import { describeStore, type OpenStore } from "./store_contract.ts";
import { describeSummaries } from "./summary_contract.ts";

const DRIVERS: Record<string, OpenStore> = {
	sqlite: (folder) =>
		sqlite.open({ sessions_db: join(folder, "state", "sessions.db") }),
	file: (folder) => file.open({ directory: join(folder, "state", "sessions") }),
};

for (const [name, open] of Object.entries(DRIVERS)) {
	describeStore(name, open);
	describeLists(name, open);
	describeInbox(name, open);
	describeOutbox(name, open);
	describeSummaries(name, open);
	describeSearch(name, open);
}
