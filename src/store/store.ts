// The whole store of one server: one SQLite file behind all the ports.

import type { NodeStore, TimelineEvent } from "../nodes/ports.ts";
import type { ClusterStore, OperationStore } from "../operations/operation.ts";
import type { CertificateStore } from "../pki/issued.ts";
import { createCertificateStore } from "./certificates.ts";
import { openDatabase } from "./database.ts";
import { createNodeStore } from "./nodes.ts";
import { createClusterStore, createOperationStore } from "./operations.ts";

export interface Store {
  readonly nodes: NodeStore;
  readonly operations: OperationStore;
  readonly clusters: ClusterStore;
  readonly certificates: CertificateStore;
  /** Everything that `work` writes is kept together or not at all. */
  atomically(work: () => void): void;
  close(): void;
}

/** Opens the store at `file`; throws what `openDatabase` throws. `onEvent` hears every event as it is written. */
export function openStore(
  file: string,
  now: () => number,
  onEvent: (event: TimelineEvent) => void,
): Store {
  const database = openDatabase(file);
  return {
    nodes: createNodeStore(database, now, onEvent),
    operations: createOperationStore(database, now),
    clusters: createClusterStore(database, now),
    certificates: createCertificateStore(database),
    atomically: (work) => database.transaction(work)(),
    close: () => database.close(),
  };
}
