// The thread that answers DHCP. Its waiting for datagrams and for the disk blocks it, and nothing else: downloads, installs
// and the API run on the main thread. It speaks with the main thread by the messages below.

import {
  type MessagePort,
  parentPort,
  receiveMessageOnPort,
  workerData,
} from "node:worker_threads";
import { createNetbootPolicy } from "../boot/netboot-policy.ts";
import {
  createEventDigest,
  type DhcpCounts,
  type DhcpSighting,
  type EventDigest,
} from "../dhcp/event-digest.ts";
import type { Lease } from "../dhcp/lease-table.ts";
import { type DhcpServer, openDhcpServer } from "../dhcp/server.ts";
import { findNodeByMac } from "../inventory/find.ts";
import type { Inventory } from "../inventory/schema.ts";
import { messageOf } from "../net/error-text.ts";
import type { Mac } from "../net/mac.ts";
import { openLeaseFile, readBootId } from "../store/leases.ts";
import { dhcpConfig } from "./dhcp-config.ts";
import { tellingJournal } from "./lease-mirror.ts";
import { oncePerMinute } from "./once-per-minute.ts";
import { type PoolUse, poolUse } from "./pool-use.ts";

/** What the thread is started with. */
export interface DhcpThreadData {
  readonly inventory: Inventory;
  readonly leaseFile: string;
  readonly inheritedFds: readonly number[];
  readonly loaders: LoaderNames;
  /** Is told of the leases, as LeaseChanges. */
  readonly leasePort: MessagePort;
}

/** Which loaders can be given, and by name why others can't. */
export interface LoaderNames {
  readonly usable: ReadonlySet<string>;
  readonly refused: ReadonlyMap<string, string>;
}

export type ToDhcpThread =
  | { readonly kind: "stop" | "list-leases" | "count-pools" }
  | { readonly kind: "loaders"; readonly loaders: LoaderNames }
  | { readonly kind: "inventory"; readonly inventory: Inventory };

export type FromDhcpThread =
  | { readonly kind: "running" }
  /** From now on every packet is answered by the inventory that was sent. */
  | { readonly kind: "inventory-taken" }
  | { readonly kind: "not-started"; readonly reason: string }
  | {
      readonly kind: "events";
      readonly sightings: readonly DhcpSighting[];
      readonly counts: DhcpCounts;
    }
  /** Whether leases can be stored has changed: why not, or undefined when they can again. */
  | { readonly kind: "storing"; readonly failure: string | undefined }
  | { readonly kind: "warning"; readonly message: string }
  | { readonly kind: "leases"; readonly leases: readonly Lease[] }
  | { readonly kind: "pool-use"; readonly pools: readonly PoolUse[] };

/** Milliseconds of CLOCK_MONOTONIC, which runs from the machine's boot and is never set. */
const now = () => Number(process.hrtime.bigint() / 1_000_000n);
const digestMs = 100;

if (parentPort === null) throw new Error("dhcp-thread.ts is started by dhcp-service.ts");
await run(parentPort, workerData as DhcpThreadData);

async function run(port: NonNullable<typeof parentPort>, data: DhcpThreadData): Promise<void> {
  const tell = (message: FromDhcpThread) => port.postMessage(message);
  let { inventory, loaders } = data;
  const isDeclared = (mac: Mac) => findNodeByMac(inventory, mac) !== undefined;
  const digest = createEventDigest(isDeclared);
  const warn = oncePerMinute(now, (message) => tell({ kind: "warning", message }));
  const leases = openLeaseFile(data.leaseFile, { wallNow: Date.now, bootId: readBootId() });
  if (leases.damagedFile !== undefined)
    warn(`the lease file was damaged and is now ${leases.damagedFile}: leases begin anew`);
  const journal = tellingJournal(leases, (changes) => data.leasePort.postMessage(changes));
  let server: DhcpServer;
  try {
    server = await openDhcpServer({
      config: dhcpConfig(inventory),
      policy: createNetbootPolicy({
        inventory: () => inventory,
        httpPort: inventory.server.httpPort,
        loaders: { has: (name) => loaders.usable.has(name) },
        refusedLoaders: { get: (name) => loaders.refused.get(name) },
        now,
      }),
      journal,
      onEvent: (event) => digest.add(event, now()),
      onWarning: warn,
      inheritedFds: data.inheritedFds,
      now,
    });
  } catch (error) {
    leases.close();
    tell({ kind: "not-started", reason: messageOf(error) });
    return;
  }
  tell({ kind: "running" });
  let toldMs = now();
  let toldFailure: string | undefined;
  for (;;) {
    server.turn();
    if (now() - toldMs >= digestMs) {
      toldMs = now();
      tellEvents(digest.take(), tell);
      const failure = server.storeFailure();
      if (failure !== toldFailure) tell({ kind: "storing", failure });
      toldFailure = failure;
    }
    const failure = leases.failure();
    if (failure !== undefined) throw new Error(failure);
    const message = receiveMessageOnPort(port)?.message as ToDhcpThread | undefined;
    if (message?.kind === "loaders") loaders = message.loaders;
    if (message?.kind === "inventory") {
      inventory = message.inventory;
      server.configure(dhcpConfig(inventory));
      tell({ kind: "inventory-taken" });
    }
    if (message?.kind === "list-leases") tell({ kind: "leases", leases: listed(server.leases()) });
    if (message?.kind === "count-pools")
      tell({
        kind: "pool-use",
        pools: poolUse(dhcpConfig(inventory).subnets, server.leases(), now()),
      });
    if (message?.kind === "stop") break;
  }
  server.close();
  tellEvents(digest.take(), tell);
  leases.close();
}

function tellEvents(
  { sightings, counts }: ReturnType<EventDigest["take"]>,
  tell: (message: FromDhcpThread) => void,
): void {
  if (sightings.length > 0) tell({ kind: "events", sightings, counts });
}

/** As people see them: times in milliseconds since the epoch. */
function listed(leases: Iterable<Lease>): Lease[] {
  const offsetMs = Date.now() - now();
  return Array.from(leases, (lease) => ({
    ...lease,
    expiresAtMs: lease.expiresAtMs + offsetMs,
    lastSeenMs: lease.lastSeenMs + offsetMs,
  }));
}
