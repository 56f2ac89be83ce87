// The text of the unit that runs Aeon (systemd.unit(5), systemd.service(5), systemd.exec(5)).

import { isWithin } from "../core/paths.ts";
import { FOREIGN_CODE } from "../core/platform_restart.ts";
import { SECRETS_FILE } from "../core/secrets_file.ts";
import { OWN_SECTION, SYSTEM } from "./installation.ts";
import { quotePlace, quoteProgram, quoteWord } from "./quoting.ts";

/** What a unit is written for. */
export interface UnitRequest {
	scope: "system" | "user";
	/** The version of systemd, as `systemctl --version` has it. */
	version: number;
	/** The program. */
	binary: string;
	/** Folders outside of the state directory that Aeon writes into, and files that it reads. */
	outside: Outside;
	/** The file that is handed on as a credential; none where Aeon reads its secrets itself. */
	secrets?: string;
	/** What uninstalling has to know; systemd leaves it alone. */
	notes: Record<string, string>;
}

/** What aeon.json names that does not lie in the state directory; whole paths. */
export interface Outside {
	written: readonly string[];
	read: readonly string[];
}

/** The first versions of systemd that have credentials, and that restart later and later. */
export const SINCE = { credentials: 247, growingDelay: 254 } as const;

/** Where a system service sees nothing of what the machine has there, unless it is bound to its place. */
const HIDDEN = ["/home", "/root", "/run/user", "/tmp", "/var/tmp"];

/** True of a path that a system service has only by binding it, whatever the folders above it allow. */
export function isBound(path: string): boolean {
	return HIDDEN.some((folder) => isWithin(path, folder));
}

/** The unit's text. Throws `usage` where a path cannot be written into one. */
export function unitText(request: UnitRequest): string {
	const isSystem = request.scope === "system";
	const sections: [string, string[]][] = [
		[
			"Unit",
			[
				"Description=Aeon, a personal assistant",
				// Aeon starts without a network and takes it when it comes.
				...(isSystem ? ["After=network.target"] : []),
				// However often it has failed: a Pi that nobody looks after has to come back by itself.
				"StartLimitIntervalSec=0",
			],
		],
		[
			"Service",
			[
				...running(request),
				...bounds(),
				...everywhere(),
				...(isSystem ? systemOnly(request) : []),
			],
		],
		[
			"Install",
			[`WantedBy=${isSystem ? "multi-user.target" : "default.target"}`],
		],
		// systemd ignores sections whose names begin so; this one says as well that the unit is Aeon's own.
		[
			OWN_SECTION,
			Object.entries(request.notes).map(
				([key, value]) => `${key}=${quoteWord(value)}`,
			),
		],
	];
	return sections
		.map(([name, lines]) => `[${name}]\n${lines.join("\n")}\n`)
		.join("\n");
}

function running({ scope, version, binary }: UnitRequest): string[] {
	const own =
		scope === "system"
			? [
					`User=${SYSTEM.user}`,
					`Group=${SYSTEM.user}`,
					`Environment=HOME=${SYSTEM.home}`,
					"StateDirectory=aeon",
					"StateDirectoryMode=0700",
				]
			: [];
	return [
		"Type=notify",
		"NotifyAccess=main",
		`ExecStart=${quoteProgram(binary)} serve`,
		// Not every small system has a /bin/kill, but every shell has one in it.
		`ExecReload=/bin/sh -c "kill -HUP \${MAINPID}"`,
		...own,
		// An aeon.json in the folder that a process is started in counts first, and here no command can lay one.
		"WorkingDirectory=/",
		// A migration of a large database on a slow card.
		"TimeoutStartSec=15min",
		"TimeoutStopSec=20",
		"WatchdogSec=60",
		// Of a process that hangs nothing can be saved, and what the runtime writes at a SIGABRT misleads.
		"WatchdogSignal=SIGKILL",
		// Aeon first ends what it runs itself; what is left of it then goes with it.
		"KillMode=mixed",
		"Restart=on-failure",
		...(version >= SINCE.growingDelay
			? // systemd never counts down again, however long Aeon ran well: the longest delay is what any later crash costs.
				["RestartSec=1s", "RestartSteps=5", "RestartMaxDelaySec=30s"]
			: ["RestartSec=10"]),
		// A configuration that cannot be used does not get better by trying.
		"RestartPreventExitStatus=2",
		`UnsetEnvironment=${FOREIGN_CODE.join(" ")}`,
	];
}

function bounds(): string[] {
	return [
		// A command that eats memory is ended without Aeon, before the machine has none left: of 512 MB a quarter is for the rest.
		"MemoryMax=75%",
		"OOMPolicy=continue",
		"TasksMax=512",
		"LimitCORE=0",
	];
}

/**
 * What a user's own systemd can do as well. Not MemoryDenyWriteExecute, since the engine makes code; not
 * RestrictNamespaces, since where the kernel has no Landlock commands are confined in namespaces.
 */
function everywhere(): string[] {
	return [
		"UMask=0077",
		"NoNewPrivileges=yes",
		"LockPersonality=yes",
		"RestrictRealtime=yes",
		"RestrictSUIDSGID=yes",
		"RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
		"SystemCallArchitectures=native",
	];
}

/**
 * What takes the power of the machine's systemd. Nothing that covers parts of /proc (ProtectKernelTunables, ProtectProc,
 * ProcSubset): without a capability nothing can be written there anyway, and a namespace in which it is covered may mount
 * none of its own, which commands such as bwrap and podman need.
 */
function systemOnly({ outside, secrets }: UnitRequest): string[] {
	const isInHome = (path: string) =>
		HIDDEN.slice(0, 3).some((folder) => isWithin(path, folder));
	const { written, read } = outside;
	// An empty place into which only what is named is put; with "yes" nothing could be.
	const homes = [...written, ...read].some(isInHome) ? "tmpfs" : "yes";
	const paths = (key: string, all: readonly string[]) =>
		[...new Set(all)].map((path) => `${key}=${quoteWord(`-${path}`)}`);
	const places = (key: string, all: readonly string[]) =>
		[...new Set(all)].map((path) => `${key}=${quotePlace(path)}`);
	return [
		"CapabilityBoundingSet=",
		"ProtectSystem=strict",
		`ProtectHome=${homes}`,
		"PrivateTmp=yes",
		"PrivateDevices=yes",
		"ProtectClock=yes",
		"ProtectHostname=yes",
		"ProtectKernelModules=yes",
		"ProtectKernelLogs=yes",
		"ProtectControlGroups=yes",
		"RemoveIPC=yes",
		...places("BindPaths", written.filter(isBound)),
		...places("BindReadOnlyPaths", read.filter(isBound)),
		...paths(
			"ReadWritePaths",
			written.filter((path) => !isBound(path)),
		),
		...(secrets ? [`LoadCredential=${SECRETS_FILE}:${secrets}`] : []),
	];
}
