import { binary } from "../support/binary.ts";
import { type DebianRoot, openDebianRoot } from "./debian_root.ts";

/** What pi has set up. */
export const CONFIG = {
	agents: {
		main: {
			provider: "anthropic",
			model: "claude",
			api_key: `\${ANTHROPIC_API_KEY}`,
		},
	},
	server: { port: 0 },
};

/** Pi's secrets file. */
export const SECRETS = "# mine\nANTHROPIC_API_KEY='sk-ant-canary'\n";

/** Installs the service in a Debian in which no systemd runs. */
export const INSTALL = ["service", "install", "--no-start", "--yes"];
/** What sudo sets where pi has typed it. */
export const AS_PI = { env: { SUDO_USER: "pi" } };

/** A Debian with a person called pi, who has a binary, a configuration, secrets and a workspace. */
export async function piAtHome(config: object = CONFIG): Promise<DebianRoot> {
	const debian = await openDebianRoot();
	const put = async (path: string, text: string) => {
		const script = `mkdir -p -m 700 "$(dirname '${path}')" && cat > '${path}' && chmod 600 '${path}'`;
		await debian.run(["sh", "-c", script], { stdin: text });
	};
	await debian.run(["useradd", "--create-home", "--uid", "1000", "pi"]);
	await put("/home/pi/.aeon/aeon.json", JSON.stringify(config));
	await put("/home/pi/.aeon/secrets.env", SECRETS);
	await put("/home/pi/.aeon/workspace/a file", "hello");
	await debian.run(["ln", "-s", "/etc/shadow", "/home/pi/.aeon/workspace/l"]);
	await debian.copyIn(await binary("linux-x64"), "/home/pi/aeon");
	await debian.run(["chown", "-hR", "pi:pi", "/home/pi"]);
	return debian;
}
