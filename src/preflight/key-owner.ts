// Can an install give each node's private key to the owner that the inventory names?

import { refuseKeyOwner } from "../install/key-owner.ts";
import type { Inventory } from "../inventory/schema.ts";
import { type CheckLine, error, ok } from "./line.ts";

/** Nothing where the keys stay root's. A protected node is never installed. */
export function checkKeyOwner({ pki, nodes }: Inventory): readonly CheckLine[] {
  if (pki.keyOwner === "0:0") return [];
  const subject = { area: "tls" as const, title: "owner of the keys" };
  const faults = nodes
    .filter((node) => !node.protected)
    .flatMap(({ name }) => refuseKeyOwner(name, pki.keyOwner) ?? []);
  if (faults.length === 0) return [ok(subject, pki.keyOwner)];
  return faults.map(({ reason, next }) => error(subject, reason, next));
}
