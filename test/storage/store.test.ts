import { join } from "node:path";
import { file, sqlite } from "../../src/storage/registry.ts";
import { describeStore } from "./store_contract.ts";

describeStore("sqlite", (folder) =>
	sqlite.open({ sessions_db: join(folder, "state", "sessions.db") }),
);
describeStore("file", (folder) =>
	file.open({ directory: join(folder, "state", "sessions") }),
);
