// Every tool there is. The exported name is the tool's name.

export { exec } from "./exec.ts";
export { file_read } from "./file_read.ts";
export { file_write } from "./file_write.ts";
export { memory_forget } from "./memory_forget.ts";
export { memory_save } from "./memory_save.ts";
export { memory_search } from "./memory_search.ts";
export { message_send } from "./message_send.ts";
export { session_search } from "./session_search.ts";
