// What sends work to a node beside the Raft layers, and must send it elsewhere before the node stops: FiberLB, which balances
// over backends, and PlasmaVMC, which runs machines (runbook §7.5, requirements D12, D19, D20).

import { z } from "zod";
import { type Answer, success } from "./client.ts";
import type { ClusterNode, DriverOptions } from "./driver.ts";
import { mapAnswer, memberApi } from "./member-api.ts";

export type BackendStatus = "drain" | "active";

export interface WorkloadApi {
  /** Tells the balancer on `through` whether to send anything to the backend. May be repeated. */
  setBackend(
    through: ClusterNode,
    backend: string,
    status: BackendStatus,
    signal: AbortSignal,
  ): Promise<Answer<undefined>>;
  /** Whether the machine service on `host` calls itself healthy. */
  takesMachines(host: ClusterNode, signal: AbortSignal): Promise<Answer<boolean>>;
  /** Begins to move a machine to the node `target`. One that is on its way already is not moved again. */
  migrate(
    through: ClusterNode,
    machine: string,
    target: string,
    signal: AbortSignal,
  ): Promise<Answer<undefined>>;
}

const healthShape = z.object({ status: z.string() });

/** `ports`: where the two services listen, on every node alike. */
export function workloadApi(
  ports: { readonly fiberlb: number; readonly plasmavmc: number },
  options: DriverOptions,
): WorkloadApi {
  const balancer = memberApi(ports.fiberlb, options);
  const machines = memberApi(ports.plasmavmc, options);
  return {
    setBackend: async (through, backend, status, signal) => {
      const path = `/api/backend/${encodeURIComponent(backend)}`;
      const exchange = { method: "POST", path, body: { status } } as const;
      return mapAnswer(await balancer.ask(through, exchange, z.unknown(), signal), () => undefined);
    },
    takesMachines: async (host, signal) => {
      const exchange = { method: "GET", path: "/health" } as const;
      const answer = await machines.ask(host, exchange, healthShape, signal);
      return mapAnswer(answer, ({ status }) => status === "healthy");
    },
    migrate: async (through, machine, target, signal) => {
      const path = `/api/vms/${encodeURIComponent(machine)}/migrate`;
      const exchange = { method: "POST", path, body: { target_node: target } } as const;
      const answer = await machines.ask(through, exchange, z.unknown(), signal);
      // Conflict: it moves already. Not found: it has left since it was seen.
      const isOnItsWay = !answer.ok && [404, 409].includes(answer.refusal?.status ?? 0);
      return isOnItsWay ? success(undefined) : mapAnswer(answer, () => undefined);
    },
  };
}
