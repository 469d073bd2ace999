// What installs work with, and the runner that moves them on.

import { randomUUID } from "node:crypto";
import { homedir } from "node:os";
import type { Logger } from "pino";
import type { Assets } from "../boot/assets.ts";
import type { Identity } from "../cluster/client.ts";
import type { LiveInventory } from "../inventory/live.ts";
import type { Inventory } from "../inventory/schema.ts";
import { isDiskFull } from "../net/disk-full.ts";
import { createClosures } from "../operations/closures.ts";
import { createClusterAccess } from "../operations/cluster-access.ts";
import {
  createInstallation,
  operationsWithSecrets,
  stopInstallation,
} from "../operations/installation.ts";
import { createNodeShell, type NodeShell } from "../operations/node-shell.ts";
import { createRunner, type Runner } from "../operations/runner.ts";
import type { OperationTools } from "../operations/verb.ts";
import { verbs } from "../operations/verbs.ts";
import { createWorkloadAccess } from "../operations/workload-access.ts";
import type { CaInForce } from "../pki/in-force.ts";
import type { Store } from "../store/store.ts";
import { clusterIdentity } from "./cluster-identity.ts";
import type { Consoles } from "./consoles.ts";
import type { Rendering } from "./rendering.ts";
import { missingAssets } from "./self-check.ts";
import { programVersion } from "./site-files.ts";
import { clock } from "./wall-clock.ts";

/** How this server is let in by nodes that live. */
export interface Reach {
  /** The CA in force, which they trust. */
  readonly ca: CaInForce["ca"];
  readonly shell: NodeShell;
  /** Who it is to members that ask who calls. */
  readonly identity: () => Promise<Identity>;
}

export function openReach(inventory: LiveInventory, sshKeyFile: string, { ca }: CaInForce): Reach {
  return {
    ca,
    shell: createNodeShell(inventory().server.stateDirectory, sshKeyFile),
    identity: clusterIdentity(ca, inventory, clock.now),
  };
}

export function provisionTools(
  inventory: LiveInventory,
  store: Store,
  assets: Assets,
  rendering: Rendering,
  sshKeyFile: string,
  authority: CaInForce,
  { identity, shell }: Reach,
): Omit<OperationTools, "bmc" | "startTurn" | "powerAsked" | "clock" | "files" | "siteFiles"> {
  const { now } = clock;
  const path = process.env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin";
  const { certificates } = store;
  const { stateDirectory } = inventory().server;
  const { ca } = authority;
  const given = { ca, certificates, sshKeyFile, path, home: homedir(), now };
  const known = { inventory, ca: () => ca().certPem, identity };
  return {
    inventory,
    nodes: store.nodes,
    operations: store.operations,
    clusters: store.clusters,
    ...{ authority, certificates },
    cluster: createClusterAccess({ ...known, clock }),
    workload: createWorkloadAccess(known),
    shell,
    closures: createClosures({ inventory, stateDirectory, sshKeyFile, path, home: homedir() }),
    installation: (node, operationId) =>
      createInstallation({ ...given, inventory: inventory() }, node, operationId),
    // Read anew: an image may have been imported since.
    missingAssets: async (node) => [
      ...missingAssets(inventory(), await assets.reload(), [node]),
      ...rendering.scriptFaults(node),
    ],
    newId: randomUUID,
    madeBy: programVersion(),
  };
}

/** Takes up what ran when the server ended, too. */
export function startRunner(
  tools: OperationTools,
  store: Store,
  { accompany }: Consoles,
  logger: Logger,
): Runner {
  const runner = createRunner({
    operations: store.operations,
    nodes: store.nodes,
    plan: (operation) => verbs[operation.kind].plan(tools, operation),
    stopAbandoned: async (id) => await stopInstallation(tools.inventory(), id),
    basis: tools.inventory,
    atomically: store.atomically,
    clock,
    isDiskFull,
    elapsed: () => performance.now(),
    onFault: ({ id, node }, error) =>
      logger.error({ err: error, operation: id, node }, "operation fault"),
    accompany,
  });
  runner.resume();
  // Not waited for: nothing that the server does needs it.
  void removeLeftSecrets(tools.inventory(), store.operations, logger);
  return runner;
}

/** Ends what is left of operations that have ended, one after the other: the server may have been killed just then. Never rejects. */
export async function removeLeftSecrets(
  inventory: Inventory,
  operations: Pick<Store["operations"], "operation">,
  logger: Pick<Logger, "error">,
): Promise<void> {
  const tell = (operation?: string) => (error: unknown) =>
    logger.error({ err: error, operation }, "secrets of an ended install could not be removed");
  try {
    for (const id of await operationsWithSecrets(inventory)) {
      const status = operations.operation(id)?.status ?? "running";
      if (status !== "running") await stopInstallation(inventory, id).catch(tell(id));
    }
  } catch (error) {
    tell()(error);
  }
}
