// Starts the thread that sends the files, and is its voice on the main thread.

import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { Logger } from "pino";
import { loadLibc } from "../net/libc.ts";
import { createRepeats } from "../net/repeats.ts";
import type {
  FromTransferThread,
  ToTransferThread,
  TransferEnd,
  TransferOrder,
} from "./transfer-loop.ts";

export interface TransferResult {
  readonly end: TransferEnd;
  /** What the client has acknowledged. */
  readonly bytes: number;
  readonly retries: number;
}

export interface Transfers {
  /**
   * Sends `file`, whose octets must not change meanwhile, as `order` says. Resolves at the end, and never rejects. The signal
   * ends it early; its reason is the end, and the client hears of `stopped`.
   */
  run(
    order: Omit<TransferOrder, "file">,
    file: Buffer,
    signal: AbortSignal,
  ): Promise<TransferResult>;
  /** To be called when every transfer has ended. */
  close(): Promise<void>;
}

const minuteMs = 60_000;

/** Rejects with the reason when this machine can't. `onFault` is told when the thread has ended by a fault. */
export async function startTransfers(
  logger: Logger,
  onFault: (error: Error) => void,
  now: () => number,
): Promise<Transfers> {
  const libc = await loadLibc();
  const isRepeat = createRepeats(now);
  // The same ending as this file: .ts from the sources, .js when built.
  const file = new URL(`./transfer-thread${extname(import.meta.url)}`, import.meta.url);
  const worker = new Worker(file, { name: "tftp" });
  // The thread reads the files where they are: whoever is in here keeps its file from being collected.
  const running = new Map<number, { file: Buffer; resolve: (result: TransferResult) => void }>();
  const end = (id: number, result: TransferResult) => {
    running.get(id)?.resolve(result);
    running.delete(id);
  };
  let count = 0;
  let fault = false;
  worker.on("message", (message: FromTransferThread) => {
    if (message.kind === "ended") end(message.id, message);
    else if (!isRepeat(message.reason, minuteMs))
      logger.warn({ client: message.client, reason: message.reason }, "TFTP can't send");
  });
  worker.on("error", (error) => {
    fault = true;
    onFault(error as Error);
    for (const id of running.keys()) end(id, { end: "failed", bytes: 0, retries: 0 });
  });
  const tell = (message: ToTransferThread) => worker.postMessage(message);
  return {
    run: (order, data, signal) =>
      new Promise((resolve) => {
        if (fault) return resolve({ end: "failed", bytes: 0, retries: 0 });
        const id = count++;
        running.set(id, { file: data, resolve });
        const place = { address: libc.address(data), length: data.length };
        tell({ kind: "run", id, order: { ...order, file: place } });
        const stop = () => tell({ kind: "stop", id, end: signal.reason });
        signal.addEventListener("abort", stop, { once: true });
      }),
    close: async () => {
      await worker.terminate();
    },
  };
}
