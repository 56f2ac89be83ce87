import { expect, test } from "bun:test";
import { readTimeouts } from "../../src/llm/timeouts.ts";

test("a model on one's own machine or network gets minutes, one on the internet does not, and a setting wins", () => {
	const silence = (address: string, options = {}) =>
		readTimeouts(options, new URL(address)).silenceMs;
	for (const host of [
		"localhost",
		"127.0.0.1",
		"10.0.0.2",
		"192.168.1.9",
		"172.16.0.1",
		"pi.local",
		"ollama",
		"[::1]",
	])
		expect([host, silence(`http://${host}:11434/v1`)]).toEqual([host, 300_000]);
	for (const host of [
		"api.openai.com",
		"172.32.0.1",
		"8.8.8.8",
		"local.example.com",
	])
		expect([host, silence(`https://${host}/v1`)]).toEqual([host, 60_000]);
	expect(silence("http://localhost/v1", { silence_timeout_ms: 5 })).toBe(5);
});
