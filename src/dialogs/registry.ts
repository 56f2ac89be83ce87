// The dialogs that there are. The exported name is the third part of a session key.

export { cli } from "./cli/cli.ts";
