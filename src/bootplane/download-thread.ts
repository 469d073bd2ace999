// The thread that sends the images.

import { parentPort, workerData } from "node:worker_threads";
import { loadLibc } from "../net/libc.ts";
import { runWorkerLoop } from "../net/worker-loop.ts";
import type { Patience } from "./download.ts";
import { DownloadLoop } from "./download-loop.ts";

if (parentPort === null) throw new Error("download-thread.ts is started by downloads.ts");
const port = parentPort;
runWorkerLoop(
  port,
  new DownloadLoop(await loadLibc(), workerData as Patience, (message) =>
    port.postMessage(message),
  ),
);
