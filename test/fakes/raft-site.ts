// Machines with layers on them, after the loss of their cluster: what a restore's commands do to them, which clusters that makes, and
// crashes and restarts where a test wants them. Services are trusting: told to bootstrap, they ask nobody.

import { createHash } from "node:crypto";
import type { ClusterConfig } from "../../src/boot/cluster-config.ts";
import { failure, success } from "../../src/cluster/client.ts";
import type { Layer } from "../../src/cluster/driver.ts";
import { type Judgement, judge, majority, type Observation } from "../../src/cluster/judge.ts";
import type { NodeShell, ShellAnswer } from "../../src/operations/node-shell.ts";
import { fakeCluster } from "./cluster.ts";
import { type FakeRack, fakeRack } from "./rack.ts";

type Told = Pick<ClusterConfig, "bootstrap" | "leader_url">;

export interface RaftMachine {
  /** It lets the server in. */
  ssh: boolean;
  config: Told;
  /** The services that run, each with what it read when it started. */
  readonly running: Map<string, Told>;
  /** The cluster whose data it has. */
  readonly data: Map<Layer, string>;
  readonly aside: string[];
  readonly part: Map<Layer, Buffer>;
  readonly snapshots: Map<Layer, Buffer>;
}

export interface RaftCluster {
  readonly layer: Layer;
  readonly members: string[];
  readonly marker: string | undefined;
}

export interface RaftSite {
  readonly rack: FakeRack;
  readonly machines: ReadonlyMap<string, RaftMachine>;
  /** Every one that was ever formed, `old-LAYER` first. */
  readonly clusters: ReadonlyMap<string, RaftCluster>;
  /** Changes what the next commands meet; absent: each is carried out. */
  intercept: ((command: string, effects: readonly (() => void)[]) => void) | undefined;
  /** All machines start again, with the services that are enabled. */
  restart(): void;
  /** Machines whose layers this server can't reach, though it may log in. */
  readonly hidden: Set<string>;
  /** Whether a machine runs with the data that was there before. */
  isOldAlive(): boolean;
  /** Whether so many of them do that a write is taken. */
  isOldWorking(): boolean;
}

const layers: readonly Layer[] = ["chainfire", "flaredb"];

/** `oldData`: whether what is on the disks can still be started. */
export function raftSite(oldData: "sound" | "corrupt"): RaftSite {
  const rack = fakeRack();
  const { nodes } = rack.tools.inventory();
  const names = nodes.map(({ name }) => name);
  const clusters = new Map<string, RaftCluster>(
    layers.map((layer) => [`old-${layer}`, { layer, members: [...names], marker: "before" }]),
  );
  const machines = new Map<string, RaftMachine>(
    nodes.map(({ name }, index) => [
      name,
      {
        ssh: true,
        config: { bootstrap: index === 0, leader_url: "https://node01.example.com:2379" },
        running: new Map(),
        data: new Map(layers.map((layer) => [layer, `old-${layer}`])),
        ...{ aside: [], part: new Map(), snapshots: new Map() },
      },
    ]),
  );
  for (const machine of rack.machines.values()) Object.assign(machine, { disk: "installed" });
  const world: World = { names, machines, clusters, isSound: oldData === "sound" };
  const site: RaftSite = {
    ...{ rack, machines, clusters, intercept: undefined, hidden: new Set<string>() },
    restart: () => {
      for (const machine of machines.values()) {
        if (!machine.ssh) continue;
        machine.running.clear();
        for (const layer of layers) machine.running.set(layer, machine.config);
      }
      settle(world);
    },
    isOldAlive: () =>
      layers.some((layer) => names.some((name) => living(world, name, layer) === `old-${layer}`)),
    isOldWorking: () =>
      layers.some((layer) => {
        const up = names.filter((name) => living(world, name, layer) === `old-${layer}`);
        return up.length >= majority(names.length);
      }),
  };
  Object.assign(rack.tools, {
    shell: shellOf(world, site),
    cluster: fakeCluster(layers, (layer) => viewOf(world, site, layer), {
      getKey: async (layer, name) => {
        const marker = clusters.get(living(world, name, layer) ?? "")?.marker;
        return marker === undefined ? failure(`${name} has no such key`) : success(marker);
      },
      addMember: async (layer, name) => {
        const [id] = names.flatMap((other) => living(world, other, layer) ?? []);
        const cluster = clusters.get(id ?? "");
        if (cluster === undefined) return failure(`${layer}: nobody answers`, { passing: true });
        if (!cluster.members.includes(name)) cluster.members.push(name);
        settle(world);
        return success({ added: true });
      },
    }),
  });
  return site;
}

interface World {
  readonly names: readonly string[];
  readonly machines: ReadonlyMap<string, RaftMachine>;
  readonly clusters: Map<string, RaftCluster>;
  readonly isSound: boolean;
}

/** The cluster that a machine runs in now. */
function living({ machines, isSound }: World, name: string, layer: Layer): string | undefined {
  const machine = machines.get(name);
  const id = machine?.running.has(layer) === true ? machine.data.get(layer) : undefined;
  return id?.startsWith("old-") === true && !isSound ? undefined : id;
}

/** What services that run make of what they find. */
function settle(world: World): void {
  for (const [name, machine] of world.machines)
    for (const layer of layers) {
      const told = machine.running.get(layer);
      if (told === undefined || machine.data.has(layer)) continue;
      const joined = told.bootstrap
        ? form(world, name, layer, machine)
        : clusterThrough(world, name, layer, told);
      if (joined !== undefined) machine.data.set(layer, joined);
    }
}

function form({ clusters }: World, name: string, layer: Layer, machine: RaftMachine): string {
  const id = `${layer}-${clusters.size}`;
  const marker = machine.snapshots.get(layer)?.toString();
  machine.snapshots.delete(layer);
  clusters.set(id, { layer, members: [name], marker });
  return id;
}

function clusterThrough(world: World, name: string, layer: Layer, { leader_url }: Told) {
  const through = /^https:\/\/([^.]+)/.exec(leader_url)?.[1] ?? "";
  const id = through === name ? undefined : living(world, through, layer);
  return world.clusters.get(id ?? "")?.members.includes(name) === true ? id : undefined;
}

function viewOf(world: World, site: Pick<RaftSite, "hidden">, layer: Layer): Judgement {
  const inCluster = (name: string) => living(world, name, layer);
  const observe = (name: string): Observation => {
    const { clusters, machines } = world;
    const id = inCluster(name);
    const cluster = site.hidden.has(name) ? undefined : clusters.get(id ?? "");
    if (cluster === undefined) {
      if (machines.get(name)?.running.has(layer) !== true || site.hidden.has(name))
        return { failure: "connection refused", silent: true };
      const health = { status: "waiting", raft: "none", clusterSize: 0, chainfire: undefined };
      return { health, failure: "it is in no cluster" };
    }
    const up = cluster.members.filter((member) => inCluster(member) === id);
    const leader = up.length >= majority(cluster.members.length) ? up[0] : undefined;
    const raft = leader === name ? "leader" : "follower";
    const status = leader === undefined ? "without a leader" : "healthy";
    return {
      members: cluster.members.map((member) => ({
        ...{ id: member, raftAddress: `${member}:2380` },
        status: up.includes(member) ? "healthy" : "unreachable",
        role: member === leader ? "leader" : "follower",
      })),
      leader: { id: leader, term: 2 },
      health: { status, raft, clusterSize: cluster.members.length, chainfire: undefined },
    };
  };
  return judge({
    layer,
    observations: new Map(world.names.map((name) => [name, observe(name)])),
  });
}

function shellOf(world: World, site: RaftSite): NodeShell {
  return {
    run: async (node, command, { input }) => {
      const machine = world.machines.get(node.name);
      if (machine?.ssh !== true) return { ok: false, kind: "unreachable", why: "no route to host" };
      const { effects, answer } = understand(world, machine, command, Buffer.from(input ?? ""));
      if (site.intercept === undefined) for (const effect of effects) effect();
      else site.intercept(command, effects);
      return answer();
    },
  };
}

interface Understood {
  /** In the order in which the script has them; it may be cut off between any two. */
  readonly effects: readonly (() => void)[];
  readonly answer: () => ShellAnswer;
}

const fine = (stdout = ""): ShellAnswer => ({ ok: true, stdout });
const sumOf = (bytes: Buffer | undefined) =>
  bytes === undefined ? "" : createHash("sha256").update(bytes).digest("hex");

function understand(
  world: World,
  machine: RaftMachine,
  command: string,
  input: Buffer,
): Understood {
  const layer = (/\/var\/lib\/(\w+)/.exec(command)?.[1] ?? "chainfire") as Layer;
  const tell = () => {
    machine.config = JSON.parse(input.toString());
  };
  if (command === "true") return { effects: [], answer: fine };
  if (command.startsWith("systemctl is-active ")) {
    const asked = layers.filter((each) => command.includes(` ${each}.service`));
    const state = (each: Layer) => (machine.running.has(each) ? "active" : "inactive");
    // systemctl answers in the order of the units that it is asked for: FlareDB stops first.
    return { effects: [], answer: () => fine(asked.toReversed().map(state).join("\n")) };
  }
  if (command.includes("echo told")) {
    const wanted = input.toString();
    const isTold = JSON.stringify(machine.config) === JSON.stringify(JSON.parse(wanted));
    const isReady = layers.every((each) => machine.snapshots.has(each) && !machine.data.has(each));
    if (!isTold && !isReady)
      return { effects: [], answer: () => ({ ok: false, kind: "command", why: "not ready" }) };
    if (isTold) return { effects: [], answer: fine };
    const isStopping = command.includes("systemctl stop ");
    return {
      effects: [...(isStopping ? [() => machine.running.clear()] : []), tell],
      answer: fine,
    };
  }
  if (command.includes("-cluster-join.service"))
    return {
      effects: [
        () => machine.running.clear(),
        tell,
        ...layers.map((each) => () => layAside(machine, each)),
      ],
      answer: fine,
    };
  if (command.startsWith("f="))
    return { effects: [], answer: () => fine(sumOf(machine.snapshots.get(layer))) };
  if (/cat >/.test(command)) {
    const before = command.includes("cat >>") ? machine.part.get(layer) : undefined;
    const part = Buffer.concat([before ?? Buffer.alloc(0), input]);
    return { effects: [() => void machine.part.set(layer, part)], answer: fine };
  }
  if (command.includes('mv "$p"')) {
    const part = machine.part.get(layer) ?? Buffer.alloc(0);
    if (!command.includes(sumOf(part)))
      return {
        effects: [],
        answer: () => ({ ok: false, kind: "command", why: "arrived damaged" }),
      };
    return { effects: [() => void machine.snapshots.set(layer, part)], answer: fine };
  }
  const units = [...command.matchAll(/systemctl start (\S+)\.service/g)].map(([, unit]) => unit);
  if (units.length === 0) throw new Error(`the fake does not understand: ${command}`);
  const start = (unit = "") => {
    // What runs already is not started again, and goes by what it read then.
    if (!machine.running.has(unit)) machine.running.set(unit, machine.config);
    settle(world);
  };
  return { effects: units.map((unit) => () => start(unit)), answer: fine };
}

function layAside(machine: RaftMachine, layer: Layer): void {
  const id = machine.data.get(layer);
  if (id === undefined) return;
  machine.aside.push(id);
  machine.data.delete(layer);
}
