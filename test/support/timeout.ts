// How long a test may take on a machine that has much else to do. What a test promises of time, it measures itself.

import { setDefaultTimeout } from "bun:test";

setDefaultTimeout(30_000);
