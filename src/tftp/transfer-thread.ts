// The thread that sends the files.

import { parentPort } from "node:worker_threads";
import { loadLibc } from "../net/libc.ts";
import { runWorkerLoop } from "../net/worker-loop.ts";
import { TransferLoop } from "./transfer-loop.ts";

if (parentPort === null) throw new Error("transfer-thread.ts is started by transfers.ts");
const port = parentPort;
runWorkerLoop(port, new TransferLoop(await loadLibc(), (message) => port.postMessage(message)));
