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

test("an answer must begin within 30 s, go on within 60 s and end within 10 minutes; a local one has 5 minutes to begin and go on", () => {
	expect(readTimeouts({}, new URL("https://api.openai.com/v1"))).toEqual({
		headersMs: 30_000,
		silenceMs: 60_000,
		totalMs: 600_000,
	});
	expect(readTimeouts({}, new URL("http://localhost:11434/v1"))).toEqual({
		headersMs: 300_000,
		silenceMs: 300_000,
		totalMs: 600_000,
	});
	const set = {
		headers_timeout_ms: 1,
		silence_timeout_ms: 2,
		total_timeout_ms: 3,
	};
	expect(readTimeouts(set, new URL("https://api.openai.com/v1"))).toEqual({
		headersMs: 1,
		silenceMs: 2,
		totalMs: 3,
	});
});
