// provision: wipes and installs nodes, all of a request's or none, each in an operation of its own.
// What the machines themselves say is for the steps.

import { z } from "zod";
import { refuseKeyOwner } from "../../install/key-owner.ts";
import { formatDisks } from "../../inventory/disk.ts";
import { memberNodes } from "../../inventory/peers.ts";
import type { Node } from "../../inventory/schema.ts";
import { nextState, states } from "../../nodes/state.ts";
import { judgeGrowth } from "../budget.ts";
import { refuseLayout } from "../disk-guard.ts";
import type { Confirmation } from "../operation.ts";
import { provisionPlan } from "../provision.ts";
import {
  type Draft,
  type OperationTools,
  type Order,
  type OrderRefusal,
  onceJoined,
  subject,
  type Verb,
} from "../verb.ts";

/** What may be typed for each install, whichever procedure it is part of. */
export const installOptions = {
  /** Of the nodes, those whose disks may hold data that is not from here. */
  erase: z.array(z.string()).default([]),
  /** Of the disks that the one node has now, where they are not those of its last install. */
  diskSerials: z.array(z.string().min(1).max(256)).max(2).default([]),
  /** How many nodes are meant, where the inventory allows fewer. */
  limit: z.int().min(1).max(1000).optional(),
};

const options = z.strictObject(installOptions);

type Options = z.output<typeof options>;

export const provision: Verb = {
  disruptive: false,
  resumable: onceJoined,
  options,
  draft: async (tools, chosen, order) => draftProvision(tools, chosen, order),
  plan: (tools, operation) => provisionPlan(tools, operation, subject(tools, operation)),
};

async function draftProvision(
  tools: OperationTools,
  chosen: readonly Node[],
  order: Order,
): Promise<Draft> {
  const draft = installDraft(
    tools.inventory().limits.nodesPerRun,
    chosen,
    options.parse(order.options),
  );
  const growth = await judgeJoining(tools, chosen);
  return {
    ...draft,
    quorum: growth.quorum,
    refusals: [
      ...draft.refusals,
      ...chosen.flatMap((node) => notInstallable(tools, node)),
      ...growth.refusals,
    ],
  };
}

/** Of nodes that would join a cluster which lives: what `add` asks, too. */
async function judgeJoining(
  { inventory, cluster, operations }: OperationTools,
  chosen: readonly Node[],
): Promise<Pick<Draft, "quorum" | "refusals">> {
  const members = memberNodes(inventory());
  if (!chosen.some((node) => members.includes(node))) return { quorum: [], refusals: [] };
  const { quorum, refusals } = judgeGrowth(await cluster.views());
  const adding =
    quorum.length === 0
      ? []
      : operations.operations({ running: true }).filter(({ kind }) => kind === "add");
  const names = chosen.map(({ name }) => name).join(" ");
  return {
    quorum,
    refusals: [
      ...refusals,
      ...adding.map(({ id, node }) => ({
        reason: `operation ${id} adds node ${node} to the cluster, and its members must not change beside that`,
        next: `let them join one after the other: rackstrap add ${names}`,
      })),
    ],
  };
}

/** What installing these nodes destroys, and what was typed wrong. `most`: nodes in one run, where no other number was typed. */
export function installDraft(
  most: number,
  chosen: readonly Node[],
  typed: Options,
): Omit<Draft, "quorum"> {
  const batch = chosen.map(({ name }) => name);
  const { erase, diskSerials } = typed;
  return {
    operations: batch.map((name) => ({
      ...{ node: name, nodes: [name], batch },
      parameters: { erase: erase.filter((each) => each === name), diskSerials },
      confirmed: confirmationOf(name, typed),
    })),
    destroys: chosen.map((node) => `everything on ${formatDisks(node)} of node ${node.name}`),
    notes: [
      ...erase.map((name) => `node ${name}: data that is not from here may be erased`),
      ...diskSerials.map((serial) => `${batch.join()}: onto the disk with serial number ${serial}`),
    ],
    refusals: [...tooMany(most, chosen, typed), ...strayConfirmations(batch, typed)],
  };
}

function confirmationOf(name: string, { erase, diskSerials }: Options): Confirmation | undefined {
  const eraseData = erase.includes(name);
  return eraseData || diskSerials.length > 0 ? { eraseData, diskSerials } : undefined;
}

function tooMany(most: number, chosen: readonly Node[], { limit }: Options): OrderRefusal[] {
  if (chosen.length <= (limit ?? most)) return [];
  const named = limit === undefined ? "limits.nodesPerRun" : "--limit";
  return [
    {
      reason: `${chosen.length} nodes are named, and ${named} allows ${limit ?? most} in one run`,
      next: `name fewer, or say that so many are meant: --limit ${chosen.length}`,
    },
  ];
}

/** What was typed must be about the nodes that were named: a slip is no confirmation. */
function strayConfirmations(
  names: readonly string[],
  { erase, diskSerials }: Options,
): OrderRefusal[] {
  const stray = erase.find((name) => !names.includes(name));
  if (stray !== undefined)
    return [
      {
        reason: `--erase ${stray} is about none of the nodes to provision (${names.join(", ")})`,
        next: "type the same name for both",
      },
    ];
  if (diskSerials.length === 0 || names.length === 1) return [];
  return [
    {
      reason: `--disk-serial is about one machine, and ${names.length} nodes are named`,
      next: "provision the node with the other disk alone",
    },
  ];
}

/** Why a node must not be installed, whatever is typed. `from`: the state it will be in by then; absent: its state now. */
export function notInstallable(
  tools: Pick<OperationTools, "nodes" | "inventory">,
  node: Node,
  from = tools.nodes.node(node.name).state,
): OrderRefusal[] {
  if (node.protected)
    return [
      {
        reason: `node ${node.name} is protected: it is never installed over`,
        next: `make sure that nothing on it is needed, then take "protected" out of its inventory entry`,
      },
    ];
  const unfit = refuseLayout(node) ?? refuseKeyOwner(node.name, tools.inventory().pki.keyOwner);
  if (unfit !== undefined) return [unfit];
  if (nextState(from, "install-armed") !== undefined) return [];
  return [
    {
      reason: `node ${node.name} is ${from} (${states[from]}): an install would destroy it`,
      next: `look at it first: rackstrap explain ${node.name}; to wipe a member all the same: rackstrap reprovision ${node.name}`,
    },
  ];
}
