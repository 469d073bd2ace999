// Words of other tools for what the inventory says in its own: roles, profiles, serial numbers. Pure.

import { isPlaceholder } from "../../net/placeholder.ts";
import type { Role } from "../schema.ts";
import { toLabel } from "./carry-nodes.ts";

const roles: Readonly<Record<string, Role>> = {
  "control-plane": "control-plane",
  controlplane: "control-plane",
  control: "control-plane",
  controller: "control-plane",
  master: "control-plane",
  server: "control-plane",
  worker: "worker",
  agent: "worker",
  compute: "worker",
  "all-in-one": "all-in-one",
  allinone: "all-in-one",
  aio: "all-in-one",
};

/** The role that the word means; undefined for one that means none. */
export function toRole(text: string): Role | undefined {
  const word = text.trim().toLowerCase().replaceAll(/[_ ]/g, "-");
  return Object.hasOwn(roles, word) ? roles[word] : undefined;
}

/** The text as the name of a profile; undefined when nothing of it can be one. */
export function toProfile(text: string): string | undefined {
  return toRole(text) ?? toLabel(text);
}

/** A serial number as the inventory takes it; undefined when there is none. */
export function toSerial(text: string): string | undefined {
  const serial = text.trim();
  return isPlaceholder(serial) || !/^[A-Za-z0-9][A-Za-z0-9 ._/-]{0,63}$/.test(serial)
    ? undefined
    : serial;
}

/** One variable for all BMCs that have the same password, and one for each further password. The passwords stay in memory. */
export function secretVariables(first: string): (secret: string) => string {
  const names = new Map<string, string>();
  return (secret) => {
    const known = names.get(secret);
    if (known !== undefined) return known;
    const name = names.size === 0 ? first : `${first}_${names.size + 1}`;
    names.set(secret, name);
    return name;
  };
}
