import { expect, test } from "bun:test";
import {
	mkdirSync,
	readFileSync,
	symlinkSync,
	truncateSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { openSandbox, type Sandbox } from "./sandbox.ts";

const PNG = Buffer.from(
	"iVBORw0KGgoAAAANSUhEUgAAAEAAAAADCAIAAACsx55LAAAAD0lEQVR4nGNgGAWjgCIAAAJDAAEomo2wAAAAAElFTkSuQmCC",
	"base64",
);
const PAGE = 50 * 1024;

function put(box: Sandbox, name: string, content: string | Uint8Array): string {
	const path = join(box.root, name);
	writeFileSync(path, content);
	return path;
}

const shown = (output: string) => ({ success: true, output });
const refused = (error: string) => ({ success: false, output: "", error });

test("a short text is shown as it is, byte for byte", async () => {
	using box = openSandbox();
	const text = "\ufeffüber 🦉\r\nsecond\n\n";
	put(box, "a.txt", text);
	expect(await box.run("file_read", { path: "./a.txt" })).toEqual(shown(text));
});

test("an empty file says so", async () => {
	using box = openSandbox();
	put(box, "a.txt", "");
	expect(await box.run("file_read", { path: "a.txt" })).toEqual(
		shown("[the file is empty]"),
	);
});

test("offset and limit choose lines, and the page says how to go on", async () => {
	using box = openSandbox();
	put(box, "a.txt", "one\ntwo\nthree\nfour");
	const read = (offset?: number, limit?: number) =>
		box.run("file_read", { path: "a.txt", offset, limit });
	expect(await read(1, 2)).toEqual(
		shown("one\ntwo\n[lines 1-2 of the file; go on with offset 3]"),
	);
	expect(await read(3, 2)).toEqual(
		shown("three\nfour\n[lines 3-4 of the file, its end]"),
	);
	expect(await read(2)).toEqual(
		shown("two\nthree\nfour\n[lines 2-4 of the file, its end]"),
	);
	expect(await read(undefined, 4)).toEqual(shown("one\ntwo\nthree\nfour"));
	expect(await read(5)).toEqual(
		refused("The file has 4 lines: offset 5 is past its end."),
	);
});

test("a last line break does not count as a line", async () => {
	using box = openSandbox();
	put(box, "a.txt", "one\n");
	expect(await box.run("file_read", { path: "a.txt", offset: 2 })).toEqual(
		refused("The file has 1 line: offset 2 is past its end."),
	);
});

test("the pages of a long file, put together, are the file", async () => {
	using box = openSandbox();
	const text = Array.from(
		{ length: 30_000 },
		(_, i) => `${i} ${"ü".repeat(i % 97)}\n`,
	).join("");
	put(box, "a.txt", text);
	let together = "";
	let pages = 0;
	for (let offset: number | undefined = 1; offset !== undefined; pages++) {
		const { output } = await box.run("file_read", { path: "a.txt", offset });
		const [, page = "", next] =
			/^(.*\n)\[lines .*?(?:offset (\d+)|its end)\]$/s.exec(output) ?? [];
		expect(Buffer.byteLength(page)).toBeLessThanOrEqual(PAGE);
		together += page;
		offset = next === undefined ? undefined : Number(next);
	}
	expect(together === text).toBe(true);
	expect(pages).toBe(Math.ceil(Buffer.byteLength(text) / (PAGE - 100)));
});

test("a line longer than a page is cut between two characters, with a note", async () => {
	using box = openSandbox();
	put(box, "a.txt", `first\nx${"ü".repeat(PAGE)}\nlast\n`);
	expect(await box.run("file_read", { path: "a.txt" })).toEqual(
		shown("first\n[lines 1-1 of the file; go on with offset 2]"),
	);
	const note =
		"[line 2 is longer than a page, and only its beginning is shown; lines 2-2 of the file; go on with offset 3]";
	expect(await box.run("file_read", { path: "a.txt", offset: 2 })).toEqual(
		shown(`x${"ü".repeat(PAGE / 2 - 1)}\n${note}`),
	);
	expect(await box.run("file_read", { path: "a.txt", offset: 3 })).toEqual(
		shown("last\n[lines 3-3 of the file, its end]"),
	);
});

test("a line that fills the page exactly is not cut", async () => {
	using box = openSandbox();
	const text = `${"x".repeat(PAGE - 1)}\n`;
	put(box, "a.txt", text);
	expect(await box.run("file_read", { path: "a.txt" })).toEqual(shown(text));
	put(box, "b.txt", `${text}y`);
	expect(await box.run("file_read", { path: "b.txt" })).toEqual(
		shown(`${text}[lines 1-1 of the file; go on with offset 2]`),
	);
});

test("a line that is one byte too long is cut", async () => {
	using box = openSandbox();
	put(box, "a.txt", `${"x".repeat(PAGE)}\n`);
	expect(await box.run("file_read", { path: "a.txt" })).toEqual(
		shown(
			`${"x".repeat(PAGE)}\n[line 1 is longer than a page, and only its beginning is shown; lines 1-1 of the file; go on with offset 2]`,
		),
	);
});

test("a file of 256 MB is read in little memory, and an abort ends the search in it", async () => {
	using box = openSandbox();
	truncateSync(put(box, "big.txt", "line\n".repeat(2000)), 2 ** 28);
	const before = process.memoryUsage().rss;
	expect(
		(await box.run("file_read", { path: "big.txt", limit: 1 })).output,
	).toBe("line\n[lines 1-1 of the file; go on with offset 2]");
	expect(await box.run("file_read", { path: "big.txt", offset: 9999 })).toEqual(
		refused("The file has 2001 lines: offset 9999 is past its end."),
	);
	expect(process.memoryUsage().rss - before).toBeLessThan(100 * 2 ** 20);
	const aborter = new AbortController();
	const reading = box.run(
		"file_read",
		{ path: "big.txt", offset: 9999 },
		{ signal: aborter.signal },
	);
	aborter.abort(new Error("stopped"));
	expect(await reading.catch(String)).toBe("Error: stopped");
});

test.each([
	[
		"program",
		Buffer.from("\x7fELF\x02\x01\x01\0\0", "latin1"),
		"9 bytes that seem to be a program (ELF)",
	],
	[
		"letter.docx",
		Buffer.from("PK\x03\x04\0\0", "latin1"),
		"6 bytes that seem to be a ZIP archive (or a document made of one: docx, xlsx, odt)",
	],
	["letter.pdf", Buffer.from("%PDF-1.7\n"), "9 bytes that seem to be a PDF"],
	[
		"photo.jpg",
		Buffer.from("\0\0\0\x18ftypheic\0\0", "latin1"),
		"14 bytes that seem to be a picture in HEIC",
	],
	[
		"wide.txt",
		Buffer.from("\ufeffhi", "utf16le"),
		"6 bytes that seem to be a text in UTF-16",
	],
	[
		"noise",
		Buffer.concat([Buffer.alloc(8191, "x"), Buffer.alloc(9)]),
		"8200 bytes that seem to be binary data",
	],
])("%s is refused with what it seems to be", async (name, bytes, what) => {
	using box = openSandbox();
	put(box, name, bytes);
	expect(await box.run("file_read", { path: name })).toEqual(
		refused(`"${name}" is not a plain text: ${what}.`),
	);
});

test("a text that only begins like something else is a text", async () => {
	using box = openSandbox();
	for (const text of [
		"ID3 tags are old",
		"BM is a letter pair",
		"PK\x03\x04",
	]) {
		put(box, "a.txt", text);
		expect(await box.run("file_read", { path: "a.txt" })).toEqual(shown(text));
	}
});

test("a picture is attached for the model to see, whatever its file is called", async () => {
	using box = openSandbox();
	mkdirSync(join(box.root, "pictures"));
	const path = put(box, "pictures/red.txt", PNG);
	expect(await box.run("file_read", { path: "pictures/red.txt" })).toEqual({
		success: true,
		output: "image/png, 64×3",
		attachments: [{ path, mimeType: "image/png" }],
	});
});

test("a picture that a model's API would refuse is refused in words", async () => {
	using box = openSandbox();
	const wide = Buffer.from(PNG);
	wide.writeUInt32BE(8001, 16);
	put(box, "wide.png", wide);
	put(box, "broken.png", PNG.subarray(0, 20));
	put(box, "limit.png", PNG);
	truncateSync(join(box.root, "limit.png"), 3_932_160);
	put(box, "heavy.png", PNG);
	truncateSync(join(box.root, "heavy.png"), 3_932_161);
	const read = (path: string) => box.run("file_read", { path });
	expect(await read("wide.png")).toEqual(
		refused(
			'The picture "wide.png" is 8001×3 pixels; at most 8000 each way can be looked at. Make it smaller first.',
		),
	);
	expect(await read("broken.png")).toEqual(
		refused('"broken.png" begins like a picture, but its header is broken.'),
	);
	expect((await read("limit.png")).output).toBe("image/png, 64×3");
	expect(await read("heavy.png")).toEqual(
		refused(
			'The picture "heavy.png" has 3932161 bytes; at most 3932160 can be looked at. Make it smaller first.',
		),
	);
});

test("a directory is listed by the alphabet, 200 names at most", async () => {
	using box = openSandbox();
	expect(await box.run("file_read", { path: "." })).toEqual(
		shown("[the directory is empty]"),
	);
	mkdirSync(join(box.root, "b"));
	put(box, "a.txt", "four");
	put(box, "two\nlines", "");
	symlinkSync("a.txt", join(box.root, "link"));
	expect(await box.run("file_read", { path: "./" })).toEqual(
		shown(
			'a.txt (4 bytes)\nb/\nlink (not a plain file)\n"two\\nlines" (0 bytes)',
		),
	);
	for (let i = 0; i < 203; i++) put(box, `b/${String(i).padStart(3, "0")}`, "");
	const lines = Array.from(
		{ length: 200 },
		(_, i) => `${String(i).padStart(3, "0")} (0 bytes)`,
	);
	expect(await box.run("file_read", { path: "b" })).toEqual(
		shown([...lines, "[… 3 more names left out …]"].join("\n")),
	);
});

test("reading changes nothing", async () => {
	using box = openSandbox();
	const path = put(box, "a.txt", "same");
	await box.run("file_read", { path: "a.txt" });
	expect(readFileSync(path, "utf8")).toBe("same");
});
