// What a person is told where there is no service, where it has failed, and where they may not read what it said.

import { describe, expect, test } from "bun:test";
import { type DebianRoot, noDebianRoot } from "./debian_root.ts";
import { AS_PI, CONFIG, INSTALL, piAtHome } from "./pi_at_home.ts";

const reason = noDebianRoot();
if (reason) console.warn(`SKIPPED: no hints of a service: ${reason}`);

const FAILED = `ActiveState=failed
SubState=failed
Result=exit-code
ExecMainStatus=2
StateChangeTimestamp=Mon 2026-11-23 10:00:00 UTC
UnitFileState=enabled
NRestarts=0
MemoryCurrent=[not set]
WatchdogUSec=1min`;

/** Runs a command of aeon by a name that the shell of root or another user has for it. */
async function aeon(debian: DebianRoot, line: string, as: object = {}) {
	const argv = ["sh", "-c", line];
	const { code, out, err } = await debian.run(argv, as);
	return { code, said: `${out}${err}` };
}

/** Has a program of systemd be a script. */
function put(debian: DebianRoot, program: string, script: string) {
	const line = `mkdir -p /run/systemd/system && cat > /usr/bin/${program}`;
	return debian.run(["sh", "-c", line], { stdin: `#!/bin/sh\n${script}\n` });
}

describe.skipIf(reason !== undefined)("in a Debian with systemd", () => {
	test("the status of a service that has failed says why, by its own last lines or by who may read them, and no memory", async () => {
		await using debian = await piAtHome();
		await debian.run(["/home/pi/aeon", ...INSTALL], AS_PI);
		const status = "aeon service status";
		expect(await aeon(debian, status)).toEqual({
			code: 1,
			said: "aeon: systemd does not run this machine\nNothing starts the service in a chroot or a container: run aeon serve itself.\n",
		});
		await put(debian, "systemctl", `echo '${FAILED}'`);
		await put(
			debian,
			"journalctl",
			`[ "$(id -u)" = 0 ] || exit 1
[ "$*" = "--quiet --no-pager --output=cat --unit=aeon --lines=3 --identifier=aeon" ] || echo "$*"
echo 'aeon: aeon.json cannot be used:'
echo '  agents.main.provider: is "nonsense"'`,
		);
		const told = (why: string) => ({
			code: 3,
			said: `service   failed: exit-code, exit code 2
${why}
since     Mon 2026-11-23 10:00:00 UTC
at start  enabled
restarts  0
watchdog  1min
unit      /etc/systemd/system/aeon.service
`,
		});
		expect(await aeon(debian, status)).toEqual(
			told(
				`said      aeon: aeon.json cannot be used:
            agents.main.provider: is "nonsense"`,
			),
		);
		expect(await aeon(debian, status, { user: "pi" })).toEqual(
			told("log       sudo aeon service logs says why"),
		);
		const running = FAILED.replaceAll("failed", "active").replace(
			"exit-code",
			"success",
		);
		await put(debian, "systemctl", `echo '${running}'`);
		const { said } = await aeon(debian, status);
		expect(said).toStartWith("service   active\nsince ");
		expect(said).toContain("\nmemory    not counted here\n");
	});

	test("who may not read the journal of the service is told to ask by sudo; who may is shown it without remarks of journalctl", async () => {
		await using debian = await piAtHome();
		await debian.run(["/home/pi/aeon", ...INSTALL], AS_PI);
		await put(
			debian,
			"journalctl",
			`[ "$(id -u)" = 0 ] && [ ! -e /run/empty ] && echo "$*"`,
		);
		const logs = (flags = "", as = {}) =>
			aeon(debian, `aeon service logs ${flags}`, as);
		const refused = {
			code: 1,
			said: "aeon: the journal has nothing of the service that you may read\nType: sudo aeon service logs\n",
		};
		for (const flags of ["", "--follow"])
			expect(await logs(flags, { user: "pi" })).toEqual(refused);
		expect(await logs("--lines 7 --follow")).toEqual({
			code: 0,
			said: "--quiet --unit=aeon --lines=7 --follow\n",
		});
		await debian.run(["touch", "/run/empty"]);
		expect(await logs()).toEqual({
			code: 1,
			said: "aeon: the journal has nothing of the service\n",
		});
	});

	test("installing before init names the home of whoever typed sudo, and what to type first", async () => {
		await using debian = await piAtHome();
		await debian.run(["mv", "/home/pi/.aeon", "/home/pi/.gone"]);
		const install = "cd /home/pi && ./aeon service install --yes";
		const missing = "aeon: /home/pi/.aeon has no aeon.json\nType ./aeon init";
		expect(await aeon(debian, `${install} --no-start`, AS_PI)).toEqual({
			code: 1,
			said: `${missing} first, as pi and without sudo; or say with --from HOME whose state the service is to have.\n`,
		});
		expect(await aeon(debian, `${install} --user`, { user: "pi" })).toEqual({
			code: 1,
			said: "aeon: systemd does not run this machine\nHave whatever starts services here run: aeon serve\n",
		});
		await put(debian, "systemctl", "echo systemd 252");
		expect(await aeon(debian, `${install} --user`, { user: "pi" })).toEqual({
			code: 1,
			said: `${missing} first.\n`,
		});
	});

	test("a configuration that a service cannot use is named by where it lies; of secrets is spoken only where one is missing", async () => {
		await using debian = await piAtHome();
		const install = async (config: object | string) => {
			const stdin =
				typeof config === "string" ? config : JSON.stringify(config);
			const line =
				"cat > $(ls -d /home/pi/.aeon /var/lib/aeon/.aeon)/aeon.json";
			await debian.run(["sh", "-c", line], { stdin });
			const argv = ["/home/pi/aeon", ...INSTALL];
			const { code, err } = await debian.run(argv, AS_PI);
			return { code, err };
		};
		const mend = "Nothing was done. Mend that, and install once more.\n";
		expect(await install("{,")).toEqual({
			code: 2,
			err: `aeon: /home/pi/.aeon/aeon.json:1:2: is not JSON: Value expected\n${mend}`,
		});
		const { agents } = CONFIG;
		const soul = { ...agents.main, system_prompt_file: "~/.aeon/soul.md" };
		const without = await install({ agents: { main: soul } });
		expect(without.err).toContain("/home/pi/.aeon/soul.md cannot be read");
		expect(without.err).toEndWith(mend);
		const tools = { workspace: "/var/lib/aeon/.aeon" };
		const exposed = await install({ ...CONFIG, tools });
		expect(exposed.code).toBe(2);
		expect(exposed.err).toStartWith(
			"aeon: /home/pi/.aeon/aeon.json cannot be used:\n  tools.workspace: ",
		);
		await debian.run(["su", "pi", "-c", "echo kind > ~/.aeon/soul.md"]);
		expect(await install({ agents: { main: soul } })).toEqual({
			code: 0,
			err: "",
		});
		await debian.run(["sh", "-c", ": > /etc/aeon/secrets.env"]);
		const keyless = await install({ agents: { main: soul } });
		expect(keyless.code).toBe(2);
		expect(keyless.err).toEndWith(
			"keys belong into /etc/aeon/secrets.env, a line NAME=value each.\n",
		);
	});
});
