// The image that the Dockerfile makes, and its root file system run as a container runs it.

import { afterAll, beforeAll, expect, test } from "bun:test";
import {
	chownSync,
	mkdirSync,
	readFileSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { binary } from "../support/binary.ts";
import { temporaryFolder } from "../support/home.ts";
import { ANY_PORT } from "../support/serve.ts";
import { until } from "../support/until.ts";
import {
	baseTag,
	type ImageConfig,
	Images,
	output,
	whyNoImages,
} from "./docker_image.ts";

const USER = 10_001;
const AEON = "/usr/local/bin/aeon";

/** Whole file systems are copied. */
const TIMEOUT_MS = 120_000;

/**
 * Runs a program in an image as `docker run --read-only --tmpfs /tmp --security-opt no-new-privileges` does: $1 is the image's
 * root, $2 the volume, $3 user and group, the rest the program.
 */
const CONTAINER = `set -e
root=$1 volume=$2 user=$3
shift 3
mount --make-rprivate /
mount --bind "$root" "$root"
mount --bind "$volume" "$root/var/lib/aeon"
mount -t tmpfs -o mode=1777,noexec,nosuid,nodev tmpfs "$root/tmp"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
mount -o remount,bind,ro "$root"
exec setpriv --no-new-privs chroot --userspec="$user" "$root" "$@"`;

const NEEDS = "(needs root, buildah and AEON_DOCKER_BASE)";
const reason = whyNoImages();
if (reason) console.log(`No image is built here: ${reason}`);
const imageTest = test.skipIf(!!reason);

const folder = temporaryFolder();
let images: Images;

beforeAll(() => {
	if (!reason) images = new Images(folder.path);
}, TIMEOUT_MS);

afterAll(() => folder[Symbol.dispose]());

imageTest(
	`the image for amd64 runs on a read-only root as a user without rights, is healthy, answers, and ends when it is told to ${NEEDS}`,
	async () => {
		await images.build("amd64");
		const { config, architecture } = images.inspect("amd64");
		expect(architecture).toBe("amd64");
		expect(config).toMatchObject({
			User: `${USER}:${USER}`,
			Entrypoint: [AEON],
			Cmd: ["serve"],
			Healthcheck: { Test: ["CMD", AEON, "status"] },
			Volumes: { "/var/lib/aeon": {} },
			WorkingDir: "/var/lib/aeon",
			StopSignal: "SIGTERM",
			Labels: { "org.opencontainers.image.title": "Aeon" },
		});
		expect(config.Env).toContain("HOME=/var/lib/aeon");

		const root = images.mount("amd64");
		const system = readFileSync(join(root, "etc/os-release"), "utf8");
		const [, codename] = /^VERSION_CODENAME=(.*)$/m.exec(system) ?? [];
		expect(baseTag()).toBe(`debian:${codename}-slim`);
		// The volume's place alone, and nothing is in it.
		expect(output("find", root, "-xdev", "-uid", String(USER))).toBe(
			`${root}/var/lib/aeon\n`,
		);

		const volume = newVolume(root);
		const start = (argv: string[], input?: string) =>
			startContainer(root, volume, config, argv, input);
		const health = () => start(config.Healthcheck.Test.slice(1)).exited;
		expect(await health()).toBe(1);
		const serve = start([...config.Entrypoint, ...config.Cmd]);
		try {
			await until(async () => (await health()) === 0);
			const chat = start(
				[AEON, "chat"],
				"run id; touch /usr/x; touch /tmp/x && echo made\n",
			);
			const said = await chat.stdout.text();
			expect(said).toContain("This is Aeon's demo");
			expect(said).toContain(`uid=${USER}(aeon) gid=${USER}(aeon)`);
			expect(said).toContain("'/usr/x': Read-only file system");
			expect(said).toContain("made");
			const told = performance.now();
			serve.kill("SIGTERM");
			expect(await serve.exited).toBe(0);
			expect(performance.now() - told).toBeLessThan(10_000);
		} finally {
			serve.kill("SIGKILL");
		}
		expect(output("find", volume, "-not", "-uid", String(USER))).toBe("");
		expect(output("find", volume, "-name", "sessions.db")).not.toBe("");
	},
	TIMEOUT_MS,
);

imageTest(
	`the image for arm64 is built without an emulator and has the binary for arm64 ${NEEDS}`,
	async () => {
		await images.build("arm64");
		const { config, architecture } = images.inspect("arm64");
		expect(architecture).toBe("arm64");
		expect(config.User).toBe(`${USER}:${USER}`);
		const aeon = join(images.mount("arm64"), AEON);
		output("cmp", aeon, await binary("linux-arm64"));
		const { AEON_ARM64_ROOT: libraries } = process.env;
		if (!libraries) return;
		expect(
			output("qemu-aarch64-static", "-L", libraries, aeon, "--version"),
		).toMatch(/^aeon \d/);
	},
	TIMEOUT_MS,
);

imageTest(
	`a binary that is not the one in SHA256SUMS gets into no image ${NEEDS}`,
	async () => {
		const tampered = images.build("amd64", (file) => {
			rmSync(file, { force: true });
			writeFileSync(file, "another one");
		});
		await expect(tampered).rejects.toThrow("aeon-linux-x64: FAILED");
	},
	TIMEOUT_MS,
);

test("compose.yaml gives a container nothing that Aeon does not need", async () => {
	const file = join(import.meta.dir, "..", "..", "compose.yaml");
	const { services } = Bun.YAML.parse(await Bun.file(file).text()) as {
		services: Record<string, object>;
	};
	expect(Object.keys(services)).toEqual(["aeon"]);
	expect(services.aeon).toMatchObject({
		build: ".",
		init: true,
		read_only: true,
		tmpfs: ["/tmp:size=64m"],
		cap_drop: ["ALL"],
		security_opt: ["no-new-privileges:true"],
		restart: "unless-stopped",
		stop_grace_period: "20s",
		volumes: ["state:/var/lib/aeon"],
	});
	for (const key of ["ports", "user", "privileged", "cap_add", "network_mode"])
		expect(services.aeon).not.toHaveProperty(key);
});

/** A new volume as an engine makes it, with what the image has in its place, and a configuration in it. */
function newVolume(root: string): string {
	const volume = join(folder.path, "volume");
	output("cp", "--archive", join(root, "var/lib/aeon"), volume);
	const state = join(volume, ".aeon");
	mkdirSync(state, { mode: 0o700 });
	const config = {
		...ANY_PORT,
		agents: { main: { provider: "demo" } },
		tools: { exec: { approval: "allow" } },
	};
	const file = join(state, "aeon.json");
	writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
	for (const path of [state, file]) chownSync(path, USER, USER);
	return volume;
}

/** Starts a program beside whatever runs in the same root and volume; the process is the program's own. */
function startContainer(
	root: string,
	volume: string,
	{ User, Env }: ImageConfig,
	argv: string[],
	input = "",
) {
	const script = ["sh", "-c", CONTAINER, "sh", root, volume, User];
	return Bun.spawn(["unshare", "-m", ...script, ...argv], {
		env: Object.fromEntries(Env.map((pair) => pair.split(/=(.*)/s))),
		stdin: new Blob([input]),
		stdout: "pipe",
		stderr: "ignore",
	});
}
