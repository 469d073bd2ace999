// The thread that sends the files. It obeys the messages of the main thread, and sleeps while no transfer is under way.

import { parentPort, receiveMessageOnPort } from "node:worker_threads";
import { loadLibc } from "../net/libc.ts";
import { type ToTransferThread, TransferLoop } from "./transfer-loop.ts";

if (parentPort === null) throw new Error("transfer-thread.ts is started by transfers.ts");
const port = parentPort;
const loop = new TransferLoop(await loadLibc(), (message) => port.postMessage(message));
port.on("message", (first: ToTransferThread) => {
  loop.take(first);
  while (loop.isBusy()) {
    loop.turn();
    for (;;) {
      const next = receiveMessageOnPort(port);
      if (next === undefined) break;
      loop.take(next.message as ToTransferThread);
    }
  }
});
