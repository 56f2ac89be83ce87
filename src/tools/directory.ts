import { constants, type Stats } from "node:fs";
import { type FileHandle, lstat, mkdir, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { quote } from "./path.ts";
import { Refusal } from "./refusal.ts";

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

/** A file that is open and proven to be plain, with one name. */
export interface PlainFile {
	handle: FileHandle;
	status: Stats;
}

/**
 * A directory that is open. What is in it is reached through its descriptor, as openat(2) does it: whatever happens to the
 * path meanwhile, the steps lead on from this very directory, and a step onto a symbolic link fails.
 *
 * Where the system gives no paths through descriptors (macOS), names are joined, and after each opening the whole way is
 * looked at again: nothing is read or written through a link that is there before or after.
 */
export class Directory implements AsyncDisposable {
	readonly #handle: FileHandle;
	readonly #root: string;
	readonly #names: readonly string[];
	readonly #throughDescriptors: boolean;

	private constructor(
		handle: FileHandle,
		root: string,
		names: readonly string[],
		throughDescriptors: boolean,
	) {
		this.#handle = handle;
		this.#root = root;
		this.#names = names;
		this.#throughDescriptors = throughDescriptors;
	}

	/** Opens the root by its real path. */
	static async openRoot(
		root: string,
		throughDescriptors: boolean,
	): Promise<Directory> {
		const handle = await open(root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
		return new Directory(handle, root, [], throughDescriptors);
	}

	/** The real path. */
	get path(): string {
		return join(this.#root, ...this.#names);
	}

	/** The path by which the system finds a name in this directory. */
	at(name: string): string {
		return this.#throughDescriptors
			? `/proc/self/fd/${this.#handle.fd}/${name}`
			: join(this.path, name);
	}

	/** How a sentence names something in this directory. */
	label(name: string): string {
		return quote([...this.#names, name].join("/"));
	}

	/** What a name stands for, links not followed; undefined where there is nothing. */
	async status(name: string): Promise<Stats | undefined> {
		try {
			return await lstat(this.at(name));
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
			throw error;
		}
	}

	/** The directory of this name. Throws a Refusal where it is anything else. */
	async openDirectory(name: string): Promise<Directory> {
		const status = await this.status(name);
		if (!status)
			throw new Refusal(`There is no ${this.label(name)} in the workspace.`);
		this.#requireNoLink(name, status);
		if (!status.isDirectory())
			throw new Refusal(
				`${this.label(name)} is a ${kindOf(status)}, not a directory.`,
			);
		const handle = await open(
			this.at(name),
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
		);
		return await closingOnError(handle, async () => {
			await this.#verify(name, handle);
			const names = [...this.#names, name];
			return new Directory(handle, this.#root, names, this.#throughDescriptors);
		});
	}

	/** The plain file of this name, or with O_CREAT a new one. Throws a Refusal where it is anything else. */
	async openFile(
		name: string,
		flags: number,
		mode?: number,
	): Promise<PlainFile> {
		// Before opening, since opening a device may already do something; after it, since that is what counts.
		const before = await this.status(name);
		if (before) this.requirePlain(name, before);
		const handle = await open(
			this.at(name),
			flags | O_NOFOLLOW | O_NONBLOCK,
			mode,
		);
		const check = async () => {
			const status = await handle.stat();
			this.requirePlain(name, status);
			await this.#verify(name, handle);
			return status;
		};
		return { handle, status: await closingOnError(handle, check) };
	}

	/** Throws a Refusal unless the status is that of a plain file with one name. */
	requirePlain(name: string, status: Stats): void {
		this.#requireNoLink(name, status);
		const label = this.label(name);
		if (status.isDirectory())
			throw new Refusal(`${label} is a directory: name a file in it.`);
		if (!status.isFile())
			throw new Refusal(
				`${label} is a ${kindOf(status)}: only plain files are read and written.`,
			);
		if (status.nlink > 1)
			throw new Refusal(
				`${label} is a hard link (it has ${status.nlink} names), so it may lie outside the workspace as well: use a copy of it.`,
			);
	}

	/** Makes the directory of this name where there is nothing. */
	async makeDirectory(name: string): Promise<void> {
		if (await this.status(name)) return;
		try {
			await mkdir(this.at(name));
			await this.sync();
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
		}
	}

	/** The names in it, in no order. */
	names(): Promise<string[]> {
		return readdir(
			this.#throughDescriptors ? `/proc/self/fd/${this.#handle.fd}` : this.path,
		);
	}

	/** What tells this directory from every other one, by whatever path. */
	async identity(): Promise<string> {
		const { dev, ino } = await this.#handle.stat();
		return `${dev}:${ino}`;
	}

	/** Puts the names on the disk, so that they outlive a power cut. */
	async sync(): Promise<void> {
		await this.#handle.sync();
	}

	async close(): Promise<void> {
		await this.#handle.close();
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.close();
	}

	#requireNoLink(name: string, status: Stats): void {
		if (!status.isSymbolicLink()) return;
		throw new Refusal(
			`${this.label(name)} is a symbolic link, and links are not followed: use the path it stands for.`,
		);
	}

	/** Without paths through descriptors: looks whether the way here has no link in it, and leads to what is open. */
	async #verify(name: string, handle: FileHandle): Promise<void> {
		if (this.#throughDescriptors) return;
		const opened = await handle.stat();
		let path = this.#root;
		for (const step of [...this.#names, name]) {
			path = join(path, step);
			const found = await lstat(path);
			const isSame = found.dev === opened.dev && found.ino === opened.ino;
			if (path === this.at(name) ? !isSame : !found.isDirectory())
				throw new Refusal(
					`${this.label(name)} changed while it was opened: try again.`,
				);
		}
	}
}

async function closingOnError<T>(
	open: { close(): Promise<void> },
	check: () => Promise<T>,
): Promise<T> {
	try {
		return await check();
	} catch (error) {
		await open.close();
		throw error;
	}
}

function kindOf(status: Stats): string {
	if (status.isDirectory()) return "directory";
	if (status.isFIFO()) return "named pipe";
	if (status.isSocket()) return "socket";
	return status.isFile() ? "file" : "device";
}
