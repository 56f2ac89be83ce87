// WhatsApp's Cloud API on a real socket, with its rules, the webhooks that it posts, and the ways in which its network fails.

import { type Clock, steadyClock } from "../../src/core/clock.ts";
import {
	FakeChats,
	figuresOf,
	type Moment,
	type VisibleMessage,
} from "../dialogs/whatsapp/fake_chats.ts";
import {
	errorBody,
	type FakeFailure,
	FakeFaults,
} from "../dialogs/whatsapp/fake_faults.ts";
import { FakeMedia } from "../dialogs/whatsapp/fake_media.ts";
import {
	type FakePeople,
	fakePeople,
} from "../dialogs/whatsapp/fake_people.ts";
import { type FakeMethod, readCall } from "../dialogs/whatsapp/fake_routes.ts";
import {
	Breach,
	type FakeFile,
	type Fields,
	GraphRefusal,
} from "../dialogs/whatsapp/fake_rules.ts";
import { FakeStatuses } from "../dialogs/whatsapp/fake_statuses.ts";
import {
	type FakeAccount,
	FakeWebhooks,
	metaJson,
} from "../dialogs/whatsapp/fake_webhooks.ts";
import { Changes } from "./changes.ts";
import { type HttpCall, startHttp } from "./fake_http.ts";

/** One call as it arrived. */
export interface FakeCall {
	method: FakeMethod;
	path: string;
	/** Of `messages` and `read`. */
	body: Fields;
	/** By the fake's clock. */
	at: number;
}

/** A running fake. Numbers may be given with their plus or without. `calls` and `violations` may be emptied by a test. */
export interface FakeWhatsApp extends FakeAccount, FakePeople {
	url: string;
	port: number;
	token: string;
	calls: FakeCall[];
	violations: string[];
	/** Told of whatever happens here. */
	changes: Changes;
	/** Resolves once it is true; looked at after whatever happens here. */
	until(isTrue: () => boolean): Promise<void>;

	/** Proves the address of a webhook as Meta does, and posts to it from then on. Throws where the proof fails. */
	subscribe(url: string, verifyToken: string): Promise<void>;
	/** What is to be posted waits until there is an address again. */
	unsubscribe(): void;
	/** Posts a payload once, with the right signature unless another one, or none, is given. Gives the answer's status. */
	post(payload: unknown, signature?: string | null): Promise<number>;
	/** A payload as Meta would post it with these values in these entries. */
	payload(entries: Fields[][]): object;
	/** Posts that were not answered with 200 yet. */
	pending(lane?: "messages" | "statuses"): number;
	/** The status of every answer to a post, 0 where none came. */
	answers: number[];

	/** What a person sees from the business, in order. */
	visible(to: string): VisibleMessage[];
	/** All that happened in a chat, in order. */
	moments(to: string): Moment[];
	/** What is told of messages that were taken. */
	statuses: FakeStatuses;
	/** What becomes of a message to somebody who has not written for 24 hours; "open" at first: it arrives. */
	keepWindow(how: FakeChats["window"]): void;
	/** Puts a file there that somebody sends, and gives what a message has of it; `url` is the address that is given out for it. */
	addFile(
		bytes: Uint8Array,
		mimeType: string,
		url?: string,
	): { id: string; mime_type: string; sha256: string };
	/** A file that was uploaded, or put there. */
	file(id: string): FakeFile | undefined;

	fail(failure: FakeFailure): void;
	/** Nothing fails any more. */
	mend(): void;
	/** Calls of any kind that arrived and are not answered. */
	open(): number;
	refuse(): Promise<void>;
	accept(): Promise<void>;
	/** What is open now goes half open: it takes everything and answers nothing. New connections work. */
	freeze(): void;
	stop(): Promise<void>;
}

/** Starts it. `clock` is the time of repeats, windows, addresses and Retry-After. */
export async function startFakeWhatsApp(
	options: Partial<FakeAccount> & {
		token?: string;
		port?: number;
		clock?: Clock;
		/** Between two posts of what is not answered with 200. */
		repeatMs?: number;
	} = {},
): Promise<FakeWhatsApp> {
	const { token = "EAAFakeTokenForTestsOnly0123", clock = steadyClock } =
		options;
	const account: FakeAccount = {
		appSecret: options.appSecret ?? "0123456789abcdef0123456789abcdef",
		phoneNumberId: options.phoneNumberId ?? "106540352242922",
		displayNumber: options.displayNumber ?? "15550783881",
	};
	const calls: FakeCall[] = [];
	const violations: string[] = [];
	const open = new Set<HttpCall>();
	const breach = (what: string) => void violations.push(what);
	const changes = new Changes();
	const chats = new FakeChats(clock, breach);
	const faults = new FakeFaults(clock, breach);
	const media = new FakeMedia(clock);
	const { repeatMs = 20 } = options;
	const webhooks = new FakeWebhooks({ account, clock, repeatMs, changes });
	const statuses = new FakeStatuses(webhooks, clock);

	const carryOut = async (
		method: FakeMethod,
		address: URL,
		body: Fields,
		call: HttpCall,
	): Promise<object | FakeFile> => {
		if (method === "media") return media.upload(call);
		if (method === "read") {
			chats.read(body);
			return { success: true };
		}
		if (method === "messages") {
			const message = chats.send(body, (id) => media.get(id));
			statuses.accept(message);
			return {
				messaging_product: "whatsapp",
				contacts: [{ input: body.to, wa_id: message.to }],
				messages: [{ id: message.id }],
			};
		}
		const id = address.pathname.split("/").at(-1) ?? "";
		if (method === "describe")
			return media.describe(id, `http://${call.headers.host}`);
		if (method === "probe")
			return {
				verified_name: "Fake Business",
				display_phone_number: account.displayNumber,
				quality_rating: "GREEN",
				id: account.phoneNumberId,
			};
		const file = media.find(address);
		if (!file) throw new GraphRefusal(100, "this address has expired", 404);
		return file;
	};

	const serve = async (call: HttpCall) => {
		const { phoneNumberId } = account;
		const { method, address, body } = readCall(call, phoneNumberId);
		calls.push({ method, path: call.path, body, at: clock.now() });
		if (call.headers.authorization !== `Bearer ${token}`)
			throw new GraphRefusal(190, "Error validating access token", 401);
		const { to } = body;
		const place = typeof to === "string" ? figuresOf(to) : undefined;
		if (faults.strike(method, place, call) === "done") return;
		const result = await carryOut(method, address, body, call);
		if (!("bytes" in result))
			return void call.answer(200, JSON.stringify(result));
		const { bytes, mimeType } = result as FakeFile;
		call.answer(200, bytes, { "content-type": mimeType });
	};

	const http = await startHttp(options.port ?? 0, (call) => {
		open.add(call);
		void call.closed.then(() => {
			open.delete(call);
			changes.tell();
		});
		const { answer } = call;
		call.answer = (...content) => {
			const isSent = answer(...content);
			if (isSent) open.delete(call);
			changes.tell();
			return isSent;
		};
		serve(call)
			.catch((error: unknown) => {
				if (!(error instanceof GraphRefusal))
					breach(`the fake itself failed: ${error}`);
				if (error instanceof Breach) breach(`${error.details}`);
				const { code, status, details } =
					error instanceof GraphRefusal ? error : new GraphRefusal(131000);
				call.answer(status, errorBody(code, details));
			})
			.finally(() => changes.tell());
	});

	return {
		...account,
		...fakePeople({ account, chats, webhooks, clock }),
		url: `http://127.0.0.1:${http.port}`,
		port: http.port,
		token,
		calls,
		violations,
		changes,
		until: (isTrue) => changes.until(isTrue),
		subscribe: (url, verifyToken) => webhooks.subscribe(url, verifyToken),
		unsubscribe: () => webhooks.unsubscribe(),
		post: (payload, signature) => webhooks.post(metaJson(payload), signature),
		payload: (entries) => webhooks.payload(entries),
		pending: (lane) =>
			lane
				? webhooks.pending(lane)
				: webhooks.pending("messages") + webhooks.pending("statuses"),
		answers: webhooks.answers,
		visible: (to) => chats.visible(to),
		moments: (to) => chats.moments(to),
		statuses,
		keepWindow: (how) => {
			chats.window = how;
		},
		addFile: (bytes, mimeType, url) => ({
			id: media.add({ bytes, mimeType, name: "file" }, url),
			mime_type: mimeType,
			sha256: new Bun.CryptoHasher("sha256").update(bytes).digest("base64"),
		}),
		file: (id) => media.get(id),
		fail: (failure) => faults.fail(failure),
		mend: () => faults.mend(),
		open: () => open.size,
		refuse: http.refuse,
		accept: http.accept,
		freeze: http.freeze,
		async stop() {
			webhooks.stop();
			await http.stop();
		},
	};
}
