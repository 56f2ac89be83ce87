// Preloaded into a binary (BUN_OPTIONS="--preload …/loads.ts"): at SIGALRM it tells the file BENCH_LOADS which of the binary's
// own code is loaded, {pieces, bytes}: a piece is what the compiler has put together, an import() loads some.

import { renameSync, writeFileSync } from "node:fs";

process.on("SIGALRM", () => {
	const paths = [Bun.main, ...Object.keys(require.cache)].filter((path) =>
		path.startsWith("/$bunfs/"),
	);
	const bytes = paths.reduce((sum, path) => sum + Bun.file(path).size, 0);
	const file = process.env.BENCH_LOADS ?? "";
	writeFileSync(`${file}.new`, JSON.stringify({ pieces: paths.length, bytes }));
	renameSync(`${file}.new`, file);
});
