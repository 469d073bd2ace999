// The balancers and machine hosts of the inventory in force, as steps ask them; nodes are the inventory's.

import type { Answer, Identity } from "../cluster/client.ts";
import { type BackendStatus, type WorkloadApi, workloadApi } from "../cluster/workload-api.ts";
import type { LiveInventory } from "../inventory/live.ts";
import type { Node } from "../inventory/schema.ts";

/** None of the calls throws for what the network or a service does. Each may be repeated. */
export interface WorkloadAccess {
  /** Tells the balancer on `through` whether to send anything to the backend. */
  setBackend(
    through: Node,
    backend: string,
    status: BackendStatus,
    signal: AbortSignal,
  ): Promise<Answer<undefined>>;
  /** Whether the machine service on the node calls itself healthy. */
  takesMachines(host: Node, signal: AbortSignal): Promise<Answer<boolean>>;
  /** Begins to move a machine to another node, through the service on `through`. */
  migrate(
    through: Node,
    machine: string,
    target: string,
    signal: AbortSignal,
  ): Promise<Answer<undefined>>;
}

export interface WorkloadAccessTools {
  readonly inventory: LiveInventory;
  /** The cluster CA in PEM, asked for at each exchange. */
  readonly ca: () => string;
  /** What this server shows to services that ask who calls. */
  readonly identity: () => Promise<Identity>;
}

export function createWorkloadAccess(tools: WorkloadAccessTools): WorkloadAccess {
  const { inventory, ca, identity } = tools;
  const made = new Map<string, WorkloadApi>();
  const api = (): WorkloadApi => {
    const { fiberlb, plasmavmc } = inventory().services;
    const key = `${fiberlb.port} ${plasmavmc.port}`;
    const ports = { fiberlb: fiberlb.port, plasmavmc: plasmavmc.port };
    const known = made.get(key) ?? workloadApi(ports, { ca, identity });
    made.set(key, known);
    return known;
  };
  const at = ({ name, fqdn, productionAddress }: Node) => ({
    ...{ name, fqdn, address: productionAddress },
  });
  return {
    setBackend: async (through, backend, status, signal) =>
      await api().setBackend(at(through), backend, status, signal),
    takesMachines: async (host, signal) => await api().takesMachines(at(host), signal),
    migrate: async (through, machine, target, signal) =>
      await api().migrate(at(through), machine, target, signal),
  };
}
