// Which nodes a report is about, and both layers as they were seen at its start. Pure.

import type { Layer } from "../cluster/driver.ts";
import { type Judgement, judge, type Observation } from "../cluster/judge.ts";
import type { Inventory, Node } from "../inventory/schema.ts";
import type { ServiceName } from "../inventory/services.ts";
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
      .filter((node) => wasInstalled(node.name) && runs(node, layer))
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

/** A layer that is no service of its own runs wherever the first layer does. */
function runs({ services }: Node, layer: string): boolean {
  const wanted: ServiceName = layer === "flaredb" ? "flaredb" : "chainfire";
  return services.includes(wanted);
}

/** How many of its members a layer lists, as judged; undefined when nobody answered. */
export function membersOf({ views }: Scope, layer: string): number | undefined {
  const count = views.find((view) => view.layer === layer)?.judgement.members.length ?? 0;
  return count === 0 ? undefined : count;
}
