import type { StorePlace } from "../core/presence.ts";
import * as stores from "../storage/registry.ts";
import type { StoreDriver } from "../storage/store.ts";
import type { Settings } from "./schema.ts";

/** Where the sessions of these settings lie: what two processes have in common that write into one store. */
export function storePlace({ storage }: Settings): StorePlace {
	const drivers: Record<string, StoreDriver> = stores;
	const { driver } = storage;
	const own = Object.keys(drivers[driver]?.options.shape ?? {});
	const path = own.map((name) => storage[name]).find(isText) ?? "";
	return { driver, path };
}

function isText(value: unknown): value is string {
	return typeof value === "string";
}
