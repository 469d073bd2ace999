// Starts the thread that sends the images, and is its voice on the main thread.

import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { Logger } from "pino";
import { messageOf } from "../net/error-text.ts";
import { loadLibc } from "../net/libc.ts";
import { breakConnection, closeConnection, takeConnection } from "./connection.ts";
import type { Patience } from "./download.ts";
import type {
  DownloadEnd,
  DownloadOrder,
  FromDownloadThread,
  ToDownloadThread,
} from "./download-loop.ts";
import { createFaultLog } from "./fault-log.ts";

export interface Downloads {
  /**
   * Sends the response's head and the octets of the order, and then closes the connection. Resolves when all was handed to the
   * network or the download was cut, and never rejects. `onClosed` is told when the connection is closed.
   */
  run(
    response: ServerResponse,
    socket: Socket,
    order: Omit<DownloadOrder, "connection">,
    onClosed: () => void,
  ): Promise<DownloadEnd>;
  /** Why nothing can be sent at the moment; undefined while all is well. */
  trouble(): string | undefined;
  /** Cuts what is under way. */
  close(): Promise<void>;
}

interface Thread {
  /** Resolves at the end, and never rejects. */
  send(order: DownloadOrder): Promise<DownloadEnd>;
  close(): Promise<void>;
}

const cut: DownloadEnd = { outcome: "cut", bytes: 0 };

// A thread that can't run is not to be started for each request.
const mostFaults = 3;
const faultWindowMs = 60_000;

/**
 * The thread starts with the first download, and anew after a fault, which cuts what was under way; not after a third fault
 * within a minute, until that is over. `now` gives milliseconds that never run backwards; `startWorker` is for tests.
 */
export function createDownloads(
  patience: Patience,
  logger: Logger,
  now: () => number,
  startWorker: (patience: Patience) => Worker = startDownloadWorker,
): Downloads {
  const tellFault = createFaultLog(logger, now);
  let thread: Thread | undefined;
  let isClosed = false;
  let faults: readonly { readonly atMs: number; readonly reason: string }[] = [];
  const onFault = (error: Error) => {
    thread = undefined;
    faults = [...faults, { atMs: now(), reason: messageOf(error) }].slice(-mostFaults);
    logger.error({ err: error }, "the thread that sends the images has failed");
  };
  const trouble = () => {
    const [oldest] = faults;
    if (oldest === undefined || faults.length < mostFaults) return undefined;
    if (now() - oldest.atMs >= faultWindowMs) return undefined;
    return `images can't be sent: their thread fails again and again: ${faults.at(-1)?.reason}`;
  };
  const run: Downloads["run"] = async (response, socket, order, onClosed) => {
    const libc = await loadLibc();
    const connection = await takeConnection(libc, response, socket);
    if (connection === undefined) {
      onClosed();
      return cut;
    }
    if (!isClosed && trouble() === undefined)
      thread ??= startThread(startWorker(patience), onFault);
    const end = (await thread?.send({ ...order, connection })) ?? cut;
    if (end.outcome === "complete") void closeConnection(connection).then(onClosed);
    else {
      breakConnection(libc, connection);
      onClosed();
    }
    return end;
  };
  return {
    run: async (response, socket, order, onClosed) => {
      try {
        return await run(response, socket, order, onClosed);
      } catch (error) {
        tellFault("an image can't be sent", messageOf(error), { err: error });
        socket.destroy();
        onClosed();
        return cut;
      }
    },
    trouble,
    close: async () => {
      isClosed = true;
      const last = thread;
      thread = undefined;
      await last?.close();
    },
  };
}

function startDownloadWorker(patience: Patience): Worker {
  // The same ending as this file: .ts from the sources, .js when built.
  const file = new URL(`./download-thread${extname(import.meta.url)}`, import.meta.url);
  return new Worker(file, { workerData: patience });
}

function startThread(worker: Worker, onFault: (error: Error) => void): Thread {
  const running = new Map<number, PromiseWithResolvers<DownloadEnd>>();
  let count = 0;
  let isGone = false;
  const fail = (error: Error) => {
    if (isGone) return;
    isGone = true;
    onFault(error);
    for (const { resolve } of running.values()) resolve(cut);
    running.clear();
  };
  const tell = (message: ToDownloadThread) => worker.postMessage(message);
  worker.on("message", ({ id, ...end }: FromDownloadThread) => {
    running.get(id)?.resolve(end);
    running.delete(id);
  });
  worker.on("error", (error) => fail(error as Error));
  // A thread can end without an error, too.
  worker.once("exit", (code) => fail(new Error(`the thread ended with ${code}`)));
  return {
    send: (order) => {
      const ending = Promise.withResolvers<DownloadEnd>();
      const id = count++;
      running.set(id, ending);
      tell({ kind: "run", id, order });
      return ending.promise;
    },
    close: async () => {
      tell({ kind: "stop" });
      await Promise.all([...running.values()].map(({ promise }) => promise));
      isGone = true;
      await worker.terminate();
    },
  };
}
