// What is different between two inventories, for people: nodes by name, their settings and the site's by dotted path.
// Pure. Secrets are references in an inventory, so there is nothing in it to hide.

import { isDeepStrictEqual } from "node:util";
import { formatCidr } from "../net/cidr.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import { type DiskSelector, formatDisk } from "./disk.ts";
import type { Inventory, Node } from "./schema.ts";

/** A setting, as it was and as it is to be; absent where it is not set. */
export interface SettingChange {
  /** Such as `power.pollSeconds`; of a node without `nodes.NAME`. */
  readonly path: string;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

export interface NodeChange {
  readonly node: string;
  readonly changes: readonly SettingChange[];
}

export interface InventoryDiff {
  /** Names of nodes. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly NodeChange[];
  /** What is not a node's own. */
  readonly settings: readonly SettingChange[];
}

export const noDifference: InventoryDiff = { added: [], removed: [], changed: [], settings: [] };

export function isEmptyDiff({ added, removed, changed, settings }: InventoryDiff): boolean {
  return added.length + removed.length + changed.length + settings.length === 0;
}

/** What makes `to` of `from`. */
export function diffInventories(from: Inventory, to: Inventory): InventoryDiff {
  // Which file something stands in changes nothing.
  const { nodes: nodesBefore, include: _before, ...siteBefore } = from;
  const { nodes: nodesAfter, include: _after, ...siteAfter } = to;
  const before = new Map(nodesBefore.map((node) => [node.name, node]));
  const after = new Map(nodesAfter.map((node) => [node.name, node]));
  return {
    added: [...after.keys()].filter((name) => !before.has(name)),
    removed: [...before.keys()].filter((name) => !after.has(name)),
    changed: nodesAfter.flatMap((node) => {
      const former = before.get(node.name);
      const changes = former === undefined ? [] : diffNodes(former, node);
      return changes.length === 0 ? [] : [{ node: node.name, changes }];
    }),
    settings: diffValues("", siteBefore, siteAfter),
  };
}

/** The settings of one node that are different. */
function diffNodes(from: Node, to: Node): readonly SettingChange[] {
  return diffValues("", from, to);
}

function diffValues(path: string, from: unknown, to: unknown): SettingChange[] {
  if (isDeepStrictEqual(from, to)) return [];
  if (isMap(path, from) && isMap(path, to))
    return [...new Set([...Object.keys(from), ...Object.keys(to)])].flatMap((key) =>
      diffValues(path === "" ? key : `${path}.${key}`, from[key], to[key]),
    );
  const change = {
    path,
    ...(from !== undefined && { from: shown(path, from) }),
    ...(to !== undefined && { to: shown(path, to) }),
  };
  // Set to nothing and not set is the same to everybody.
  return from === undefined && to === undefined ? [] : [change];
}

type Values = Readonly<Record<string, unknown>>;

/** Whether what differs in it is to be told one by one. */
function isMap(path: string, value: unknown): value is Values {
  return isObject(value) && valueText(path, value) === undefined;
}

function isObject(value: unknown): value is Values {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const maxShown = 200;

function shown(path: string, value: unknown): string {
  const text = textOf(path, value);
  return text.length > maxShown ? `${text.slice(0, maxShown)}…` : text;
}

function textOf(path: string, value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((each) => textOf(path, each)).join(", ")}]`;
  if (!isObject(value)) return String(value);
  return valueText(path, value) ?? JSON.stringify(value);
}

/** A value that is written as one word in the file, though it is several here. */
function valueText(path: string, value: Values): string | undefined {
  const { network, prefix, start, end } = value;
  if (typeof network === "string" && typeof prefix === "number")
    return formatCidr({ network: network as Ipv4, prefix });
  if (typeof start === "string" && typeof end === "string") return `${start}-${end}`;
  if (/(?:^|\.)(?:disk|second)$/.test(path)) return formatDisk(value as DiskSelector);
  return undefined;
}
