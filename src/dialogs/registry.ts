// The dialogs that there are. The exported name is the third part of a session key, and the word under `dialogs` in
// aeon.json for those that are configured there.

export { cli } from "./cli/driver.ts";
export { telegram } from "./telegram/telegram.ts";
export { whatsapp } from "./whatsapp/whatsapp.ts";
