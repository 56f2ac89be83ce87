// Installing and uninstalling where somebody means harm, and where the power goes in the middle.

import { describe, expect, test } from "bun:test";
import { type DebianRoot, noDebianRoot } from "./debian_root.ts";
import { AS_PI, INSTALL, piAtHome, SECRETS } from "./pi_at_home.ts";

const reason = noDebianRoot();
if (reason) console.warn(`SKIPPED: no installing is interrupted: ${reason}`);

const UNINSTALL = ["service", "uninstall", "--yes"];

/** Has the first call of a program that matches a pattern of sh kill whoever called it, as a power cut would. */
function killAt(debian: DebianRoot, program: string, pattern: string) {
	const trap = `/usr/local/sbin/${program}`;
	const script = `#!/bin/sh
case "$*" in ${pattern}) /usr/bin/rm ${trap}; kill -9 $PPID; exit 1;; esac
PATH=/usr/sbin:/usr/bin exec ${program} "$@"`;
	return debian.run(["sh", "-c", `cat > ${trap}; chmod 755 ${trap}`], {
		stdin: script,
	});
}

const KILLED = 137;

/** What there is but for the lock that a killed process leaves, which nobody holds. */
async function withoutLock(debian: DebianRoot): Promise<string[]> {
	await debian.run(["rm", "-f", "/home/pi/.aeon/serve.lock"]);
	return debian.list();
}

describe.skipIf(reason !== undefined)("in a Debian with systemd", () => {
	for (const [what, program, pattern] of [
		["the unit is written", "sync", "/etc/systemd/*"],
		["the user is made", "useradd", "*"],
		["the secrets are put apart", "sync", "/etc/aeon/*"],
		["the program is copied", "sync", "/usr/local/bin/*"],
		["it is enabled", "systemctl", "enable*"],
	] as const)
		test(`an installing that is killed when ${what} can be done once more, and uninstalled without a trace`, async () => {
			await using debian = await piAtHome();
			const before = await debian.list();
			await killAt(debian, program, pattern);
			const install = () => debian.run(["/home/pi/aeon", ...INSTALL], AS_PI);
			const { code, out } = await install();
			expect({ code, out }).toMatchObject({ code: KILLED });
			const again = await install();
			expect(again).toMatchObject({ code: 0, err: "" });
			// Where the copy was whole, the service has that one.
			await debian.run(["rm", "-rf", "/home/pi/.aeon"]);
			expect(await debian.run(["aeon", ...UNINSTALL])).toMatchObject({
				...{ code: 0, err: "" },
			});
			expect(await withoutLock(debian)).toEqual(before);
		});

	test("a killed installing can be uninstalled at once, and what the person had is untouched", async () => {
		await using debian = await piAtHome();
		const before = await debian.list();
		await killAt(debian, "sync", "/etc/aeon/*");
		await debian.run(["/home/pi/aeon", ...INSTALL], AS_PI);
		const gone = await debian.run(["/home/pi/aeon", ...UNINSTALL]);
		expect(gone).toMatchObject({ code: 0, err: "" });
		expect(await withoutLock(debian)).toEqual(before);
	});

	for (const [what, program, pattern] of [
		["it is disabled", "systemctl", "disable*"],
		["the service's home is removed", "rm", "*/var/lib/aeon"],
		["the user is removed", "userdel", "*"],
	] as const)
		test(`an uninstalling that is killed when ${what} can be gone on with, and nothing is lost`, async () => {
			await using debian = await piAtHome();
			const before = await debian.list();
			await debian.run(["/home/pi/aeon", ...INSTALL], AS_PI);
			await killAt(debian, program, pattern);
			const uninstall = () => debian.run(["/home/pi/aeon", ...UNINSTALL]);
			expect((await uninstall()).code).toBe(KILLED);
			const again = await uninstall();
			expect(again).toMatchObject({ code: 0, err: "" });
			// What was back already is not replaced: it comes a second time beside it.
			const second = /\/home\/pi\/\.aeon-from-service/.test(again.out);
			expect(second).toBe(program === "rm");
			await debian.run(["rm", "-rf", "/home/pi/.aeon-from-service"]);
			expect(await debian.list()).toEqual(before);
		});

	test("root is not led astray by what lies in a person's home: a link as state, a link as secrets, another's file", async () => {
		await using debian = await piAtHome();
		const install = async () => {
			const { code, out, err } = await debian.run(
				["/home/pi/aeon", ...INSTALL],
				AS_PI,
			);
			expect(code).not.toBe(0);
			return `${out}${err}`;
		};
		const sh = (line: string) => debian.run(["sh", "-c", line]);
		await sh("printf 'KEY=of-root\\n' > /root/keys; chmod 600 /root/keys");
		await sh(
			"cd /home/pi/.aeon && mv secrets.env s && ln -s /root/keys secrets.env",
		);
		const before = await debian.list();
		const said = await install();
		expect(said).toContain("/home/pi/.aeon/secrets.env: cannot be read");
		expect(said).not.toContain("of-root");
		expect(await debian.list()).toEqual(before);
		await sh("cd /home/pi/.aeon && rm secrets.env && mv s secrets.env");
		await sh(
			"touch /home/pi/.aeon/workspace/root; chmod 600 /home/pi/.aeon/workspace/root",
		);
		const denied = await install();
		expect(denied).toContain("workspace/root: Cannot open: Permission denied");
		expect(denied).toContain("Everything that had been done was undone.");
		await sh("rm /home/pi/.aeon/workspace/root");
		await sh(
			"mv /home/pi/.aeon /home/pi/real; mkdir /etc/x; cp /home/pi/real/aeon.json /etc/x; ln -s /etc/x /home/pi/.aeon",
		);
		expect(await install()).toContain(
			"/etc/x does not belong to the owner of /home/pi",
		);
		expect((await debian.run(["ls", "/etc/x"])).out).toBe("aeon.json\n");
	});

	test("a link that the service has laid in its state is not followed when its secrets come back", async () => {
		await using debian = await piAtHome();
		await debian.run(["/home/pi/aeon", ...INSTALL], AS_PI);
		const sh = (line: string) => debian.run(["sh", "-c", line]);
		await sh(
			"echo precious > /root/file; ln -s /root/file /var/lib/aeon/.aeon/secrets.env; ln -s /root/file /home/pi/.aeon.moving",
		);
		const gone = await debian.run(["aeon", ...UNINSTALL]);
		expect(gone).toMatchObject({ code: 0, err: "" });
		expect((await sh("cat /root/file")).out).toBe("precious\n");
		expect(
			(
				await sh(
					"stat -c %F:%U:%a /home/pi/.aeon/secrets.env; cat /home/pi/.aeon/secrets.env",
				)
			).out,
		).toBe(`regular file:pi:600\n${SECRETS}`);
	});

	test("a service that is ready and ends soon after is not installed: what it had is back where it was", async () => {
		await using debian = await piAtHome();
		const before = await debian.list();
		const systemctl = `#!/bin/sh
case "$1" in
show) echo "ActiveState=$STATE"; echo NRestarts=$RESTARTS;;
restart|stop|daemon-reload|reset-failed) ;;
*) SYSTEMD_OFFLINE=1 exec /usr/bin/systemctl "$@";;
esac`;
		const begin = async (state: string, restarts: number) => {
			const script = systemctl
				.replace("$STATE", state)
				.replace("$RESTARTS", String(restarts));
			await debian.run(
				[
					...["sh", "-c"],
					"mkdir -p /run/systemd/system; cat > /usr/local/sbin/systemctl; chmod 755 /usr/local/sbin/systemctl",
				],
				{ stdin: script },
			);
			return debian.run(
				["/home/pi/aeon", "service", "install", "--yes"],
				AS_PI,
			);
		};
		// It is about to be tried again, or runs for the second time already.
		for (const [state, restarts] of [
			["activating", 0],
			["active", 1],
		] as const) {
			const failed = await begin(state, restarts);
			expect(failed.code).toBe(1);
			expect(failed.err).toContain("did not become ready: it has ended again");
			expect(failed.err).toContain("Everything that had been done was undone.");
			await debian.run(["rm", "/usr/local/sbin/systemctl"]);
			expect(await debian.list()).toEqual(before);
		}
		expect(await begin("active", 0)).toMatchObject({ code: 0, err: "" });
	});

	test("a unit or a user of this name that is not Aeon's is left alone", async () => {
		await using debian = await piAtHome();
		const install = () => debian.run(["/home/pi/aeon", ...INSTALL], AS_PI);
		const unit = "/etc/systemd/system/aeon.service";
		await debian.run(["sh", "-c", `echo '[Service]' > ${unit}`]);
		expect((await install()).err).toContain(`${unit} is there already`);
		expect((await debian.run(["/home/pi/aeon", ...UNINSTALL])).err).toContain(
			"no service of Aeon is installed",
		);
		await debian.run(["rm", unit]);
		await debian.run(["useradd", "--create-home", "aeon"]);
		expect((await install()).err).toContain(
			"there is a user aeon with the home /home/aeon",
		);
	});
});
