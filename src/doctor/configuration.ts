// What is written for Aeon: aeon.json, and the file of secrets beside it.

import { describeError, hasCode } from "../core/errors.ts";
import { asList, asRecord } from "../core/json.ts";
import { createRedactor } from "../core/redact.ts";
import { collectSecrets } from "../core/secret.ts";
import { findSecretsFile, readSecrets } from "../core/secrets_file.ts";
import type { Reading } from "../settings/settings.ts";
import { type Check, type Found, ok, problem, warning } from "./check.ts";
import type { Patient } from "./patient.ts";

/** Shorter ones are no secrets, such as the `none` that local servers take for a key. */
const MIN_SECRET_LENGTH = 8;

const VARIABLE = /\$\{[^}]*\}/g;

/** Whether aeon.json can be used, and whether a secret stands in it. */
export const configuration: Check = {
	name: "configuration",
	readsState: true,
	async look(patient) {
		const { installation, home, review } = patient.parts;
		const { settings, reading, error } = await patient.configured();
		if (error !== undefined) return describeProblems(patient, error);
		if (!reading?.settings.file) {
			if (installation && installation.home !== home)
				return [
					warning(
						`there is none here: the service has its own in ${installation.home}`,
						`${patient.command("doctor", true)} looks at that one.`,
					),
				];
			return [
				warning(
					`there is no aeon.json: ${settings.notice ? "the built-in demo answers" : "the key in the environment is used"}`,
					`Run ${patient.command("init")}.`,
				),
			];
		}
		try {
			review(settings);
		} catch (exposed) {
			return describeProblems(patient, exposed);
		}
		const name = patient.short(reading.settings.file);
		const agents = Object.entries(settings.agents).map(
			([id, { provider, model }]) => `${id} (${provider}/${model})`,
		);
		const places = literalSecrets(reading);
		if (places.length > 0)
			return [
				warning(
					`${name} can be used, but has secrets in it: ${places.join(", ")}`,
					`Move them into ${patient.short(patient.state)}/secrets.env, as NAME=value, and write \${NAME}.`,
				),
			];
		return [ok(`${name} is good: ${agents.join(", ")}`)];
	},
};

/** Whether the file of secrets can be read, and what is in it, by name. */
export const secrets: Check = {
	name: "secrets",
	readsState: true,
	look(patient) {
		const hidden = patient.secretsOutOfReach();
		if (hidden)
			return [
				warning(
					`${hidden} is for root and the service alone, so keys are not tried`,
					`${patient.command("doctor", true)} tries them.`,
				),
			];
		const { env, home, installation } = patient.parts;
		const file = findSecretsFile(env, home);
		if (file === undefined && env.AEON_ACTING && installation?.secrets)
			return [ok(`${installation.secrets} is what the service has`)];
		if (file === undefined) return [ok("there is no file of secrets")];
		const name = patient.short(file);
		try {
			const kept = Object.entries(readSecrets(file));
			const blank = kept.filter(([, value]) => value === "");
			if (blank.length > 0)
				return [
					warning(
						`${name} has no value for ${blank.map(([key]) => key).join(", ")}`,
						"Write NAME=value, or remove the line.",
					),
				];
			const names = kept.map(([key]) => key).join(", ");
			return [ok(`${name} has ${names || "nothing in it"}`)];
		} catch (error) {
			return [
				problem(
					describeError(error).replace(file, name),
					`Write lines NAME=value; ${patient.command("init")} writes them, too.`,
				),
			];
		}
	},
};

/** The places in aeon.json where a secret is written out. */
export function literalSecrets({ raw, settings }: Reading): string[] {
	const known = new Set(
		collectSecrets(settings).filter(
			(secret) => secret.length >= MIN_SECRET_LENGTH,
		),
	);
	const redact = createRedactor([]);
	const walk = (node: unknown, path: string[]): string[] => {
		if (typeof node === "string") {
			const text = node.replace(VARIABLE, "");
			const isSecret = known.has(text.trim()) || redact(text) !== text;
			return isSecret ? [path.join(".")] : [];
		}
		const inner = Array.isArray(node)
			? Object.entries(asList(node))
			: Object.entries(asRecord(node) ?? {});
		return inner.flatMap(([key, part]) => walk(part, [...path, key]));
	};
	return walk(raw, []);
}

/** The lines of an error of the configuration, each a finding. */
function describeProblems(patient: Patient, error: unknown): Found[] {
	const [head = "", ...lines] = describeError(error).split("\n");
	const name = patient.short(head.split(":")[0] ?? "");
	const hint = hasCode(error, "config_invalid") ? error.hint : undefined;
	if (lines.length === 0)
		return [
			problem(
				head.replace(/^[^:]+/, name),
				hint ?? `Correct that, or write it anew: ${patient.command("init")}`,
			),
		];
	return lines.map((line) => {
		const [place = "", what = "", ...instead] = line.trim().split(": ");
		return problem(`${place}: ${what}`, instead.join(": ") || undefined);
	});
}
