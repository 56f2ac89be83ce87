// The images that the Dockerfile makes, built by buildah on a base of Debian's packages: without an engine or a network.

import {
	cpSync,
	linkSync,
	mkdirSync,
	readFileSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { binary } from "../support/binary.ts";
import { temporaryFolder } from "../support/home.ts";

const ROOT = join(import.meta.dir, "..", "..");
const DOCKERFILE = join(ROOT, "Dockerfile");

/** A root file system of Debian as a tar archive; `.ci/run` makes it. */
const BASE = process.env.AEON_DOCKER_BASE;

/** An architecture in Docker's words, and the end of the name of its binary. */
const BINARIES = { amd64: "linux-x64", arm64: "linux-arm64" } as const;

/** An architecture that there is an image for. */
export type Arch = keyof typeof BINARIES;

/** What of an image's configuration says how it is run. */
export interface ImageConfig {
	User: string;
	Env: string[];
	Cmd: string[];
	Entrypoint: string[];
	Healthcheck: { Test: string[] };
	Volumes: Record<string, object>;
	Labels: Record<string, string>;
	WorkingDir: string;
	StopSignal: string;
}

/** Why no image can be built here; undefined where one can. */
export function whyNoImages(): string | undefined {
	if (!BASE) return "AEON_DOCKER_BASE is not set";
	if (process.getuid?.() !== 0) return "that takes root";
	if (!Bun.which("buildah")) return "buildah is not installed";
	using trial = temporaryFolder();
	for (const command of [
		["unshare", "-m", "true"],
		buildahCommand(trial.path, "from", "scratch"),
	]) {
		const { success, stderr } = Bun.spawnSync(command);
		if (!success) return `${command[0]} does not work here: ${stderr}`;
	}
	return undefined;
}

/** The one image that the Dockerfile builds on. Throws where it builds on several. */
export function baseTag(): string {
	const text = readFileSync(DOCKERFILE, "utf8");
	const froms = [...text.matchAll(/^FROM (?:--\S+ )?(\S+)/gm)];
	const [base = "", ...others] = new Set(froms.map(([, tag]) => tag ?? ""));
	if (others.length > 0) throw new Error(`${base} and ${others}`);
	return base;
}

/** Runs a program to its end and gives what it said; throws where it failed, with all of that. */
export function output(...command: string[]): string {
	const { success, stdout, stderr } = Bun.spawnSync(command);
	if (!success) throw new Error(`${stdout}${stderr}`);
	return stdout.toString();
}

/** Images in a folder of their own. */
export class Images {
	readonly #folder: string;

	/** Makes the base known by the Dockerfile's name for it, for both architectures: what runs in it runs on this machine. */
	constructor(folder: string) {
		this.#folder = folder;
		const tag = `docker.io/library/${baseTag()}`;
		this.#buildah("manifest", "create", tag);
		const container = this.#buildah("from", "scratch");
		this.#buildah("add", "--quiet", container, BASE ?? "", "/");
		for (const arch of Object.keys(BINARIES)) {
			const name = `localhost/base-${arch}`;
			this.#buildah("config", "--arch", arch, container);
			this.#buildah("commit", "--quiet", container, name);
			this.#buildah("manifest", "add", tag, `containers-storage:${name}`);
		}
		this.#buildah("rm", container);
	}

	/** Builds the image of an architecture, which it is named by. `tamper` may change the file of the binary. Throws with what was said. */
	async build(arch: Arch, tamper?: (file: string) => void): Promise<void> {
		const context = join(this.#folder, `context-${arch}`);
		const dist = join(context, "dist");
		mkdirSync(dist, { recursive: true });
		cpSync(join(ROOT, ".dockerignore"), join(context, ".dockerignore"));
		const name = `aeon-${BINARIES[arch]}`;
		const file = await binary(BINARIES[arch]);
		const [sum] = output("sha256sum", file).split(" ");
		writeFileSync(join(dist, "SHA256SUMS"), `${sum}  ${name}\n`);
		if (tamper) tamper(join(dist, name));
		else linkSync(file, join(dist, name));
		const how = ["--pull-never", "--isolation", "chroot", "--format", "docker"];
		const what = ["--platform", `linux/${arch}`, "--tag", arch];
		this.#buildah("build", ...how, ...what, "--file", DOCKERFILE, context);
	}

	inspect(arch: Arch): { config: ImageConfig; architecture: string } {
		const told = this.#buildah("inspect", "--type", "image", arch);
		return JSON.parse(told).Docker;
	}

	/** The folder that holds the root file system of a new container of an image. */
	mount(arch: Arch): string {
		const container = this.#buildah("from", "--pull-never", arch);
		return this.#buildah("mount", container);
	}

	#buildah(...args: string[]): string {
		return output(...buildahCommand(this.#folder, ...args)).trim();
	}
}

/** A command line of buildah that keeps everything in a folder. */
function buildahCommand(folder: string, ...args: string[]): string[] {
	const places = ["--root", `${folder}/store`, "--runroot", `${folder}/run`];
	const driver = ["--storage-driver", "vfs"];
	return ["env", `TMPDIR=${folder}`, "buildah", ...driver, ...places, ...args];
}
