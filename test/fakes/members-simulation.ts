// One procedure that changes the members of a cluster, with a fault at any step: calls that fail in passing, the server killed in the
// middle, other machines that die and come back, an operator who cancels. The seed alone decides. What must never happen comes back.

import { type Bmc, BmcError } from "../../src/bmc/bmc.ts";
import { failure } from "../../src/cluster/client.ts";
import type { Layer } from "../../src/cluster/driver.ts";
import { majority } from "../../src/cluster/judge.ts";
import type { Inventory, Node } from "../../src/inventory/schema.ts";
import type { Mac } from "../../src/net/mac.ts";
import type { Operation } from "../../src/operations/operation.ts";
import { startOrder } from "../../src/operations/orders.ts";
import type { OperationTools } from "../../src/operations/verb.ts";
import { briefInventory, type LivingRack, livingRack } from "./living-rack.ts";
import { aDisk } from "./machine-facts.ts";
import { healthyVotersOf, isUp, votersOf } from "./raft.ts";
import { seededRandom } from "./seeded-random.ts";

type Random = (below: number) => number;

export interface SimulatedRun {
  /** How it ended, and what struck it: to be counted. */
  readonly kinds: readonly string[];
  readonly problems: readonly string[];
}

const verbs = ["replace", "reprovision", "add"] as const;
type SimulatedVerb = (typeof verbs)[number];

/** Of 100 calls, as many fail; in as many of 100 pauses and moments between two steps something happens. */
const failing = 4;
const happening = 12;
const mostCrashes = 3;

// Read once: each run changes nothing of it.
const sites = new Map([3, 5].map((voters) => [voters, siteOf(voters)]));

export async function simulateMembers(seed: number): Promise<SimulatedRun> {
  const random = seededRandom(seed);
  const count = random(2) === 0 ? 3 : 5;
  const verb = verbs[random(verbs.length)] ?? "replace";
  const inventory = sites.get(count) as Inventory;
  const names = inventory.nodes.map(({ name }) => name);
  const target = verb === "add" ? (names[count] ?? "") : (names[random(count)] ?? "");
  const rack = livingRack(names.slice(0, count), inventory);
  prepare(rack, verb, target, random);
  const struck = new Set<string>();
  const world: World = {
    ...{ rack, random, target, struck },
    problems: [],
    sawMajority: false,
    cut: () => undefined,
  };
  disturb(world);
  const operation = await carryOut(world, verb);
  if (operation === undefined) return { kinds: [verb, "refused"], problems: [] };
  return {
    kinds: [verb, `${verb} ${operation.status}`, ...struck],
    problems: [...world.problems, ...rack.raft.violations, ...endProblems(world, operation)],
  };
}

interface World {
  readonly rack: LivingRack;
  readonly random: Random;
  readonly target: string;
  readonly struck: Set<string>;
  readonly problems: string[];
  /** Whether each layer could commit anything when the procedure last looked. */
  sawMajority: boolean;
  /** Kills the server. */
  cut: () => void;
}

function siteOf(voters: number): Inventory {
  const inventory = briefInventory();
  const [model] = inventory.nodes;
  if (model === undefined) throw new Error("no node");
  const nodes = Array.from({ length: voters + 1 }, (_, index): Node => {
    const name = `node0${index + 1}`;
    const known = inventory.nodes.find((node) => node.name === name);
    const mac = `52:54:00:00:00:0${index}` as Mac;
    return known ?? { ...model, name, fqdn: `${name}.example.com`, mac };
  });
  const brief = {
    ...{ budgetSeconds: 30, verifySeconds: 30, installerSeconds: 60, networkBootSeconds: 20 },
    ...{ diskBootSeconds: 30, hardwareSeconds: 60 },
  };
  return { ...inventory, nodes, timeouts: { ...inventory.timeouts, ...brief } };
}

function prepare(rack: LivingRack, verb: SimulatedVerb, target: string, random: Random): void {
  const machine = rack.machine(target);
  const faults = ["install-fails", "never-joins", "stays-learner", "no-installer"] as const;
  const fault = faults[random(faults.length * 4)] ?? "none";
  if (verb === "replace")
    Object.assign(machine, {
      ...{ power: "off", disk: "blank", installedBy: undefined, fault },
      target: aDisk("sda", { serial: `SER-${target}` }),
    });
  // Of a living machine nothing is broken before it is installed anew.
  else if (verb === "add" || fault !== "never-joins") machine.fault = fault;
  if (verb === "reprovision" && fault === "stays-learner") machine.fault = "none";
}

/** Puts trouble in the way of every call and every pause. */
function disturb(world: World): void {
  const { rack, random, struck } = world;
  const { cluster, shell, clock } = rack.orders;
  const strikes = (what: string) => {
    const hits = random(100) < failing;
    if (hits) struck.add(`${what} failed`);
    return hits;
  };
  const { fresh, removeMember, roundTrip, transferLeader } = cluster;
  const passing = (layer: Layer) => failure(`${layer}: it is not answered now`, { passing: true });
  Object.assign(cluster, {
    fresh: async () => {
      const views = await fresh();
      world.sawMajority = views.every(
        ({ verdict }) => !["no-quorum", "no-cluster"].includes(verdict),
      );
      return views;
    },
    removeMember: async (...args: Parameters<typeof removeMember>) => {
      if (strikes("removal")) return passing(args[0]);
      const answer = await removeMember(...args);
      // Done, and its answer lost.
      return strikes("answer") ? passing(args[0]) : answer;
    },
    roundTrip: async (...args: Parameters<typeof roundTrip>) =>
      strikes("write") ? passing(args[0]) : await roundTrip(...args),
    transferLeader: async (...args: Parameters<typeof transferLeader>) =>
      strikes("hand-over") ? passing(args[0]) : await transferLeader(...args),
  } satisfies Partial<typeof cluster>);
  const { run } = shell;
  Object.assign(shell, {
    run: async (...args: Parameters<typeof run>) =>
      strikes("ssh") ? { ok: false, kind: "timeout", why: "timed out" } : await run(...args),
  });
  const { bmc, installation } = rack.orders;
  Object.assign(rack.orders, {
    bmc: (node) => sickBmc(world, node, bmc(node), strikes),
    installation: (node, operation) => {
      const made = installation(node, operation);
      return {
        ...made,
        find: async (signal) =>
          strikes("installer") ? { kind: "absent", why: "no answer" } : await made.find(signal),
      };
    },
  } satisfies Partial<OperationTools>);
  const { sleep } = clock;
  Object.assign(clock, {
    sleep: async (ms: number, signal: AbortSignal) => {
      happen(world);
      await sleep(ms, signal);
    },
  });
}

function sickBmc(world: World, node: Node, bmc: Bmc, strikes: (what: string) => boolean): Bmc {
  const { rack, problems } = world;
  const guard = () => {
    if (strikes("bmc")) throw new BmcError("timeout", "no answer");
  };
  return {
    ...bmc,
    powerState: async (signal) => {
      guard();
      return await bmc.powerState(signal);
    },
    power: async (action, signal) => {
      guard();
      if (action === "off")
        for (const layer of rack.raft.members.keys()) {
          const voters = votersOf(rack.raft, layer);
          const others = healthyVotersOf(rack.raft, layer).filter((name) => name !== node.name);
          if (
            voters.includes(node.name) &&
            isUp(rack.raft, node.name) &&
            others.length < majority(voters.length)
          )
            problems.push(`${node.name} was switched off, a voter that ${layer} needed`);
        }
      await bmc.power(action, signal);
    },
  };
}

/** What happens to a rack while nobody looks. */
function happen(world: World): void {
  const { rack, random, target, struck } = world;
  if (random(100) >= happening) return;
  const others = rack.tools.inventory().nodes.filter(({ name }) => name !== target);
  const machine = rack.machine(others[random(others.length)]?.name ?? target);
  switch (random(5)) {
    case 0:
      struck.add("a machine died");
      if (machine.disk === "installed") machine.fault = "dead";
      return;
    case 1:
    case 2:
      for (const { name } of others)
        if (rack.machine(name).fault === "dead") rack.machine(name).fault = "none";
      return;
    case 3:
      world.cut();
      return;
    case 4:
      if (random(20) > 0) return;
      struck.add("cancelled");
      for (const { id } of rack.tools.operations.operations({ running: true }))
        rack.tools.operations.requestCancel(id);
  }
}

/** Through as many servers as it takes; undefined where the order is refused. */
async function carryOut(world: World, verb: SimulatedVerb): Promise<Operation | undefined> {
  const { rack, random, target, struck } = world;
  const order = { verb, nodes: [target], options: {}, force: [] };
  for (let crashes = 0; ; crashes++) {
    const mayDie = crashes < mostCrashes;
    // A procedure writes some fifty times: before each, what a step did may be all there is of it.
    const commits = mayDie ? 2 + random(80) : Number.POSITIVE_INFINITY;
    const { runner, die } = rack.startMortalRunner(commits, () => happen(world));
    world.cut = mayDie ? die : () => undefined;
    if (crashes > 0) runner.resume();
    else if ((await startOrder(rack.orders, runner, order)).refusals.length > 0) return undefined;
    const isOver = !(await rack.isCutOff());
    if (!isOver) struck.add("the server died");
    await runner.close();
    if (isOver) return await rack.settled();
  }
}

function endProblems({ rack, target, sawMajority }: World, operation: Operation): string[] {
  const { raft } = rack;
  const { wipes } = rack.machine(target);
  const layers = [...raft.members.keys()];
  const isVoter = layers.every((layer) => votersOf(raft, layer).includes(target));
  const reason = operation.failure?.reason ?? "";
  return [
    ...(reason.startsWith("unexpected fault") ? [reason] : []),
    ...(wipes > 1 ? [`${target} was wiped ${wipes} times by one operation`] : []),
    ...(operation.status === "done" && !isVoter ? [`${target} is no voter at the end`] : []),
    ...layers.flatMap((layer) => {
      const learner = raft.members.get(layer)?.get(target)?.learner === true;
      // Without a majority nobody can be removed.
      return learner && sawMajority ? [`${target} is left as a learner of ${layer}`] : [];
    }),
  ];
}
