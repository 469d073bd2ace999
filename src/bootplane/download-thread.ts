// The thread that sends the images. It obeys the messages of the main thread, and sleeps while no download is under way.

import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { loadLibc } from "../net/libc.ts";
import type { Patience } from "./download.ts";
import { DownloadLoop, type ToDownloadThread } from "./download-loop.ts";

if (parentPort === null) throw new Error("download-thread.ts is started by downloads.ts");
const port = parentPort;
const loop = new DownloadLoop(await loadLibc(), workerData as Patience, (message) =>
  port.postMessage(message),
);
port.on("message", (first: ToDownloadThread) => {
  loop.take(first);
  while (loop.isBusy()) {
    loop.turn();
    for (;;) {
      const next = receiveMessageOnPort(port);
      if (next === undefined) break;
      loop.take(next.message as ToDownloadThread);
    }
  }
});
