// Starts the thread that answers DHCP, and is its voice on the main thread.

import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { DhcpCounts, DhcpSighting } from "../dhcp/event-digest.ts";
import type { DhcpThreadData, FromDhcpThread, ListedLease, ToDhcpThread } from "./dhcp-thread.ts";

export interface DhcpService {
  state(): "running" | "stopped";
  /** Events of each kind since the start. */
  counts(): DhcpCounts;
  leases(): Promise<readonly ListedLease[]>;
  close(): Promise<void>;
}

export interface DhcpServiceListener {
  onSighting(sighting: DhcpSighting): void;
  onWarning(message: string): void;
  /** The thread has ended by a fault; without it no machine gets an address. */
  onFault(error: Error): void;
}

/** Resolves when requests are heard; rejects with the reason and the remedy when they can't be. */
export async function startDhcpService(
  data: DhcpThreadData,
  listener: DhcpServiceListener,
): Promise<DhcpService> {
  // The same ending as this file: .ts from the sources, .js when built.
  const file = new URL(`./dhcp-thread${extname(import.meta.url)}`, import.meta.url);
  const worker = new Worker(file, { workerData: data });
  const ended = new Promise<void>((resolve) => {
    worker.once("exit", () => resolve());
  });
  let running = false;
  let counts: DhcpCounts = {};
  const lists: ((leases: readonly ListedLease[]) => void)[] = [];
  const started = Promise.withResolvers<void>();
  const fail = (error: Error) => {
    if (running) listener.onFault(error);
    running = false;
    started.reject(error);
  };
  worker.on("error", (error) => fail(error as Error));
  worker.on("message", (message: FromDhcpThread) => {
    switch (message.kind) {
      case "running":
        running = true;
        return started.resolve();
      case "not-started":
        return fail(new Error(message.reason));
      case "events":
        counts = message.counts;
        return message.sightings.forEach(listener.onSighting);
      case "warning":
        return listener.onWarning(message.message);
      case "leases":
        return lists.shift()?.(message.leases);
    }
  });
  const tell = (message: ToDhcpThread) => worker.postMessage(message);
  await started.promise;
  return {
    state: () => (running ? "running" : "stopped"),
    counts: () => counts,
    leases: () =>
      new Promise((resolve) => {
        lists.push(resolve);
        tell({ kind: "list-leases" });
      }),
    async close() {
      running = false;
      tell({ kind: "stop" });
      await ended;
    },
  };
}
