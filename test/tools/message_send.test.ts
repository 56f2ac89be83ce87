import { expect, test } from "bun:test";
import {
	linkSync,
	mkdirSync,
	symlinkSync,
	truncateSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { AeonError } from "../../src/core/errors.ts";
import type { ToolContext } from "../../src/tools/tool.ts";
import { CANARY, openSandbox } from "./sandbox.ts";

test("a message goes to this chat unless another is named, and the result says where", async () => {
	using box = openSandbox();
	const sent: object[] = [];
	const send = (message: { text: string; dialog?: string; to?: string }) => {
		sent.push(message);
		return Promise.resolve(
			`${message.dialog ?? "cli"} ${message.to ?? "local"}`,
		);
	};
	expect(await box.run("message_send", { text: "hi" }, { send })).toEqual({
		success: true,
		output: "Sent to cli local.",
	});
	expect(
		await box.run(
			"message_send",
			{ text: "hi", dialog: "telegram", to: "42" },
			{ send },
		),
	).toEqual({
		success: true,
		output: "Sent to telegram 42.",
	});
	expect(sent).toEqual([
		{ text: "hi" },
		{ text: "hi", dialog: "telegram", to: "42" },
	]);
});

test("a message that may not go there is a failure with the reason", async () => {
	using box = openSandbox();
	const send = () =>
		Promise.reject(
			new AeonError("not_found", "telegram 7 is not among the allowed users"),
		);
	expect(
		await box.run("message_send", { text: "hi", to: "7" }, { send }),
	).toEqual({
		success: false,
		output: "",
		error:
			"The message was not sent: telegram 7 is not among the allowed users",
	});
});

/** Runs it, and gives the result with what was sent. */
async function run(
	box: ReturnType<typeof openSandbox>,
	input: Record<string, unknown>,
) {
	const sent: Parameters<ToolContext["send"]>[0][] = [];
	const send: ToolContext["send"] = async (message) => {
		sent.push(message);
		return "cli local";
	};
	return { result: await box.run("message_send", input, { send }), sent };
}

test("files of the workspace go along, of the kind that their bytes say", async () => {
	using box = openSandbox();
	mkdirSync(join(box.root, "out"));
	const kinds: [name: string, bytes: string, mimeType: string][] = [
		["plot.txt", "\x89PNG\r\n\x1a\n", "image/png"],
		["photo.png", "\xff\xd8\xff\xe0", "image/jpeg"],
		["voice", "OggS\0\x02", "audio/ogg"],
		["song", "ID3\x03\0", "audio/mpeg"],
		["song2", "\xff\xfb\x90\x64", "audio/mpeg"],
		["talk", "\0\0\0\x20ftypM4A ", "audio/mp4"],
		["clip", "\0\0\0\x20ftypisom", "video/mp4"],
		["report", "%PDF-1.7", "application/pdf"],
		["image.png", "a text", "application/octet-stream"],
	];
	for (const [name, bytes] of kinds)
		writeFileSync(join(box.root, "out", name), Buffer.from(bytes, "latin1"));
	const { result, sent } = await run(box, {
		text: "",
		attachments: kinds.map(([name]) => `out/${name}`),
	});
	expect(result).toEqual({ success: true, output: "Sent to cli local." });
	expect(sent).toEqual([
		{
			text: "",
			attachments: kinds.map(([name, , mimeType]) => ({
				path: join(box.root, "out", name),
				mimeType,
			})),
		},
	]);
});

test("a file that is elsewhere, missing, empty or too large is refused, and nothing is sent", async () => {
	using box = openSandbox();
	const at = (name: string) => join(box.root, name);
	writeFileSync(at("fine"), "x");
	writeFileSync(at("empty"), "");
	writeFileSync(at("large"), "");
	truncateSync(at("large"), 50_000_001);
	mkdirSync(at("folder"));
	symlinkSync(join(box.outside, "canary.txt"), at("link"));
	linkSync(join(box.outside, "canary.txt"), at("hardlink"));
	const refusals: [path: string, sentence: string][] = [
		[
			"/etc/passwd",
			'"/etc/passwd" is an absolute path: write it relative to the workspace, such as "notes/today.md".',
		],
		[
			"../outside/canary.txt",
			'"../outside/canary.txt" has ".." in it: a path leads down from the workspace, never up.',
		],
		[
			"link",
			'"link" is a symbolic link, and links are not followed: use the path it stands for.',
		],
		[
			"hardlink",
			'"hardlink" is a hard link (it has 2 names), so it may lie outside the workspace as well: use a copy of it.',
		],
		["none", 'There is no "none" in the workspace.'],
		["folder", '"folder" is a directory: name a file in it.'],
		["empty", '"empty" is empty: there is nothing to send.'],
		["large", '"large" has 50000001 bytes; at most 50000000 can be sent.'],
	];
	for (const [path, error] of refusals) {
		const { result, sent } = await run(box, {
			text: "look",
			attachments: ["fine", path],
		});
		expect({ result, sent }).toEqual({
			result: { success: false, output: "", error },
			sent: [],
		});
		expect(JSON.stringify(result)).not.toContain(CANARY);
	}
});

test("a message without text or files is refused, and so are more than ten files", async () => {
	using box = openSandbox();
	writeFileSync(join(box.root, "a"), "x");
	for (const input of [
		{ text: " " },
		{ text: "", attachments: [] },
		{ text: "many", attachments: Array(11).fill("a") },
	]) {
		const { result, sent } = await run(box, input);
		expect(result.success).toBe(false);
		expect(sent).toEqual([]);
	}
});
