// Every store; the exported name is the word for `storage.driver` in aeon.json.

export { file } from "./file.ts";
export { sqlite } from "./sqlite.ts";
