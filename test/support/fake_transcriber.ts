// A transcriber's API on a real socket, which insists on what the real one insists on.

import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

/** How one request is answered. */
export interface FakeTranscript {
	text?: string;
	/** Another status than 200, with `body`. */
	status?: number;
	body?: string;
	headers?: Record<string, string>;
	/** No answer, or one that breaks off. */
	instead?: "hang" | "reset";
}

/** What was asked. */
export interface TranscriptionRequest {
	path: string;
	authorization: string | null;
	model: string;
	language: string | null;
	file: { name: string; type: string; size: number };
}

/** A running fake. */
export interface FakeTranscriber extends Disposable {
	/** For `base_url`. */
	url: string;
	requests: TranscriptionRequest[];
	/** What the others did wrong. */
	breaches: string[];
}

/** The kinds that OpenAI takes. */
const EXTENSIONS = /\.(flac|mp3|mp4|mpeg|mpga|m4a|ogg|wav|webm)$/;

/** Starts a fake on a port of its own. `script` is given the number of the request, counted from 0. */
export async function startFakeTranscriber(
	script: (n: number) => FakeTranscript,
): Promise<FakeTranscriber> {
	const requests: TranscriptionRequest[] = [];
	const breaches: string[] = [];
	const server = createServer(async (request, response) => {
		const headers = request.headers as Record<string, string>;
		const form = await new Response(await buffer(request), {
			headers,
		}).formData();
		const file = form.get("file");
		const breach = breachOf(request, form);
		if (breach || !(file instanceof File)) {
			breaches.push(breach ?? "file: required");
			const error = { message: breach, type: "invalid_request_error" };
			return void response.writeHead(400).end(JSON.stringify({ error }));
		}
		const { name, type, size } = file;
		requests.push({
			path: request.url ?? "",
			authorization: headers.authorization ?? null,
			model: String(form.get("model")),
			language: form.get("language") as string | null,
			file: { name, type, size },
		});
		const answer = script(requests.length - 1);
		const { status = 200, text = "", instead } = answer;
		if (instead === "hang") return;
		const json = { "content-type": "application/json" };
		if (instead === "reset") {
			response.writeHead(200, { ...json, "content-length": 99 });
			return void response.write("{", () => request.socket.destroy());
		}
		response
			.writeHead(status, { ...json, ...answer.headers })
			.end(answer.body ?? JSON.stringify({ text }));
	});
	await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
	const { port } = server.address() as AddressInfo;
	return {
		url: `http://127.0.0.1:${port}/v1`,
		requests,
		breaches,
		[Symbol.dispose]() {
			server.close();
			server.closeAllConnections();
		},
	};
}

function breachOf(
	{ method, url }: IncomingMessage,
	form: Awaited<ReturnType<Response["formData"]>>,
): string | undefined {
	const file = form.get("file");
	if (method !== "POST") return "method: POST";
	if (url !== "/v1/audio/transcriptions") return "no such path";
	if (!form.get("model")) return "model: required";
	if (form.get("response_format") !== "json") return "response_format: json";
	if (!(file instanceof File)) return "file: required";
	if (!EXTENSIONS.test(file.name)) return `${file.name}: unrecognized format`;
	return file.size === 0 ? "file: empty" : undefined;
}
