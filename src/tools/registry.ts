// Every tool there is. The exported name is the tool's name.

export { exec } from "./exec.ts";
export { file_read } from "./file_read.ts";
export { file_write } from "./file_write.ts";
export { message_send } from "./message_send.ts";
