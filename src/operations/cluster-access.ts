// The live cluster as operations and people see it: all declared nodes asked at once, judged together.
// Several operations ask at the same moment; one answer, a moment old at most, serves them all. What changes the cluster looks anew.

import { randomBytes } from "node:crypto";
import { type Answer, failure, type Identity, type Limits } from "../cluster/client.ts";
import type {
  ClusterNode,
  Driver,
  DriverOptions,
  Layer,
  LayerPorts,
  RaftStatus,
  Snapshot,
} from "../cluster/driver.ts";
import { createDriver } from "../cluster/drivers.ts";
import { type Judgement, judge } from "../cluster/judge.ts";
import { observe, roundTrip } from "../cluster/observe.ts";
import type { LiveInventory } from "../inventory/live.ts";
import type { Inventory } from "../inventory/schema.ts";
import { type ClusterChanges, clusterChanges, type Sight } from "./cluster-changes.ts";
import type { Clock } from "./runner.ts";

const freshMs = 4000;
/** A member busy with its first boot may take seconds for a handshake. */
const patient = { timeoutMs: 10_000, maxBodyBytes: 256 * 1024 };

/** Nodes are named as the inventory names them; none of the calls throws for what the network or a member does. */
export interface ClusterAccess extends ClusterChanges {
  view(layer: Layer): Promise<Judgement>;
  /** All layers of the inventory, in its order, asked at the same time. */
  views(): Promise<readonly Judgement[]>;
  /** As `views`, asked now: what a step that disrupts the cluster goes by. */
  fresh(): Promise<readonly Judgement[]>;
  /** Writes on the leader and reads back through a follower, both named by node. */
  roundTrip(
    layer: Layer,
    leader: string,
    follower: string,
    signal: AbortSignal,
  ): Promise<Answer<unknown>>;
  status(layer: Layer, node: string, signal: AbortSignal): Promise<Answer<RaftStatus>>;
  /** Through `node`, which hands it to its leader. */
  putKey(
    layer: Layer,
    node: string,
    key: string,
    value: string,
    signal: AbortSignal,
  ): Promise<Answer<undefined>>;
  getKey(layer: Layer, node: string, key: string, signal: AbortSignal): Promise<Answer<string>>;
  /** Writes the node's data to `file`, mode 0600, which appears whole and checked or not at all. */
  snapshot(
    layer: Layer,
    node: string,
    file: string,
    signal: AbortSignal,
  ): Promise<Answer<Snapshot>>;
}

export interface ClusterAccessTools {
  readonly inventory: LiveInventory;
  /** The cluster CA in PEM, asked for at each exchange. */
  readonly ca: () => string;
  /** What this server shows to members that ask who calls. */
  readonly identity: () => Promise<Identity>;
  readonly clock: Clock;
}

export function createClusterAccess(tools: ClusterAccessTools): ClusterAccess {
  const members = () => tools.inventory().nodes.map(memberOf);
  const find = (name: string) => members().find((member) => member.name === name);
  const driver = driversOf(tools);
  const trips = new Map<Layer, Promise<unknown>>();
  const asked = new Map<Layer, { readonly atMs: number; readonly answer: Promise<Sight> }>();

  const look = async (layer: Layer): Promise<Sight> => {
    const answer = lookNow();
    asked.set(layer, { atMs: tools.clock.now(), answer });
    return await answer;

    async function lookNow(): Promise<Sight> {
      // Shared by several askers, so no single one may cut it off; the limits above end it.
      const never = new AbortController().signal;
      const observations = await observe(driver(layer), members(), never);
      return { observations, judgement: judge({ layer, observations }) };
    }
  };

  const view = async (layer: Layer): Promise<Judgement> => {
    const known = asked.get(layer);
    const sight =
      known !== undefined && isFresh(tools.clock.now() - known.atMs) ? known.answer : look(layer);
    return (await sight).judgement;
  };

  const withNode = async <T>(
    name: string,
    ask: (node: ClusterNode) => Promise<Answer<T>>,
  ): Promise<Answer<T>> => {
    const node = find(name);
    return node === undefined ? failure(`${name} is not in the inventory`) : await ask(node);
  };

  return {
    view,
    views: async () => await Promise.all(layersOf(tools).map(view)),
    fresh: async () =>
      (await Promise.all(layersOf(tools).map(look))).map(({ judgement }) => judgement),
    roundTrip: async (layer, leader, follower, signal) => {
      const [from, to] = [find(leader), find(follower)];
      if (from === undefined || to === undefined)
        return failure(`${leader} or ${follower} is not in the inventory`);
      const { sleep } = tools.clock;
      const drive = () => {
        const value = randomBytes(16).toString("hex");
        const shape = { leader: from, follower: to, value, attempts: 10, pauseMs: 500, sleep };
        return roundTrip({ driver: driver(layer), ...shape }, signal);
      };
      // One after the other: all write the same key, and one's value would be an older one to the other.
      const trip = (trips.get(layer) ?? Promise.resolve()).then(drive);
      trips.set(
        layer,
        trip.catch(() => undefined),
      );
      return await trip;
    },
    status: async (layer, name, signal) =>
      await withNode(name, async (node) => await driver(layer).status(node, signal)),
    putKey: async (layer, name, key, value, signal) =>
      await withNode(name, async (node) => await driver(layer).putKey(node, key, value, signal)),
    getKey: async (layer, name, key, signal) =>
      await withNode(name, async (node) => await driver(layer).getKey(node, key, signal)),
    snapshot: async (layer, name, file, signal) =>
      await withNode(name, async (node) => await driver(layer).snapshot(node, file, signal)),
    ...clusterChanges({ look, driver, nodes: members, clock: tools.clock }),
  };
}

/** Not from the future either: the clock may have been set. */
function isFresh(ageMs: number): boolean {
  return ageMs >= 0 && ageMs < freshMs;
}

function layersOf({ inventory }: ClusterAccessTools): readonly Layer[] {
  return inventory().cluster.layers;
}

function memberOf({ name, fqdn, productionAddress }: Inventory["nodes"][number]): ClusterNode {
  return { name, fqdn, address: productionAddress };
}

/** Made once for each layer and its ports, so that connections are kept. */
export function driversOf(
  { inventory, ca, identity }: Pick<ClusterAccessTools, "inventory" | "ca" | "identity">,
  limits: Limits = patient,
): (layer: Layer) => Driver {
  const made = new Map<string, Driver>();
  const nodeAt: DriverOptions["nodeAt"] = (host) =>
    inventory().nodes.find(({ productionAddress, fqdn }) =>
      [productionAddress, fqdn].includes(host),
    )?.name;
  return (layer) => {
    const ports = portsOf(inventory(), layer);
    const key = JSON.stringify([layer, ports]);
    const driver =
      made.get(key) ??
      createDriver(layer, {
        ca,
        limits,
        identity,
        nodeAt,
        ...(ports === undefined ? {} : { ports }),
      });
    made.set(key, driver);
    return driver;
  };
}

/** What the inventory says of a layer's ports; it says nothing of etcd's. */
function portsOf({ services }: Inventory, layer: Layer): LayerPorts | undefined {
  if (layer === "etcd") return undefined;
  const { port, raftPort } = services[layer];
  return { port, raftPort };
}
