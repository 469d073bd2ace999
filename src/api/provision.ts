// Starts provision operations for the API: all of a request's, or none. What the machines themselves say is for the steps.

import type { LiveInventory } from "../inventory/live.ts";
import type { Node } from "../inventory/schema.ts";
import type { NodeStore } from "../nodes/ports.ts";
import { nextState, states } from "../nodes/state.ts";
import { refuseLayout } from "../operations/disk-guard.ts";
import type { Confirmation, Operation, OperationStore } from "../operations/operation.ts";
import type { PowerJobs } from "../operations/power-jobs.ts";
import type { Runner } from "../operations/runner.ts";
import { Refusal } from "./service.ts";
import type { ProvisionRequest } from "./shapes.ts";

export interface ProvisionServiceTools {
  readonly inventory: LiveInventory;
  readonly nodes: NodeStore;
  readonly operations: OperationStore;
  readonly powerJobs: PowerJobs;
  readonly runner: Runner;
  readonly newProvisions: (
    nodes: readonly Node[],
    confirmed: ReadonlyMap<string, Confirmation>,
  ) => Operation[];
}

/** Throws a Refusal before anything is started. `chosen` are the nodes that the request names. */
export function startProvisions(
  tools: ProvisionServiceTools,
  chosen: readonly Node[],
  request: ProvisionRequest,
): Operation[] {
  refuseTooMany(tools.inventory().limits.nodesPerRun, chosen, request);
  const confirmed = confirmations(chosen, request);
  for (const node of chosen) refuseBusy(tools, node);
  const operations = tools.newProvisions(chosen, confirmed);
  for (const { id, node, confirmed: typed } of operations)
    if (typed !== undefined)
      tools.nodes.append({
        ...{ node, mac: undefined, kind: "wipe-confirmed" },
        detail: { operation: id, ...typed },
      });
  tools.runner.submit(operations);
  return operations;
}

function refuseTooMany(most: number, chosen: readonly Node[], { limit }: ProvisionRequest): void {
  if (chosen.length <= (limit ?? most)) return;
  const named = limit === undefined ? "limits.nodesPerRun" : "--limit";
  throw new Refusal(
    "conflict",
    `${chosen.length} nodes are named, and ${named} allows ${limit ?? most} in one run`,
    `name fewer, or say that so many are meant: --limit ${chosen.length}`,
  );
}

/** What was typed must be about the nodes that were named: a slip is no confirmation. */
function confirmations(
  chosen: readonly Node[],
  { erase = [], diskSerials = [] }: ProvisionRequest,
): ReadonlyMap<string, Confirmation> {
  const names = chosen.map(({ name }) => name);
  const stray = erase.find((name) => !names.includes(name));
  if (stray !== undefined)
    throw new Refusal(
      "conflict",
      `--erase ${stray} is about none of the nodes to provision (${names.join(", ")})`,
      "type the same name for both",
    );
  if (diskSerials.length > 0 && chosen.length !== 1)
    throw new Refusal(
      "conflict",
      `--disk-serial is about one machine, and ${chosen.length} nodes are named`,
      "provision the node with the other disk alone",
    );
  const typed = names.map((name): [string, Confirmation] => [
    name,
    { eraseData: erase.includes(name), diskSerials },
  ]);
  return new Map(typed.filter(([, { eraseData }]) => eraseData || diskSerials.length > 0));
}

function refuseBusy(tools: ProvisionServiceTools, node: Node): void {
  if (node.protected)
    throw new Refusal(
      "conflict",
      `node ${node.name} is protected: it is never installed over`,
      `make sure that nothing on it is needed, then take "protected" out of its inventory entry`,
    );
  const layout = refuseLayout(node);
  if (layout !== undefined) throw new Refusal("conflict", layout.reason, layout.next);
  const other = tools.operations.runningFor(node.name);
  if (other !== undefined)
    throw new Refusal(
      "conflict",
      `node ${node.name} already has the operation ${other.id} running`,
      `follow it, or stop it first: rackstrap operations cancel ${other.id}`,
    );
  const job = tools.powerJobs.runningFor(node.name);
  if (job !== undefined)
    throw new Refusal(
      "conflict",
      `the power job ${job} is at work on node ${node.name}`,
      `wait for it: rackstrap power show ${job}`,
    );
  const { state } = tools.nodes.node(node.name);
  if (nextState(state, "install-armed") === undefined)
    throw new Refusal(
      "conflict",
      `node ${node.name} is ${state} (${states[state]}): an install would destroy it`,
      `look at it first: rackstrap explain ${node.name}`,
    );
}
