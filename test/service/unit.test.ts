// The unit, as systemd itself reads it.

import { expect, test } from "bun:test";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import {
	findUserInstallation,
	type Notes,
	userUnit,
} from "../../src/service/installation.ts";
import {
	quotePlace,
	quoteProgram,
	quoteWord,
	unquoteWord,
} from "../../src/service/quoting.ts";
import { type UnitRequest, unitText } from "../../src/service/unit.ts";
import { temporaryFolder } from "../support/home.ts";

const ANALYZE = Bun.which("systemd-analyze");
if (!ANALYZE)
	console.warn("SKIPPED: there is no systemd-analyze to read units with");

const PLAIN: UnitRequest = {
	scope: "system",
	version: 252,
	binary: "/usr/local/bin/aeon",
	outside: { written: [], read: [] },
	notes: {},
};

const ODD = `a b%h$x\${HOME}`;

/** What there is besides of keys that are newer than the systemd that reads them here. */
function verify(unit: string, scope: UnitRequest["scope"]) {
	using folder = temporaryFolder();
	const file = join(folder.path, "aeon.service");
	writeFileSync(file, unit);
	const user = scope === "user" ? ["--user"] : [];
	const { exitCode, stderr } = Bun.spawnSync(
		[ANALYZE ?? "", ...user, "verify", file],
		{ env: { ...process.env, XDG_RUNTIME_DIR: folder.path } },
	);
	const said = stderr
		.toString()
		.split("\n")
		.filter(
			(line) => line && !/Unknown key 'Restart(Steps|MaxDelay)/.test(line),
		);
	return { exitCode, said };
}

for (const scope of ["system", "user"] as const)
	for (const version of [241, 247, 252, 254])
		for (const name of ["plain", ODD])
			test.skipIf(!ANALYZE)(
				`systemd has nothing to say against the ${scope} unit for systemd ${version} with paths such as ${name}`,
				() => {
					using folder = temporaryFolder();
					const binary = join(folder.path, name, "aeon");
					mkdirSync(dirname(binary));
					copyFileSync("/bin/true", binary);
					const unit = unitText({
						scope,
						version,
						binary,
						outside: {
							written: [`/srv/${name}`, `/home/pi/${name}`, '/home/a"b" \\c'],
							read: [`/home/pi/${name}.md`, `/etc/${name}.md`],
						},
						secrets: "/etc/aeon/secrets.env",
						notes: { StateFrom: `/home/${name}/.aeon`, AccountMade: "yes" },
					});
					expect(verify(unit, scope)).toEqual({ exitCode: 0, said: [] });
				},
			);

test.skipIf(!ANALYZE)("systemd says so where a unit is not right", () => {
	const unit = unitText(PLAIN)
		.replace("/usr/local/bin/aeon", "/nowhere/aeon")
		.replace("UMask=0077", "UMask=x");
	const { exitCode, said } = verify(unit, "system");
	expect(exitCode).not.toBe(0);
	expect(said.join("\n")).toContain("/nowhere/aeon");
});

const RUN = [
	"Type=notify",
	"NotifyAccess=main",
	"ExecStart=/usr/local/bin/aeon serve",
	`ExecReload=/bin/sh -c "kill -HUP \${MAINPID}"`,
];

const OF_THE_SYSTEM = [
	"User=aeon",
	"Group=aeon",
	"Environment=HOME=/var/lib/aeon",
	"StateDirectory=aeon",
	"StateDirectoryMode=0700",
];

const LIFE = [
	"WorkingDirectory=/",
	"TimeoutStartSec=15min",
	"TimeoutStopSec=20",
	"WatchdogSec=60",
	"WatchdogSignal=SIGKILL",
	"KillMode=mixed",
	"Restart=on-failure",
];

const GROWING_DELAY = [
	"RestartSec=1s",
	"RestartSteps=5",
	"RestartMaxDelaySec=30s",
];

const BOUNDS = [
	"RestartPreventExitStatus=2",
	"UnsetEnvironment=BUN_OPTIONS BUN_BE_BUN BUN_INSPECT BUN_INSPECT_CONNECT_TO BUN_INSPECT_NOTIFY BUN_INSPECT_PRELOAD",
	"MemoryMax=75%",
	"OOMPolicy=continue",
	"TasksMax=512",
	"LimitCORE=0",
	"UMask=0077",
	"NoNewPrivileges=yes",
	"LockPersonality=yes",
	"RestrictRealtime=yes",
	"RestrictSUIDSGID=yes",
	"RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
	"SystemCallArchitectures=native",
];

const CLOSED_IN = [
	"CapabilityBoundingSet=",
	"ProtectSystem=strict",
	"ProtectHome=yes",
	"PrivateTmp=yes",
	"PrivateDevices=yes",
	"ProtectClock=yes",
	"ProtectHostname=yes",
	"ProtectKernelModules=yes",
	"ProtectKernelLogs=yes",
	"ProtectControlGroups=yes",
	"RemoveIPC=yes",
	"LoadCredential=secrets.env:/etc/aeon/secrets.env",
];

/** A unit's sections by their names, each with its lines. */
function sections(unit: string): Record<string, string[]> {
	return Object.fromEntries(
		unit
			.trimEnd()
			.split("\n\n")
			.map((section) => {
				const [head = "", ...lines] = section.split("\n");
				return [head, lines];
			}),
	);
}

for (const [version, delay] of [
	[252, ["RestartSec=10"]],
	[257, GROWING_DELAY],
] as const)
	test(`a service of the machine has, by systemd ${version}, these lines and no others`, () => {
		const secrets = "/etc/aeon/secrets.env";
		const notes = { AccountMade: "yes" };
		const unit = unitText({ ...PLAIN, version, secrets, notes });
		expect(sections(unit)).toEqual({
			"[Unit]": [
				"Description=Aeon, a personal assistant",
				"After=network.target",
				"StartLimitIntervalSec=0",
			],
			"[Service]": [
				...[...RUN, ...OF_THE_SYSTEM, ...LIFE],
				...[...delay, ...BOUNDS, ...CLOSED_IN],
			],
			"[Install]": ["WantedBy=multi-user.target"],
			"[X-Aeon]": ["AccountMade=yes"],
		});
	});

test("a user's own service has these lines and no others", () => {
	const unit = unitText({ ...PLAIN, scope: "user", version: 257 });
	expect(sections(unit)).toEqual({
		"[Unit]": [
			"Description=Aeon, a personal assistant",
			"StartLimitIntervalSec=0",
		],
		"[Service]": [...[...RUN, ...LIFE], ...[...GROWING_DELAY, ...BOUNDS]],
		"[Install]": ["WantedBy=default.target"],
		"[X-Aeon]": [],
	});
});

test("systemd before 254 restarts Aeon after ten seconds, later ones later and later", () => {
	const restarts = (version: number) =>
		unitText({ ...PLAIN, version })
			.split("\n")
			.filter((line) => line.startsWith("Restart"));
	expect(restarts(253)).toEqual([
		"Restart=on-failure",
		"RestartSec=10",
		"RestartPreventExitStatus=2",
	]);
	expect(restarts(254)).toEqual([
		"Restart=on-failure",
		"RestartSec=1s",
		"RestartSteps=5",
		"RestartMaxDelaySec=30s",
		"RestartPreventExitStatus=2",
	]);
});

test("homes are closed to the service, and where something in one is named, empty but for that", () => {
	const lines = (written: string[], read: string[] = []) =>
		unitText({ ...PLAIN, outside: { written, read } })
			.split("\n")
			.filter((line) => /^(ProtectHome|Bind|ReadWrite)/.test(line));
	expect(lines([])).toEqual(["ProtectHome=yes"]);
	expect(lines(["/srv/aeon", "/srv/aeon"], ["/etc/prompt.md"])).toEqual([
		"ProtectHome=yes",
		"ReadWritePaths=-/srv/aeon",
	]);
	expect(lines(["/home/pi/files", "/tmp/x"], ["/root/prompt.md"])).toEqual([
		"ProtectHome=tmpfs",
		"BindPaths=-/home/pi/files",
		"BindPaths=-/tmp/x",
		"BindReadOnlyPaths=-/root/prompt.md",
	]);
});

test("a word is read back from a unit as it was, whatever is in it", () => {
	for (const word of [
		"/a/b",
		"/a b",
		"/a%h",
		'/a"b',
		"/a\\b",
		"/a'b",
		`/${ODD}`,
	])
		expect(unquoteWord(`${quoteWord(word)} serve`)).toBe(word);
	expect(() => quoteWord("/a\nUser=root")).toThrow("cannot be written");
	for (const path of ['/a"', "/a'", "/a\\"])
		expect(() => quoteProgram(path)).toThrow("systemd cannot start");
	expect(() => quotePlace("/home/pi/a:/etc")).toThrow("systemd cannot open");
});

test("what a unit remembers is read back from it whatever it is, and a unit that somebody else has written is none of Aeon's", () => {
	using home = temporaryFolder();
	const place = userUnit(home.path);
	mkdirSync(dirname(place), { recursive: true });
	const notes = {
		StateFrom: `/home/${ODD} "\\`,
		StateOwner: "1000:1000",
		FoldersMade: '["/a b"]',
		BinaryMade: "yes",
	};
	const text = unitText({ ...PLAIN, scope: "user", notes });
	writeFileSync(place, text);
	expect(findUserInstallation(home.path)?.notes).toEqual(notes as Notes);
	writeFileSync(place, unitText({ ...PLAIN, scope: "user" }));
	expect(findUserInstallation(home.path)?.notes).toEqual({});
	writeFileSync(place, text.replace("[X-Aeon]", "[X-Other]"));
	expect(findUserInstallation(home.path)).toBeUndefined();
	const StateFrom = "/home/pi/a\n[Service]\nUser=root";
	expect(() => unitText({ ...PLAIN, notes: { StateFrom } })).toThrow(
		"cannot be written",
	);
});
