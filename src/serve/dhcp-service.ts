// Starts the thread that answers DHCP, and is its voice on the main thread.

import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { DhcpCounts, DhcpSighting } from "../dhcp/event-digest.ts";
import type { Lease } from "../dhcp/lease-table.ts";
import type { Inventory } from "../inventory/schema.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import type { DhcpThreadData, FromDhcpThread, LoaderNames, ToDhcpThread } from "./dhcp-thread.ts";
import { createForeignServerList, type ForeignServer } from "./foreign-server-list.ts";
import { createLeaseMirror } from "./lease-mirror.ts";
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
  /** Times are milliseconds since the epoch. Rejects when the service does not run. */
  leases(): Promise<readonly Lease[]>;
  /** From now on these are named to firmware. */
  setLoaders(loaders: LoaderNames): void;
  /** Resolves when every packet from then on is answered by this inventory. Leases stay. Rejects when the service does not run. */
  setInventory(inventory: Inventory): Promise<void>;
  /**
   * The lease on `address`, ended or not, by CLOCK_MONOTONIC. Never older than what the machine was told.
   */
  leaseAt(address: Ipv4): Lease | undefined;
  close(): Promise<void>;
}

export interface DhcpServiceListener {
  /** What was seen in a tenth of a second. */
  onSightings(sightings: readonly DhcpSighting[]): void;
  onWarning(message: string): void;
  /** Leases can't be stored, and why; or can again. */
  onStoring(failure: string | undefined): void;
  /** The thread has ended by a fault; without it no machine gets an address. */
  onFault(error: Error): void;
}

/** Somebody who waits for what the thread knows. */
type Asker<T> = PromiseWithResolvers<T>;

const stopped = () => new Error("DHCP has stopped: start the server again");

/** Resolves when requests are heard; rejects with the reason and the remedy when they can't be. */
export async function startDhcpService(
  data: Omit<DhcpThreadData, "leasePort">,
  listener: DhcpServiceListener,
  /** Milliseconds since the epoch. */
  now: () => number,
): Promise<DhcpService> {
  const mirror = createLeaseMirror();
  const worker = openThread({ ...data, leasePort: mirror.port });
  const ended = new Promise<void>((resolve) => {
    worker.once("exit", () => resolve());
  });
  let running = false;
  let trouble: string | undefined;
  let counts: DhcpCounts = {};
  const foreign = createForeignServerList(now);
  const lists: Asker<readonly Lease[]>[] = [];
  const uses: Asker<readonly PoolUse[]>[] = [];
  const takings: Asker<void>[] = [];
  const started = Promise.withResolvers<void>();
  const fail = (error: Error) => {
    if (running) listener.onFault(error);
    running = false;
    started.reject(error);
  };
  worker.on("error", (error) => fail(error as Error));
  worker.once("exit", () => {
    mirror.close();
    for (const { reject } of [...lists.splice(0), ...uses.splice(0), ...takings.splice(0)])
      reject(stopped());
  });
  worker.on("message", (message: FromDhcpThread) => {
    switch (message.kind) {
      case "running":
        running = true;
        return started.resolve();
      case "not-started":
        return fail(new Error(message.reason));
      case "events":
        counts = message.counts;
        for (const { kind, address, interface: device } of message.sightings)
          if (kind === "foreign-dhcp-server" && address !== undefined)
            foreign.note(address, device ?? "");
        return listener.onSightings(message.sightings);
      case "storing":
        trouble = message.failure;
        return listener.onStoring(message.failure);
      case "warning":
        return listener.onWarning(message.message);
      case "leases":
        return lists.shift()?.resolve(message.leases);
      case "pool-use":
        return uses.shift()?.resolve(message.pools);
      case "inventory-taken":
        return takings.shift()?.resolve();
    }
  });
  const tell = (message: ToDhcpThread) => worker.postMessage(message);
  const ask = <T>(askers: Asker<T>[], message: ToDhcpThread): Promise<T> => {
    if (!running) return Promise.reject(stopped());
    const asker = Promise.withResolvers<T>();
    askers.push(asker);
    tell(message);
    return asker.promise;
  };
  await started.promise;
  return {
    state: () => (!running ? "stopped" : trouble === undefined ? "running" : "degraded"),
    trouble: () => trouble,
    counts: () => counts,
    foreignServers: () => foreign.list(),
    poolUse: async () => (running ? await ask(uses, { kind: "count-pools" }) : []),
    leases: () => ask(lists, { kind: "list-leases" }),
    setInventory: (inventory) => ask(takings, { kind: "inventory", inventory }),
    setLoaders: (loaders) => tell({ kind: "loaders", loaders }),
    leaseAt: mirror.at,
    async close() {
      running = false;
      tell({ kind: "stop" });
      await ended;
    },
  };
}

function openThread(data: DhcpThreadData): Worker {
  // The same ending as this file: .ts from the sources, .js when built.
  const file = new URL(`./dhcp-thread${extname(import.meta.url)}`, import.meta.url);
  return new Worker(file, {
    name: "dhcp",
    workerData: data,
    transferList: [data.leasePort],
    resourceLimits: { maxYoungGenerationSizeMb: 64 },
  });
}
