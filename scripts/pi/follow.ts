// Follows the page: types every command of it on a machine, answers what is asked, and looks whether it gives what it promises.

import {
	appendFileSync,
	chmodSync,
	chownSync,
	copyFileSync,
	readFileSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { ANSWER, type FarSides, KEY } from "./far_sides.ts";
import type { Machine } from "./machine.ts";
import { type Command, readCommands, readTable } from "./page.ts";
import type { Phone } from "./phone.ts";
import { HOST, USER, USER_ID } from "./root.ts";
import type { Systemd } from "./systemd.ts";
import type { Terminal } from "./terminal.ts";

/** What the page is followed with. */
export interface Walk {
	/** The page's text. */
	page: string;
	machine: Machine;
	terminal: Terminal;
	sides: FarSides;
	phone: Phone;
	systemd: Systemd;
	/** The binary that is copied to the machine first, and the newer one. */
	binary: string;
	newer: string;
	/** Is told each step that is done. */
	report(step: string): void;
}

/** Who else is trusted, below the root. */
export const CERTIFICATE = "etc/far-sides.pem";

/** The variable that names who else is trusted (Bun and Node know it). */
export const TRUST = "NODE_EXTRA_CA_CERTS";

/** Where the shell tells of its last command. */
export const ENDED = "/run/ended";

type Way = (walk: Walk, command: Command) => Promise<void> | void;

/** Under emulation, on a busy machine. */
const TIMEOUT_MS = 90_000;

/** What is typed where the page says "paste", by the beginning of the question. */
const PASTED = ({ telegram }: FarSides): Record<string, string> => ({
	"The key": KEY,
	Telegram: telegram.token,
});

/** What is not typed as it is, and what is done instead or besides. Every other command of the page is typed, and has to end well. */
const WAYS: Record<string, Way> = {
	"ssh pi@raspberrypi.local": doneBefore,
	"npm run build -- linux-arm64": doneBefore,
	"scp dist/aeon-linux-arm64 pi@raspberrypi.local:aeon": (walk) =>
		copyToHome(walk, walk.binary, "aeon"),
	"./aeon init": setUp,
	"sudo ./aeon service install": install,
	"sudo reboot": reboot,
	"scp dist/aeon-linux-arm64 dist/SHA256SUMS pi@raspberrypi.local:": bringNewer,
	"sudo aeon update --from aeon-linux-arm64": update,
	"scp pi@raspberrypi.local:/tmp/aeon.tar.gz .": ({ terminal }) =>
		type(terminal, { text: "cat /tmp/aeon.tar.gz > /dev/null", shows: [] }),
	"sudo aeon service uninstall": agree,
};

/** Prepares the machine as Raspberry Pi Imager and a network do. */
export function furnish({ root }: Machine, sides: FarSides): void {
	const hosts = `127.0.0.1 localhost\n127.0.1.1 ${HOST}\n${sides.hosts}`;
	writeFileSync(join(root, "etc/hosts"), hosts);
	writeFileSync(join(root, CERTIFICATE), sides.certificate);
	writeFileSync(join(root, "etc/environment"), `${TRUST}=/${CERTIFICATE}\n`);
	writeFileSync(
		join(root, "etc/sudoers.d/020_far-sides"),
		`Defaults env_keep += "${TRUST}"\n`,
	);
	writeFileSync(join(root, ENDED), "");
	chownSync(join(root, ENDED), USER_ID, USER_ID);
	appendFileSync(
		join(root, `home/${USER}/.profile`),
		`PROMPT_COMMAND='echo "$? $((++ended))" > ${ENDED}'\n`,
	);
}

/** Follows all of it. Throws where the page is not true. */
export async function follow(walk: Walk): Promise<void> {
	const commands = readCommands(walk.page);
	const texts = commands.map(({ text }) => text);
	const missing = Object.keys(WAYS).filter((text) => !texts.includes(text));
	if (missing.length > 0)
		throw new Error(`The page does not say any more: ${missing.join("; ")}`);
	for (const command of commands) {
		const { text } = command;
		const way = Object.hasOwn(WAYS, text) ? WAYS[text] : undefined;
		if (way) await way(walk, command);
		else await type(walk.terminal, command);
		walk.report(text);
	}
	checkNothingLeft(walk);
}

/** Types a command, waits for its end, and compares what it shows. */
async function type(terminal: Terminal, command: Command): Promise<void> {
	await terminal.begin(command.text);
	await endWell(terminal, command);
}

async function endWell(
	terminal: Terminal,
	{ text, shows }: Command,
): Promise<void> {
	const done = await terminal.ends(TIMEOUT_MS);
	const lines = done.text.split("\n").map((line) => line.trimEnd());
	const missing = shows.filter((line) => !lines.includes(line));
	if (done.code !== 0 || missing.length > 0)
		throw new Error(
			`${text} ended with ${done.code} and did not show ${missing.join("; ") || "what it should"}:\n${done.text}`,
		);
}

function doneBefore(): void {}

/** Answers what the table says, in its order. */
async function setUp(walk: Walk, command: Command): Promise<void> {
	const { terminal, page, sides } = walk;
	const pasted = Object.entries(PASTED(sides));
	await terminal.begin(command.text);
	for (const [cell = "", answer = ""] of readTable(page, "it asks")) {
		const question = cell.replaceAll("`", "");
		await terminal.sees(`◆  ${question}`, TIMEOUT_MS);
		const [, secret] = pasted.find(([word]) => question === word) ?? [];
		if ((secret !== undefined) !== answer.startsWith("paste"))
			throw new Error(`The page says to "${question}": ${answer}`);
		if (secret) terminal.enter(secret);
		else terminal.press("Enter");
	}
	await endWell(terminal, command);
	const screen = terminal.screen();
	for (const secret of [KEY, sides.telegram.token])
		if (screen.includes(secret)) throw new Error("The screen has a secret.");
	walk.report(`the screen of ${command.text}:\n${screen}`);
}

/** Then sends the pairing code, which was on the screen before, and says hello. */
async function install(walk: Walk, command: Command): Promise<void> {
	const { terminal, phone } = walk;
	const code = /Pairing code: (\w+)/.exec(terminal.screen())?.[1];
	if (!code) throw new Error("There was no pairing code.");
	await agree(walk, command);
	phone.say("/start");
	await phone.hears("", TIMEOUT_MS);
	phone.say(code);
	await phone.hears("you may talk", TIMEOUT_MS);
	await greet(walk);
}

/** Types a command that asks before it does something, and says yes. */
async function agree({ terminal }: Walk, command: Command): Promise<void> {
	await terminal.begin(command.text);
	await terminal.sees("[y/N]", TIMEOUT_MS);
	terminal.enter("y");
	await endWell(terminal, command);
}

async function reboot(walk: Walk): Promise<void> {
	await walk.systemd.reboot();
	await greet(walk);
}

/** Somebody writes to the bot, and it answers. */
async function greet({ phone, report }: Walk): Promise<void> {
	phone.say("Hello");
	await phone.hears(ANSWER, TIMEOUT_MS);
	report(`Telegram: Hello → ${ANSWER}`);
}

function copyToHome({ machine }: Walk, file: string, name: string): void {
	const copy = join(machine.root, "home", USER, name);
	copyFileSync(file, copy);
	chownSync(copy, USER_ID, USER_ID);
	// As from a computer that knows of no such right.
	chmodSync(copy, 0o644);
}

function bringNewer(walk: Walk): void {
	copyToHome(walk, walk.newer, "aeon-linux-arm64");
	const hash = new Bun.CryptoHasher("sha256").update(readFileSync(walk.newer));
	const sums = join(walk.machine.root, "home", USER, "SHA256SUMS");
	writeFileSync(sums, `${hash.digest("hex")}  aeon-linux-arm64\n`);
	chownSync(sums, USER_ID, USER_ID);
}

async function update(walk: Walk, command: Command): Promise<void> {
	const { terminal } = walk;
	await type(terminal, { text: "sudo aeon --version", shows: [] });
	const before = terminal.screen();
	await type(terminal, command);
	walk.report(`the screen of ${command.text}:\n${terminal.screen()}`);
	await type(terminal, { text: "sudo aeon --version", shows: [] });
	if (terminal.screen() === before)
		throw new Error("The version is the one of before.");
	await greet(walk);
}

/** Everything is as it was on the card. */
function checkNothingLeft({ machine }: Walk): void {
	const found = Bun.spawnSync(
		machine.inside(
			...["find", "/", "-xdev", "-name", "*aeon*", "-not", "-path", "/proc/*"],
		),
	);
	const people = readFileSync(join(machine.root, "etc/passwd"), "utf8");
	const left = found.stdout.toString().trim();
	if (left !== "" || people.includes("aeon"))
		throw new Error(`Something is left: ${left || "a user"}`);
}
