// The service installed, used and removed in a whole Debian: what it leaves, and what others have of it.

import { describe, expect, test } from "bun:test";
import { until } from "../support/until.ts";
import { noDebianRoot } from "./debian_root.ts";
import { AS_PI, CONFIG, INSTALL, piAtHome, SECRETS } from "./pi_at_home.ts";

const reason = noDebianRoot();
if (reason) console.warn(`SKIPPED: no service is installed: ${reason}`);

describe.skipIf(reason !== undefined)("in a Debian with systemd", () => {
	test("a service is installed with all that a person had, root acts as its user, and uninstalling leaves everything as it was", async () => {
		await using debian = await piAtHome();
		const before = await debian.list();
		const say = async (line: string, as = {}) => {
			const { code, out, err } = await debian.run(["sh", "-c", line], as);
			return `${code} ${out}${err}`.trimEnd();
		};
		const installed = await debian.run(["/home/pi/aeon", ...INSTALL], AS_PI);
		expect(installed).toMatchObject({ code: 0, err: "" });
		const stat =
			"stat -c '%n %A %U:%G' /usr/local/bin/aeon /etc/systemd/system/aeon.service /etc/aeon /etc/aeon/secrets.env /var/lib/aeon /var/lib/aeon/.aeon /var/lib/aeon/.aeon/aeon.json";
		expect(await say(stat)).toBe(
			`0 /usr/local/bin/aeon -rwxr-xr-x root:root
/etc/systemd/system/aeon.service -rw-r--r-- root:root
/etc/aeon drwx------ root:root
/etc/aeon/secrets.env -rw------- root:root
/var/lib/aeon drwx------ aeon:aeon
/var/lib/aeon/.aeon drwx------ aeon:aeon
/var/lib/aeon/.aeon/aeon.json -rw------- aeon:aeon`,
		);
		expect(await say("systemctl is-enabled aeon")).toBe("0 enabled");
		expect(await say("cat /etc/aeon/secrets.env")).toBe(
			`0 ${SECRETS.trimEnd()}`,
		);
		expect(await say("ls -A /home/pi/.aeon /var/lib/aeon/.aeon")).toBe(
			"2 /var/lib/aeon/.aeon:\naeon.json\nworkspace\nls: cannot access '/home/pi/.aeon': No such file or directory",
		);
		expect(await say("getent passwd aeon")).toMatch(
			/^0 aeon:x:\d+:\d+:[^:]+:\/var\/lib\/aeon:\/usr\/sbin\/nologin$/,
		);
		expect(await say("systemd-analyze verify aeon.service")).toBe("0");

		expect(await say("aeon config check")).toBe(
			"0 /var/lib/aeon/.aeon/aeon.json: good. Agents: main (anthropic/claude).",
		);
		expect(await say("aeon sessions list")).toBe("0 No sessions yet.");
		// Somebody else's, where root happens to be, and one that a command has laid.
		await say(
			"mkdir /srv/trap; echo '{' > /srv/trap/aeon.json; cp /srv/trap/aeon.json /var/lib/aeon",
		);
		expect(await say("cd /srv/trap && aeon config check")).toStartWith(
			"0 /var/lib/aeon/.aeon/aeon.json: good.",
		);
		expect(await say("rm -r /srv/trap /var/lib/aeon/aeon.json")).toBe("0");
		expect(
			await say("find /var/lib/aeon ! -user aeon; ls -d /root/.aeon"),
		).toBe("2 ls: cannot access '/root/.aeon': No such file or directory");
		expect(await say("aeon backup /root/a.tar.gz")).toContain(
			"is done by the service's user aeon, who may not write into /root",
		);
		expect(await say("cd /root && aeon backup a.tar.gz")).toContain(
			"into /root",
		);
		expect(await say("cd /var/lib/aeon && aeon backup a.tar.gz")).toContain(
			"0 Wrote /var/lib/aeon/a.tar.gz",
		);
		expect(await say("rm /var/lib/aeon/a.tar.gz")).toBe("0");
		expect(await say("rm /var/lib/aeon/.aeon/sessions.db*")).toBe("0");
		expect(await say("rm -rf /var/lib/aeon/.aeon/logs")).toBe("0");

		const again = await debian.run(["aeon", ...INSTALL], AS_PI);
		expect(again).toMatchObject({ code: 0, err: "" });
		expect(await say("ls -A /var/lib/aeon/.aeon")).toBe(
			"0 aeon.json\nworkspace",
		);

		const gone = await debian.run(["aeon", "service", "uninstall", "--yes"]);
		expect(gone).toMatchObject({ code: 0, err: "" });
		expect(await debian.list()).toEqual(before);
	});

	test("an installing that fails at its last step leaves everything as it was", async () => {
		await using debian = await piAtHome();
		await debian.run([
			...["sh", "-c"],
			`mv /usr/bin/systemctl /usr/bin/systemctl.real
printf '#!/bin/sh\ncase "$*" in enable*) echo no such luck >&2; exit 1;; esac\nexec systemctl.real "$@"' > /usr/bin/systemctl
chmod 755 /usr/bin/systemctl`,
		]);
		const before = await debian.list();
		const { code, err } = await debian.run(
			["/home/pi/aeon", ...INSTALL],
			AS_PI,
		);
		expect({ code, err }).toEqual({
			code: 1,
			err: "aeon: systemctl enable --quiet aeon.service failed with 1: no such luck\nEverything that had been done was undone.\n",
		});
		expect(await debian.list()).toEqual(before);
	});

	test("what cannot become a service is said, and nothing is changed: no key, a path that would be gone, a server that runs, nobody who says yes", async () => {
		await using debian = await piAtHome();
		const before = await debian.list();
		const install = async (flags: string[], as: object = AS_PI) => {
			const { code, out, err } = await debian.run(
				["/home/pi/aeon", "service", "install", ...flags],
				as,
			);
			return `${code} ${out}${err}`;
		};
		expect(await install(["--no-start"])).toContain("write --yes");
		expect(await install(["--yes"])).toContain(
			"systemd does not run this machine",
		);
		expect(await install(INSTALL.slice(2), {})).toContain(
			"/root/.aeon has no aeon.json\nType /home/pi/aeon init first; or say",
		);
		expect(await install(["--yes"], { user: "pi" })).toContain(
			"Type: sudo /home/pi/aeon service install",
		);
		expect(await debian.list()).toEqual(before);
		const server = debian.run(["/home/pi/aeon", "serve"], { user: "pi" });
		await until(async () => {
			const file = "/home/pi/.aeon/serve.json";
			return (await debian.run(["test", "-e", file])).code === 0;
		});
		const busy = await debian.run(["/home/pi/aeon", ...INSTALL], AS_PI);
		expect(busy.err).toMatch(
			/aeon serve runs already on \/home\/pi\/\.aeon: process \d+/,
		);
		const pid = /process (\d+)/.exec(busy.err)?.[1] ?? "";
		await debian.run(["sh", "-c", `kill ${pid}`]);
		await server;
		await debian.run(["rm", "/home/pi/.aeon/secrets.env"]);
		const without = await debian.run(["/home/pi/aeon", ...INSTALL], {
			env: { SUDO_USER: "pi", ANTHROPIC_API_KEY: "sk-of-the-shell" },
		});
		expect(without.code).toBe(2);
		expect(without.err).toContain("ANTHROPIC_API_KEY");
		expect(without.err).toContain(
			"keys belong into /home/pi/.aeon/secrets.env",
		);
		expect(without.out).toBe("");
	});

	test("a configuration that names the folder it moves out of is refused; what lies elsewhere is said to be out of reach", async () => {
		await using debian = await piAtHome({
			...CONFIG,
			agents: { main: { provider: "demo" } },
			tools: { workspace: "/home/pi/files" },
		});
		await debian.run([
			"sh",
			"-c",
			"mkdir /home/pi/files; chown pi /home/pi/files; chmod 700 /home/pi/files",
		]);
		const shown = await debian.run(
			["/home/pi/aeon", ...INSTALL, "--print-unit"],
			AS_PI,
		);
		expect(shown.out).toContain(
			"Mind: /home/pi/files may not be written for the user aeon. Once the service is installed: sudo install -d -o aeon -g aeon /home/pi/files\n",
		);
		expect(shown.out).toContain("ProtectHome=tmpfs\n");
		expect(shown.out).toContain("BindPaths=-/home/pi/files\n");
		await debian.run(["mkdir", "-m", "700", "/home/pi/.aeon"]);
		await debian.run([
			...["sh", "-c"],
			"cd /home/pi/files; touch root mine; chown -R aeon: . ; chown root root",
		]);
		const gone = await debian.run(["aeon", "service", "uninstall", "--yes"]);
		expect(gone.out).toContain(
			"to /home/pi/.aeon-from-service, since there is a new /home/pi/.aeon\n",
		);
		const owners = ["stat", "-c", "%n %U", ".", "mine", "root"];
		expect(
			(await debian.run(["env", "-C", "/home/pi/files", ...owners])).out,
		).toBe(". pi\nmine pi\nroot root\n");
		const { out } = await debian.run([
			"ls",
			"-A",
			"/home/pi/.aeon-from-service",
		]);
		expect(out).toBe("aeon.json\nsecrets.env\nworkspace\n");
		await debian.run(["rm", "-r", "/home/pi/.aeon"]);
		await debian.run(["mv", "/home/pi/.aeon-from-service", "/home/pi/.aeon"]);
		const config = JSON.stringify({
			agents: { main: { provider: "demo" } },
			log_file_path: "/home/pi/.aeon/logs/aeon.log",
		});
		await debian.run(["sh", "-c", "cat > /home/pi/.aeon/aeon.json"], {
			stdin: config,
		});
		const refused = await debian.run(["/home/pi/aeon", ...INSTALL], AS_PI);
		expect(refused.code).toBe(2);
		expect(refused.err).toContain(
			"aeon.json names /home/pi/.aeon/logs, which moves into /var/lib/aeon/.aeon\nWrite ~/.aeon/",
		);
	});
});
