// Starts the thread that answers DHCP, and is its voice on the main thread.

import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { DhcpCounts, DhcpSighting } from "../dhcp/event-digest.ts";
import type { DhcpThreadData, FromDhcpThread, ListedLease, ToDhcpThread } from "./dhcp-thread.ts";
import { createForeignServerList, type ForeignServer } from "./foreign-server-list.ts";
import type { PoolUse } from "./pool-use.ts";

export interface DhcpService {
  state(): "running" | "degraded" | "stopped";
  /** Why machines without a reservation get no address at the moment. */
  trouble(): string | undefined;
  /** Events of each kind since the start. */
  counts(): DhcpCounts;
  /** Other servers heard of late. */
  foreignServers(): readonly ForeignServer[];
  /** How full the pool of each network is now; empty when the service does not run. */
  poolUse(): Promise<readonly PoolUse[]>;
  /** Every lease there is; empty when the service does not run. */
  leases(): Promise<readonly ListedLease[]>;
  close(): Promise<void>;
}

export interface DhcpServiceListener {
  onSighting(sighting: DhcpSighting): void;
  onWarning(message: string): void;
  /** Leases can't be stored, and why; or can again. */
  onStoring(failure: string | undefined): void;
  /** The thread has ended by a fault; without it no machine gets an address. */
  onFault(error: Error): void;
}

/** Resolves when requests are heard; rejects with the reason and the remedy when they can't be. */
export async function startDhcpService(
  data: DhcpThreadData,
  listener: DhcpServiceListener,
  /** Milliseconds since the epoch. */
  now: () => number,
): Promise<DhcpService> {
  // The same ending as this file: .ts from the sources, .js when built.
  const file = new URL(`./dhcp-thread${extname(import.meta.url)}`, import.meta.url);
  const worker = new Worker(file, {
    workerData: data,
    resourceLimits: { maxYoungGenerationSizeMb: 64 },
  });
  const ended = new Promise<void>((resolve) => {
    worker.once("exit", () => resolve());
  });
  let running = false;
  let trouble: string | undefined;
  let counts: DhcpCounts = {};
  const foreign = createForeignServerList(now);
  const lists: ((leases: readonly ListedLease[]) => void)[] = [];
  const uses: ((pools: readonly PoolUse[]) => void)[] = [];
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
        for (const sighting of message.sightings) {
          const { kind, address, interface: device } = sighting;
          if (kind === "foreign-dhcp-server" && address !== undefined)
            foreign.note(address, device ?? "");
          listener.onSighting(sighting);
        }
        return;
      case "storing":
        trouble = message.failure;
        return listener.onStoring(message.failure);
      case "warning":
        return listener.onWarning(message.message);
      case "leases":
        return lists.shift()?.(message.leases);
      case "pool-use":
        return uses.shift()?.(message.pools);
    }
  });
  const tell = (message: ToDhcpThread) => worker.postMessage(message);
  /** What the thread answers; nothing when it does not run, or ends meanwhile. */
  const ask = async <T>(waiting: ((answer: readonly T[]) => void)[], message: ToDhcpThread) => {
    if (!running) return [];
    const answered = new Promise<readonly T[]>((resolve) => waiting.push(resolve));
    tell(message);
    return await Promise.race([answered, ended.then((): readonly T[] => [])]);
  };
  await started.promise;
  return {
    state: () => (!running ? "stopped" : trouble === undefined ? "running" : "degraded"),
    trouble: () => trouble,
    counts: () => counts,
    foreignServers: () => foreign.list(),
    poolUse: () => ask(uses, { kind: "count-pools" }),
    leases: () => ask(lists, { kind: "list-leases" }),
    async close() {
      running = false;
      tell({ kind: "stop" });
      await ended;
    },
  };
}
