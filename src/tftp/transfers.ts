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

/** A transfer that was begun. */
export interface Running {
  /** Never rejects. */
  readonly result: Promise<TransferResult>;
  /** Its client has acknowledged something, or the end has come. */
  hasAnswer(): boolean;
  /** Whether it has ended by what the client has sent until now. */
  isOver(): Promise<boolean>;
}

export interface Transfers {
  /**
   * Sends `file`, whose octets must not change meanwhile, as `order` says. The signal ends it early; its reason is the end, and
   * the client hears of `stopped`.
   */
  run(order: Omit<TransferOrder, "file">, file: Buffer, signal: AbortSignal): Running;
  /** To be called when every transfer has ended. */
  close(): Promise<void>;
}

interface Entry {
  /** The thread reads it where it is: as long as it is in here it isn't collected. */
  readonly file: Buffer;
  readonly resolve: (result: TransferResult) => void;
  hasAnswer: boolean;
}

const minuteMs = 60_000;
const failed: TransferResult = { end: "failed", bytes: 0, retries: 0 };

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
  const running = new Map<number, Entry>();
  const asked = new Map<number, (isOver: boolean) => void>();
  let count = 0;
  let isGone = false;
  const end = (id: number, result: TransferResult) => {
    running.get(id)?.resolve(result);
    running.delete(id);
  };
  const hear = (message: FromTransferThread) => {
    switch (message.kind) {
      case "answered": {
        const entry = running.get(message.id);
        if (entry !== undefined) entry.hasAnswer = true;
        return;
      }
      case "ended":
        return end(message.id, message);
      case "over":
        asked.get(message.id)?.(message.isOver);
        asked.delete(message.id);
        return;
      case "trouble":
        if (!isRepeat(message.reason, minuteMs))
          logger.warn({ client: message.client, reason: message.reason }, "TFTP can't send");
    }
  };
  const fail = (error: Error) => {
    if (isGone) return;
    isGone = true;
    onFault(error);
    for (const id of running.keys()) end(id, failed);
    for (const answer of asked.values()) answer(false);
  };
  worker.on("message", hear);
  worker.on("error", (error) => fail(error as Error));
  worker.once("exit", (code) => fail(new Error(`the thread that sends files ended with ${code}`)));
  const tell = (message: ToTransferThread) => worker.postMessage(message);
  return {
    run: (order, data, signal) => {
      if (isGone) return gone;
      const id = count++;
      const { promise: result, resolve } = Promise.withResolvers<TransferResult>();
      running.set(id, { file: data, resolve, hasAnswer: false });
      const place = { address: libc.address(data), length: data.length };
      tell({ kind: "run", id, order: { ...order, file: place } });
      const stop = () => tell({ kind: "stop", id, end: signal.reason });
      signal.addEventListener("abort", stop, { once: true });
      const isOver = () =>
        new Promise<boolean>((answer) => {
          if (isGone) return answer(false);
          asked.set(id, answer);
          tell({ kind: "ask", id });
        });
      return { result, hasAnswer: () => running.get(id)?.hasAnswer ?? true, isOver };
    },
    close: async () => {
      isGone = true;
      await worker.terminate();
    },
  };
}

/** What a transfer comes to when there is no thread any more. */
const gone: Running = {
  result: Promise.resolve(failed),
  hasAnswer: () => true,
  isOver: () => Promise.resolve(false),
};
