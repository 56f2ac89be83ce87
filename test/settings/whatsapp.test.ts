// The section dialogs.whatsapp of aeon.json.

import { expect, test } from "bun:test";
import type { Secret } from "../../src/core/secret.ts";
import type { WhatsAppOptions } from "../../src/dialogs/whatsapp/whatsapp.ts";
import { keepRestartKeys } from "../../src/settings/reload.ts";
import type { SettingsRequest } from "../../src/settings/settings.ts";
import { run } from "../support/command.ts";
import { temporaryHome } from "../support/home.ts";
import { complaint, load } from "./loading.ts";

const GOOD = {
	enabled: true,
	phone_number_id: "106540352242922",
	access_token: "EAATheToken",
	app_secret: "the-app-secret",
	verify_token: "the-verify-token",
	allowed_users: ["+15550100001"],
};

const EVERYTHING: Partial<SettingsRequest> = { needs: "everything" };

const withWhatsApp = (whatsapp: object) => ({
	agents: { main: { provider: "demo" }, support: { provider: "demo" } },
	dialogs: { whatsapp },
});

/** The section as it is read, beside a good one. */
async function read(more: object = {}) {
	const config = withWhatsApp({ ...GOOD, ...more });
	const settings = await load(config, EVERYTHING);
	return {
		settings,
		section: settings.dialogs.whatsapp as unknown as WhatsAppOptions,
	};
}

test("numbers may be written as people write them, and are one however they are", async () => {
	const allowed_users = [
		"+1 (555) 010-0001",
		"+1.555.010.0002",
		"+1 555 010–0003",
		"+15550100004",
	];
	const { section } = await read({ allowed_users });
	expect(section.allowed_users).toEqual([
		"+15550100001",
		"+15550100002",
		"+15550100003",
		"+15550100004",
	]);
});

test.each([
	"15550100001",
	"5550100001",
	"+0 555 010 0001",
	"+1555",
	"+1555010000123456",
	"anna",
	"",
])("%j is no number, and what is one is said", async (number) => {
	const config = withWhatsApp({
		...GOOD,
		allowed_users: ["+15550100001", number],
	});
	for (const needs of ["everything", "agent"] as const)
		expect(await complaint(config, { needs })).toEqual([
			"dialogs.whatsapp.allowed_users.1: is no phone number with its country code: write +15551234567",
		]);
});

test.each([
	[
		"phone_number_id",
		"+15550783881",
		/is no id: write the figures that Meta shows/,
	],
	["phone_number_id", "", /is no id: write the figures that Meta shows/],
	["phone_number_id", 106540352242922, /not a text in quotes/],
	["api_root", "graph.facebook.com", /is no address: write https:/],
	["access_token", "  ", /access_token/],
	["verify_token", "", /verify_token/],
	["agent", "nobody", /there is no agent "nobody": agents are main, support/],
	["app_secert", "s", /unknown key: did you mean "app_secret"\?/],
])("a wrong %s (%j) is named", async (key, value, why) => {
	const config = withWhatsApp({ ...GOOD, [key]: value });
	const lines = await complaint(config, EVERYTHING);
	expect(lines).toHaveLength(1);
	expect(lines[0]).toStartWith(`dialogs.whatsapp.${key}: `);
	expect(lines[0]).toMatch(why);
});

test("without an app secret, or with a blank one, Aeon starts all the same", async () => {
	for (const app_secret of [undefined, "", "   ", "${APP_SECRET:-}"]) {
		const { section } = await read({ app_secret });
		expect(section.app_secret).toBeUndefined();
	}
	const { section } = await read({ app_secret: " s3cret " });
	expect(section.app_secret?.reveal()).toBe("s3cret");
});

test("what it cannot do without is asked for where it is enabled, and by whoever starts it", async () => {
	const missing = (key: string) =>
		`dialogs.whatsapp.${key}: is missing: write it, or set enabled to false`;
	const bare = withWhatsApp({ enabled: true });
	expect(await complaint(bare, EVERYTHING)).toEqual(
		["phone_number_id", "access_token", "verify_token"].map(missing),
	);
	for (const enabled of [false, undefined]) {
		const { dialogs } = await load(withWhatsApp({ enabled }), EVERYTHING);
		expect(dialogs.whatsapp).toEqual({
			enabled: false,
			allowed_users: [],
			api_root: "https://graph.facebook.com",
		} as never);
	}
});

test("variables that are not set are asked for by whoever starts it only", async () => {
	const config = withWhatsApp({ ...GOOD, access_token: "${WHATSAPP_TOKEN}" });
	expect(await complaint(config, EVERYTHING)).toEqual([
		"dialogs.whatsapp.access_token: ${WHATSAPP_TOKEN} is not set in the environment: set WHATSAPP_TOKEN there or in ~/.aeon/secrets.env, or write ${WHATSAPP_TOKEN:-default}",
	]);
	expect((await load(config)).dialogs.whatsapp?.enabled).toBe(true);
});

test("config show hides its three secrets and nothing else", async () => {
	using home = temporaryHome(withWhatsApp(GOOD));
	const { code, out } = await run(["config", "show"], { home: home.path });
	expect(code).toBe(0);
	expect(JSON.parse(out).dialogs.whatsapp).toEqual({
		...GOOD,
		access_token: "***",
		app_secret: "***",
		verify_token: "***",
		api_root: "https://graph.facebook.com",
	});
});

test("a reload changes who may talk to it, its token and its agent; the number, the secret and the address wait for a restart", async () => {
	const { settings: old } = await read();
	const { settings: next, section } = await read({
		enabled: false,
		phone_number_id: "2",
		access_token: "EAAAnother",
		app_secret: "another-secret",
		verify_token: "another-word",
		allowed_users: ["+15550100002"],
		agent: "support",
		api_root: "https://graph.example/v25.0",
	});
	const { settings: kept, restartKeys } = keepRestartKeys(
		{ ...next, tools: old.tools },
		old,
	);
	expect(restartKeys.filter((key) => key.startsWith("dialogs."))).toEqual(
		["enabled", "phone_number_id", "app_secret", "api_root"].map(
			(key) => `dialogs.whatsapp.${key}`,
		),
	);
	const shown = (options: object) =>
		Object.fromEntries(
			Object.entries(options).map(([key, value]) => [
				key,
				typeof value?.reveal === "function"
					? (value as Secret).reveal()
					: value,
			]),
		);
	expect(shown(kept.dialogs.whatsapp ?? {})).toEqual({
		...shown(section),
		...GOOD,
		access_token: "EAAAnother",
		verify_token: "another-word",
		allowed_users: ["+15550100002"],
		agent: "support",
		api_root: "https://graph.facebook.com",
	});
});
