/** What a machine is made of. */
export interface MachineParts {
	kernel: string;
	initramfs: string;
	disk: string;
	megabytes: number;
	/** A processor of QEMU's, as `cortex-a53`. */
	cpu: string;
	/** The port here that reaches `GUEST_PORT` there. */
	port: number;
}

/** The one port of a machine that can be reached from here. */
export const GUEST_PORT = 8080;

const BOOT_MS = 60_000;
const COMMAND_MS = 60_000;

/** How much of its last words are shown where a machine fails. */
const SHOWN_LINES = 20;

/** A machine of QEMU's without a network of its own, and the shell on its console. It ends when this process does. */
export class Machine {
	readonly #child;
	#console = "";
	#read = 0;
	#isOver = false;
	#wake = () => {};

	/** Switches it on. */
	constructor(parts: MachineParts) {
		const forward = `hostfwd=tcp:127.0.0.1:${parts.port}-:${GUEST_PORT}`;
		this.#child = Bun.spawn(
			[
				// Whatever ends this process: nothing stays behind.
				...["setpriv", "--pdeathsig", "KILL"],
				...["qemu-system-aarch64", "-M", "virt", "-cpu", parts.cpu],
				...["-smp", "4", "-m", String(parts.megabytes)],
				...["-nographic", "-no-reboot", "-monitor", "none"],
				...["-kernel", parts.kernel, "-initrd", parts.initramfs],
				...["-append", "console=ttyAMA0 quiet panic=-1"],
				...["-drive", `if=none,file=${parts.disk},format=raw,id=disk`],
				...["-device", "virtio-blk-device,drive=disk"],
				...["-netdev", `user,id=net,restrict=on,${forward}`],
				...["-device", "virtio-net-device,netdev=net"],
			],
			{ stdin: "pipe", stdout: "pipe", stderr: "inherit" },
		);
		void this.#listen();
	}

	/** Waits for its shell; gives the seconds since its kernel began when the first program did. */
	async booted(): Promise<number> {
		const { match } = await this.#expect(/<up ([\d.]+)>\r?\n/, BOOT_MS);
		return Number(match[1]);
	}

	/** Runs one line in its shell and gives what was printed. Throws where it ends with another code than 0. */
	async run(line: string): Promise<string> {
		this.#child.stdin.write(`${line}\n`);
		await this.#child.stdin.flush();
		const { before, match } = await this.#expect(
			/<ended (\d+)>\r?\n/,
			COMMAND_MS,
		);
		if (match[1] !== "0")
			throw new Error(`${line}: ended with ${match[1]} in the machine.`);
		return before.replaceAll("\r\n", "\n").trim();
	}

	/** Shuts it down. */
	async shutDown(): Promise<void> {
		await this.run("cd / && umount /disk");
		this.#child.stdin.write("poweroff -f\n");
		await this.#child.stdin.flush();
		await this.#child.exited;
	}

	/** Takes its power away. */
	async cutPower(): Promise<void> {
		this.#child.kill("SIGKILL");
		await this.#child.exited;
	}

	/** The last lines on its console. */
	lastLines(): string {
		return this.#console.trimEnd().split("\n").slice(-SHOWN_LINES).join("\n");
	}

	async #listen(): Promise<void> {
		const decoder = new TextDecoder();
		for await (const piece of this.#child.stdout) {
			this.#console += decoder.decode(piece, { stream: true });
			this.#wake();
		}
		this.#isOver = true;
		this.#wake();
	}

	/** Waits for this on the console; gives it with what stands before it. */
	async #expect(pattern: RegExp, timeoutMs: number) {
		let isLate = false;
		const timer = setTimeout(() => {
			isLate = true;
			this.#wake();
		}, timeoutMs);
		try {
			for (;;) {
				const unread = this.#console.slice(this.#read);
				const match = pattern.exec(unread);
				if (match) {
					this.#read += match.index + match[0].length;
					return { before: unread.slice(0, match.index), match };
				}
				if (this.#isOver) throw new Error("The machine went off by itself.");
				if (isLate)
					throw new Error(`The machine said nothing for ${timeoutMs} ms.`);
				await new Promise<void>((resolve) => {
					this.#wake = resolve;
				});
			}
		} finally {
			clearTimeout(timer);
		}
	}
}
