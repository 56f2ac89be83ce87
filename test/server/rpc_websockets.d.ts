// The package's own types are behind a condition that TypeScript does not look at here.
declare module "rpc-websockets" {
	export class Client {
		constructor(url: string, options: object);
		// biome-ignore lint/suspicious/noExplicitAny: whatever the server tells
		on(event: string, listener: (...data: any[]) => void): void;
		call(method: string, params?: unknown): Promise<unknown>;
		close(): void;
	}
}
