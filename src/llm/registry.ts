// The providers of models: the exported name is the word `provider` in aeon.json.

export { anthropic } from "./anthropic.ts";
export { demo } from "./demo.ts";
export { openai } from "./openai.ts";
