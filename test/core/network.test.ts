import { expect, test } from "bun:test";
import { networkWords } from "../../src/core/network.ts";

test("what broke a connection is told in words, and never with the address", () => {
	const failure = (code?: unknown) =>
		Object.assign(new Error("http://x.yz/secret"), code ? { code } : {});
	const told = {
		ECONNREFUSED: "connection refused",
		ENOTFOUND: "its name cannot be resolved",
		ECONNRESET: "the connection broke",
		CERT_HAS_EXPIRED: "its certificate is not accepted (CERT_HAS_EXPIRED)",
		EODD: "the connection failed (EODD)",
		"http://x.yz/secret": "the connection failed",
		toString: "the connection failed (toString)",
	};
	for (const [code, words] of Object.entries(told))
		expect(networkWords(failure(code))).toBe(words);
	expect(networkWords(failure())).toBe("the connection failed");
	expect(networkWords("http://x.yz/secret")).toBe("the connection failed");
});
