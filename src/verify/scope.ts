// Which nodes a report is about, and both layers as they were seen at its start. Pure.

import type { Layer, LayerPorts } from "../cluster/driver.ts";
import { etcdPorts } from "../cluster/etcd.ts";
import { type Judgement, judge, type Observation } from "../cluster/judge.ts";
import { layersOf } from "../inventory/peers.ts";
import type { Inventory, Node } from "../inventory/schema.ts";
import type { LayerLook } from "./probes.ts";

export interface LayerView {
  readonly layer: Layer;
  readonly observations: ReadonlyMap<string, Observation>;
  readonly judgement: Judgement;
  /** Who must be a voter: whoever was installed and runs it. */
  readonly expected: readonly string[];
}

export interface Scope {
  readonly inventory: Inventory;
  /** Those that were installed from here, and those that a layer has as a member. */
  readonly nodes: readonly Node[];
  /** Declared, and neither. */
  readonly leftOut: readonly string[];
  readonly views: readonly LayerView[];
}

export function scopeOf(
  inventory: Inventory,
  wasInstalled: (node: string) => boolean,
  looks: readonly LayerLook[],
): Scope {
  const views = looks.map(([layer, observations]) => {
    const expected = inventory.nodes
      .filter((node) => wasInstalled(node.name) && portsOf(inventory, node, layer) !== undefined)
      .map(({ name }) => name);
    return {
      ...{ layer, observations, expected },
      judgement: judge({ layer, expected, observations }),
    };
  });
  const members = views.flatMap(({ judgement }) => judgement.members.map(({ id }) => id));
  const isIn = ({ name }: Node) => wasInstalled(name) || members.includes(name);
  return {
    ...{ inventory, views },
    nodes: inventory.nodes.filter(isIn),
    leftOut: inventory.nodes.filter((node) => !isIn(node)).map(({ name }) => name),
  };
}

/** Where a node's member of a layer listens; undefined when it is to run none. etcd is no service of the port matrix: the peers run it. */
export function portsOf(inventory: Inventory, node: Node, layer: Layer): LayerPorts | undefined {
  if (layer !== "etcd")
    return node.services.includes(layer) ? inventory.services[layer] : undefined;
  return layersOf(inventory, node).includes("etcd") ? etcdPorts : undefined;
}

/** How many of its members a layer lists, as judged; undefined when nobody answered. */
export function membersOf({ views }: Scope, layer: string): number | undefined {
  const count = views.find((view) => view.layer === layer)?.judgement.members.length ?? 0;
  return count === 0 ? undefined : count;
}
