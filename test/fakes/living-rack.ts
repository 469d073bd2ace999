// A rack in memory whose control plane lives: installed machines, active nodes, a healthy cluster, and a runner that takes orders.

import { failure } from "../../src/cluster/client.ts";
import type { Inventory, Node } from "../../src/inventory/schema.ts";
import { identityOf } from "../../src/nodes/disk-identity.ts";
import type { Operation } from "../../src/operations/operation.ts";
import { draftOrder, type OrderTools, startOrder } from "../../src/operations/orders.ts";
import { createRunner, type Runner } from "../../src/operations/runner.ts";
import type { OperationTools, Order } from "../../src/operations/verb.ts";
import { verbs } from "../../src/operations/verbs.ts";
import { openDatabase } from "../../src/store/database.ts";
import { manualClock } from "./manual-clock.ts";
import { exampleInventory, type FakeMachine, type FakeRack, fakeRack } from "./rack.ts";

const founders: readonly string[] = ["node01", "node02", "node03"];

/** The example site with short windows: what takes minutes there is the same in seconds. */
export function briefInventory(): Inventory {
  const inventory = exampleInventory();
  return { ...inventory, timeouts: { ...inventory.timeouts, soakSeconds: 9, joinSeconds: 30 } };
}

export interface LivingRack extends FakeRack {
  readonly orders: OrderTools;
  readonly machine: (name: string) => FakeMachine;
  /** `commits`: how many times it may write down what came of something, before it dies in the middle. */
  readonly startRunner: (commits?: number) => Runner;
  /** One that `die` kills: nothing is written down any more. `onCommit`: before each write. It goes on after faults, as a server does. */
  readonly startMortalRunner: (
    commits: number,
    onCommit: () => void,
  ) => {
    readonly runner: Runner;
    readonly die: () => void;
  };
  readonly draft: (order: Partial<Order> & Pick<Order, "verb">) => ReturnType<typeof draftOrder>;
  /** Begins the order in a new runner and waits for its end; throws when it is refused. */
  readonly carryOut: (order: Partial<Order> & Pick<Order, "verb">) => Promise<Operation>;
  readonly settled: () => Promise<Operation>;
  /** Whether the runner that was begun with a number of commits died before the end of the operation. */
  readonly isCutOff: () => Promise<boolean>;
}

/** `nodes`: who is installed and a voter. `given`: in place of the rack's own tools. `clock`: another than a virtual one. */
export function livingRack(
  nodes = founders,
  inventory = briefInventory(),
  given: Partial<OperationTools> = {},
  clock = manualClock(),
): LivingRack {
  const rack = fakeRack(clock, memoryDatabase(), inventory);
  const { tools, machines, raft } = rack;
  for (const node of inventory.nodes.filter(({ name }) => nodes.includes(name)))
    install(rack, node);
  for (const list of raft.members.values())
    for (const name of nodes) list.set(name, { learner: false });
  const claimed = nodes[0] ?? "node01";
  tools.clusters.claimBootstrap(inventory.cluster.name, claimed);
  tools.clusters.markInitialised(inventory.cluster.name);
  const orders: OrderTools = { ...tools, ...given, powerJobs: { runningFor: () => undefined } };
  const whole = (order: Partial<Order> & Pick<Order, "verb">): Order => ({
    ...{ nodes: [], options: {}, force: [] },
    ...order,
  });
  let isDead = false;
  const start = (
    commits: number,
    onCommit: () => void = () => undefined,
    onFault?: (error: unknown) => void,
  ) => {
    let left = commits;
    isDead = false;
    const isOver = () => {
      onCommit();
      isDead ||= left <= 0;
      left -= 1;
      return isDead;
    };
    const die = () => {
      left = 0;
    };
    return { runner: runnerOf(rack, orders, isOver, onFault), die };
  };
  const startRunner = (commits = Number.POSITIVE_INFINITY) => start(commits).runner;
  const startMortalRunner = (commits: number, onCommit: () => void) =>
    start(commits, onCommit, () => undefined);
  const settled = async () => await endOf(rack);
  return {
    ...{ ...rack, orders, startRunner, startMortalRunner, settled },
    isCutOff: async () => {
      await endOf(rack, () => isDead);
      return isDead;
    },
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

/** No write is committed while the node is verified, until what is returned is called. */
export function takesNoWrites({ tools }: LivingRack, node: string): () => void {
  const { roundTrip } = tools.cluster;
  const refused = async () => failure("no write is taken");
  Object.assign(tools.cluster, {
    roundTrip: async (...args: Parameters<typeof roundTrip>) =>
      await (tools.nodes.node(node).state === "verifying" ? refused() : roundTrip(...args)),
  });
  return () => void Object.assign(tools.cluster, { roundTrip });
}

/** The site with a worker that runs no layer of the cluster. */
export function withoutLayers(inventory: Inventory, worker: string): Inventory {
  const services = ["plasmavmc" as const];
  const nodes = inventory.nodes.map((node) =>
    node.name === worker ? { ...node, services } : node,
  );
  return { ...inventory, nodes };
}

/** A dead node answers again as the first test write of an operation is tried. */
export function comesBack({ orders, machine }: LivingRack, node: string): void {
  const { roundTrip } = orders.cluster;
  Object.assign(orders.cluster, {
    roundTrip: async (...args: Parameters<typeof roundTrip>) => {
      machine(node).fault = "none";
      return await roundTrip(...args);
    },
  });
}

/** Does something after each removal of a member. */
export function afterRemoval({ orders }: LivingRack, act: () => void): void {
  const { removeMember } = orders.cluster;
  Object.assign(orders.cluster, {
    removeMember: async (...args: Parameters<typeof removeMember>) => {
      const answer = await removeMember(...args);
      act();
      return answer;
    },
  });
}

/** With each statement prepared once: a thousand racks are run in one test. */
function memoryDatabase(): ReturnType<typeof openDatabase> {
  const database = openDatabase(":memory:");
  const prepare = database.prepare.bind(database);
  const known = new Map<string, ReturnType<typeof prepare>>();
  const prepareOnce = (source: string) => {
    const statement = known.get(source) ?? prepare(source);
    known.set(source, statement);
    return statement;
  };
  return Object.assign(database, { prepare: prepareOnce });
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

/** One that dies has done what it could not write down any more: its store takes nothing, as a full disk, until it is closed. */
function runnerOf(
  rack: FakeRack,
  orders: OrderTools,
  isDead: () => boolean,
  onFault: (error: unknown) => void = rethrow,
): Runner {
  const runner = createRunner({
    ...{ operations: orders.operations, nodes: orders.nodes, clock: rack.clock },
    plan: (operation) => verbs[operation.kind].plan(orders, operation),
    basis: orders.inventory,
    atomically: (work) => {
      if (isDead()) {
        void runner.close();
        throw new Error("cut off");
      }
      rack.database.transaction(work)();
    },
    isDiskFull: isCut,
    elapsed: rack.clock.now,
    accompany: async () => undefined,
    stopAbandoned: async () => undefined,
    onFault: (_operation, error) => {
      if (!isCut(error)) onFault(error);
    },
  });
  return runner;
}

function isCut(error: unknown): boolean {
  return error instanceof Error && error.message === "cut off";
}

function rethrow(error: unknown): never {
  throw error;
}

// A turn is one sleep of the virtual clock; what takes more of them never ends.
const mostTurns = 50_000;

async function endOf({ tools, database }: FakeRack, isDead = () => false): Promise<Operation> {
  // Asked at each turn: the port would read all steps.
  const running = database.prepare("SELECT 1 FROM operations WHERE status = 'running'");
  for (let turn = 0; turn < mostTurns; turn++) {
    if (isDead() || running.get() === undefined) {
      const [last] = tools.operations.operations({ running: false });
      if (last === undefined) throw new Error("no operation was begun");
      return last;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error("an operation does not end");
}
