// Stands for a systemd that runs, in a root that is only entered: starts and ends the one unit as its file says.
// Asked by a script in systemctl's place; what systemctl does without a running systemd, such as `enable`, it does itself.

import {
	chmodSync,
	chownSync,
	copyFileSync,
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Machine } from "./machine.ts";

const UNIT = "etc/systemd/system/aeon.service";
const WANTED = "etc/systemd/system/multi-user.target.wants";
const CREDENTIALS = "run/credentials/aeon.service";

/** Where requests and answers lie. */
const MAILS = "run/stand-in";

const REAL = "/usr/bin/systemctl.real";

const SCRIPT = `#!/bin/sh
mail=/${MAILS}/$$
echo "$*" > $mail.draft
mv $mail.draft $mail.request
until [ -e $mail.answer ]; do sleep 0.05; done
. $mail.answer
`;

const LOOK_MS = 25;
const READY_MS = 60_000;

/** The stand-in; one for a machine. */
export class Systemd {
	/** What the service has written. */
	log = "";
	#machine: Machine;
	#env: Record<string, string>;
	#service: { process: Bun.Subprocess; isOver: boolean } | undefined;

	/** `env` is what every service has in its environment besides. */
	constructor(machine: Machine, env: Record<string, string>) {
		this.#machine = machine;
		this.#env = env;
		renameSync(this.#path("usr/bin/systemctl"), this.#path(REAL));
		writeFileSync(this.#path("usr/bin/systemctl"), SCRIPT);
		chmodSync(this.#path("usr/bin/systemctl"), 0o755);
		mkdirSync(this.#path("run/systemd/system"), { recursive: true });
		mkdirSync(this.#path(MAILS));
		chmodSync(this.#path(MAILS), 0o1777);
		setInterval(() => this.#look(), LOOK_MS);
	}

	/** What `reboot` does to services: all end, and those that are enabled are started. Throws where one does not start. */
	async reboot(): Promise<void> {
		await this.#stop();
		rmSync(this.#path("run/credentials"), { recursive: true, force: true });
		if (existsSync(this.#path(UNIT)) && this.#isEnabled()) await this.#start();
	}

	#path(path: string): string {
		return join(this.#machine.root, path);
	}

	#look(): void {
		for (const name of readdirSync(this.#path(MAILS))) {
			if (!name.endsWith(".request")) continue;
			const mail = this.#path(join(MAILS, name.slice(0, -".request".length)));
			const request = readFileSync(`${mail}.request`, "utf8").trim();
			rmSync(`${mail}.request`);
			const answer = (out: string, code: number) => {
				const words = `printf '%s' '${out.replaceAll("'", `'\\''`)}'\nexit ${code}\n`;
				writeFileSync(`${mail}.draft`, words);
				renameSync(`${mail}.draft`, `${mail}.answer`);
			};
			this.#answer(request.split(" ")).then(
				({ out, code }) => answer(out, code),
				(error) => answer(`${error}\n`, 1),
			);
		}
	}

	async #answer(words: string[]): Promise<{ out: string; code: number }> {
		const [verb = ""] = words.filter((word) => !word.startsWith("-"));
		const isNow = words.includes("--now");
		const turn = async () => {
			if (["stop", "restart"].includes(verb) || (verb === "disable" && isNow))
				await this.#stop();
			if (["start", "restart"].includes(verb) || (verb === "enable" && isNow))
				await this.#start();
		};
		const turning = turn();
		if (!words.includes("--no-block")) await turning;
		// How it went is then seen by `show`.
		else turning.catch(() => {});
		if (verb === "show") return { out: this.#show(words), code: 0 };
		if (!["", "enable", "disable", "is-enabled"].includes(verb))
			return { out: "", code: 0 };
		const real = Bun.spawn(
			this.#machine.inside(
				...["env", "SYSTEMD_OFFLINE=1", REAL],
				...words.filter((word) => word !== "--now"),
			),
			{ stdin: "ignore", stdout: "pipe", stderr: "ignore" },
		);
		return { out: await real.stdout.text(), code: await real.exited };
	}

	#show(words: string[]): string {
		const service = this.#service;
		const isActive = service && !service.isOver;
		const known: Record<string, string> = {
			ActiveState: isActive ? "active" : service ? "failed" : "inactive",
			SubState: isActive ? "running" : service ? "failed" : "dead",
			UnitFileState: this.#isEnabled() ? "enabled" : "disabled",
			NRestarts: "0",
			NeedDaemonReload: "no",
			Result: "success",
		};
		const asked = words.filter((_, n) => words[n - 1] === "-P");
		if (asked.length > 0)
			return asked.map((name) => `${known[name] ?? ""}\n`).join("");
		const lines = Object.entries(known).map(
			([key, value]) => `${key}=${value}`,
		);
		return `${lines.join("\n")}\n`;
	}

	#isEnabled(): boolean {
		// The link leads to a path of the root's own.
		const wanted = this.#path(WANTED);
		return existsSync(wanted) && readdirSync(wanted).includes("aeon.service");
	}

	/** Starts the unit's program as its user, with its environment and credentials, and waits until it is ready. */
	async #start(): Promise<void> {
		await this.#stop();
		const unit = readFileSync(this.#path(UNIT), "utf8");
		const value = (key: string) =>
			new RegExp(`^${key}[=:](.*)$`, "m").exec(unit)?.[1] ?? "";
		const home = value("Environment=HOME");
		const { uid, gid } = statSync(this.#path(home));
		const folder = this.#path(CREDENTIALS);
		mkdirSync(folder, { recursive: true });
		const credential = join(folder, "secrets.env");
		copyFileSync(this.#path(value("LoadCredential=secrets.env")), credential);
		for (const path of [credential, folder]) chownSync(path, uid, gid);
		chmodSync(credential, 0o400);
		chmodSync(folder, 0o500);
		const presence = this.#path(join(home, ".aeon/serve.json"));
		rmSync(presence, { force: true });
		const user = value("User");
		const process = Bun.spawn(
			this.#machine.inside(
				...["setpriv", "--reuid", user, "--regid", value("Group")],
				...["--init-groups", "--reset-env", "env", `HOME=${home}`],
				`CREDENTIALS_DIRECTORY=/${CREDENTIALS}`,
				...Object.entries(this.#env).map(([name, text]) => `${name}=${text}`),
				...[
					"sh",
					"-c",
					`cd ${home} && umask 0077 && exec ${value("ExecStart")}`,
				],
			),
			{ stdin: "ignore", stdout: "pipe", stderr: "pipe" },
		);
		const service = { process, isOver: false };
		this.#service = service;
		void process.exited.then(() => {
			service.isOver = true;
		});
		for (const stream of [process.stdout, process.stderr])
			void this.#write(stream);
		for (const end = Date.now() + READY_MS; !existsSync(presence); ) {
			if (service.isOver || Date.now() > end)
				throw new Error(`The service did not start:\n${this.log}`);
			await Bun.sleep(LOOK_MS);
		}
	}

	async #write(stream: ReadableStream<Uint8Array>): Promise<void> {
		const decoder = new TextDecoder();
		for await (const bytes of stream)
			this.log += decoder.decode(bytes, { stream: true });
	}

	async #stop(): Promise<void> {
		const service = this.#service;
		this.#service = undefined;
		if (!service || service.isOver) return;
		this.#machine.signal(service.process.pid, "SIGTERM");
		await service.process.exited;
	}
}
