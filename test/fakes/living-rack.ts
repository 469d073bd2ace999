// A rack in memory whose control plane lives: installed machines, active nodes, a healthy cluster, and a runner that takes orders.

import type { Inventory, Node } from "../../src/inventory/schema.ts";
import { identityOf } from "../../src/nodes/disk-identity.ts";
import type { Operation } from "../../src/operations/operation.ts";
import { draftOrder, type OrderTools, startOrder } from "../../src/operations/orders.ts";
import { type Clock, createRunner, type Runner } from "../../src/operations/runner.ts";
import type { Order } from "../../src/operations/verb.ts";
import { verbs } from "../../src/operations/verbs.ts";
import { openDatabase } from "../../src/store/database.ts";
import { manualClock } from "./manual-clock.ts";
import { exampleInventory, type FakeMachine, type FakeRack, fakeRack } from "./rack.ts";

export const founders: readonly string[] = ["node01", "node02", "node03"];

/** The example site with short windows: what takes minutes there is the same in seconds. */
export function briefInventory(): Inventory {
  const inventory = exampleInventory();
  return { ...inventory, timeouts: { ...inventory.timeouts, soakSeconds: 9, joinSeconds: 30 } };
}

export interface LivingRack extends FakeRack {
  readonly orders: OrderTools;
  readonly machine: (name: string) => FakeMachine;
  /** `clock`: another that the same time goes by, to cut it off. */
  readonly startRunner: (clock?: Clock) => Runner;
  readonly draft: (order: Partial<Order> & Pick<Order, "verb">) => ReturnType<typeof draftOrder>;
  /** Begins the order in a new runner and waits for its end; throws when it is refused. */
  readonly carryOut: (order: Partial<Order> & Pick<Order, "verb">) => Promise<Operation>;
  readonly settled: () => Promise<Operation>;
}

/** `nodes`: who is installed and a voter. */
export function livingRack(nodes = founders, inventory = briefInventory()): LivingRack {
  const rack = fakeRack(manualClock(), openDatabase(":memory:"), inventory);
  const { tools, machines, clock, raft } = rack;
  for (const node of inventory.nodes.filter(({ name }) => nodes.includes(name)))
    install(rack, node);
  for (const list of raft.members.values())
    for (const name of nodes) list.set(name, { learner: false });
  const claimed = nodes[0] ?? "node01";
  tools.clusters.claimBootstrap(inventory.cluster.name, claimed);
  tools.clusters.markInitialised(inventory.cluster.name);
  const orders: OrderTools = { ...tools, powerJobs: { runningFor: () => undefined } };
  const whole = (order: Partial<Order> & Pick<Order, "verb">): Order => ({
    ...{ nodes: [], options: {}, force: [] },
    ...order,
  });
  const startRunner = (with_: Clock = clock) => runnerOf(rack, orders, with_);
  const settled = async () => await endOf(rack);
  return {
    ...{ ...rack, orders, startRunner, settled },
    machine: (name) => {
      const found = machines.get(name);
      if (found === undefined) throw new Error(`no machine ${name}`);
      return found;
    },
    draft: async (order) => await draftOrder(orders, whole(order)),
    carryOut: async (order) => {
      const { refusals } = await startOrder(orders, startRunner(), whole(order));
      if (refusals.length > 0) throw new Error(refusals.map(({ reason }) => reason).join("; "));
      return await settled();
    },
  };
}

function install({ tools, machines, clock }: FakeRack, node: Node): void {
  const machine = machines.get(node.name);
  if (machine === undefined) throw new Error(`no machine ${node.name}`);
  const [id, operation] = [`before-${node.name}`, "before"];
  const disks = [identityOf(machine.target)];
  const nowMs = clock.now();
  const { name, mac } = node;
  const { nodes } = tools;
  const times = { armedAtMs: nowMs, expiresAtMs: nowMs + 1000 };
  nodes.arm({ ...{ id, node: name, mac, disk: "/dev/sda", operation }, ...times });
  nodes.resolve(id, disks, nowMs);
  nodes.consume(id, disks, nowMs, { operation, mac, bmc: node.bmc.address, disks });
  for (const event of [
    "install-finished",
    "disk-booted",
    "cluster-joined",
    "health-soaked",
  ] as const)
    nodes.transition(name, event, { operation });
  Object.assign(machine, { disk: "installed", power: "on", installedBy: operation });
}

function runnerOf(rack: FakeRack, orders: OrderTools, clock: Clock): Runner {
  return createRunner({
    ...{ operations: orders.operations, nodes: orders.nodes, clock },
    plan: (operation) => verbs[operation.kind].plan(orders, operation),
    basis: orders.inventory,
    atomically: (work) => rack.database.transaction(work)(),
    isStoreFull: () => false,
    startedAtMs: clock.now(),
    accompany: async () => undefined,
    stopAbandoned: async () => undefined,
    onFault: (_operation, error) => {
      throw error;
    },
  });
}

// A turn is one sleep of the virtual clock; what takes more of them never ends.
const mostTurns = 50_000;

async function endOf({ tools }: FakeRack): Promise<Operation> {
  for (let turn = 0; turn < mostTurns; turn++) {
    if (tools.operations.operations({ running: true }).length === 0) {
      const [last] = tools.operations.operations({ running: false });
      if (last === undefined) throw new Error("no operation was begun");
      return last;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error("an operation does not end");
}
