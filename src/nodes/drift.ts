// Compares what a machine said of itself with what the inventory says of it. Pure; the last word of a machine may be old.

import { formatDisk } from "../inventory/disk.ts";
import type { Node, Role } from "../inventory/schema.ts";
import type { Mac } from "../net/mac.ts";
import { describeDisk, identityOf, isSameDisk } from "./disk-identity.ts";
import type { KnownMachine, LastInstall } from "./ports.ts";
import { resolveDisk } from "./resolve-disk.ts";

export interface Difference {
  /** `differs`: one of the two is wrong. `note`: worth knowing, and nothing to correct. */
  readonly kind: "differs" | "note";
  /** The setting, as the inventory writes it. */
  readonly setting: string;
  readonly declared: string;
  readonly found: string;
}

/** Hardware that the runbook asks for at least (requirement B15). */
const minima: Readonly<Record<Role, { readonly threads: number; readonly memoryGb: number }>> = {
  "control-plane": { threads: 8, memoryGb: 32 },
  worker: { threads: 16, memoryGb: 64 },
  "all-in-one": { threads: 16, memoryGb: 64 },
};
// What the firmware keeps for itself is missing from what the kernel counts.
const usableShare = 0.92;

/** Empty where machine and inventory agree. */
export function driftOf(
  node: Node,
  { mac, facts }: KnownMachine,
  last?: LastInstall | undefined,
): Difference[] {
  return [
    ...macDrift(node, mac, facts.macs),
    ...compare("serial", node.serial, facts.serial),
    ...compare("uuid", node.uuid?.toLowerCase(), facts.uuid),
    ...compare("firmware", node.firmware, facts.firmware),
    ...secureBootDrift(node, facts.secureBoot),
    ...diskDrift(node, facts.disks, last),
    ...sizeNotes(node, facts),
  ];
}

function macDrift(node: Node, askedBy: Mac, macs: readonly Mac[]): Difference[] {
  if (askedBy !== node.mac)
    return [
      { kind: "differs", setting: "mac", declared: node.mac, found: `a machine with ${askedBy}` },
    ];
  const nics = Object.entries(node.nics).flatMap(([name, { mac }]) =>
    mac === undefined ? [] : [{ setting: `nics.${name}.mac`, mac }],
  );
  const declared = [{ setting: "mac", mac: node.mac }, ...nics];
  const has = macs.length === 0 ? "no network card" : `cards ${macs.join(", ")}`;
  const missing = declared.flatMap(({ setting, mac }): Difference[] =>
    macs.includes(mac) ? [] : [{ kind: "differs", setting, declared: mac, found: has }],
  );
  // Cards that nobody has described are no mistake until at least one of them was.
  if (nics.length === 0) return missing;
  const known = new Set(declared.map(({ mac }) => mac));
  const unknown = macs.filter((mac) => !known.has(mac));
  return [
    ...missing,
    ...unknown.map(
      (mac): Difference => ({ kind: "note", setting: "nics", declared: "none", found: mac }),
    ),
  ];
}

/** A declared value that the machine does not say is a difference; one that nobody declared is none. */
function compare(
  setting: string,
  declared: string | undefined,
  found: string | undefined,
): Difference[] {
  if (declared === undefined || declared === found) return [];
  return [{ kind: "differs", setting, declared, found: found ?? "the machine says none" }];
}

function secureBootDrift({ secureBoot }: Node, found: boolean | undefined): Difference[] {
  const text = (on: boolean) => (on ? "on" : "off");
  if (found === undefined || (secureBoot ?? false) === found) return [];
  const declared = secureBoot === undefined ? "not declared" : text(secureBoot);
  return [
    {
      kind: secureBoot === undefined ? "note" : "differs",
      setting: "secureBoot",
      declared,
      found: text(found),
    },
  ];
}

function diskDrift(
  node: Node,
  disks: KnownMachine["facts"]["disks"],
  last: LastInstall | undefined,
): Difference[] {
  const selectors =
    node.layout.kind === "mirror"
      ? [
          { setting: "disk", selector: node.disk },
          { setting: "layout.second", selector: node.layout.second },
        ]
      : [{ setting: "disk", selector: node.disk }];
  return selectors.flatMap(({ setting, selector }, index): Difference[] => {
    const declared = formatDisk(selector);
    const resolution = resolveDisk(selector, disks);
    if (resolution.kind !== "one")
      return [{ kind: "differs", setting, declared, found: resolution.why }];
    const now = identityOf(resolution.disk);
    const before = last?.mac === node.mac ? last.disks[index] : undefined;
    if (before === undefined || isSameDisk(before, now)) return [];
    const found = `${describeDisk(now)}, and the last install wrote to ${describeDisk(before)}`;
    return [{ kind: "differs", setting, declared, found }];
  });
}

function sizeNotes({ role }: Node, { threads, memoryBytes }: KnownMachine["facts"]): Difference[] {
  const least = minima[role];
  const notes: Difference[] = [];
  if (threads !== undefined && threads < least.threads)
    notes.push({
      kind: "note",
      setting: "processors",
      declared: `${least.threads} for a ${role}`,
      found: `${threads}`,
    });
  const gigabytes = memoryBytes === undefined ? undefined : memoryBytes / 2 ** 30;
  if (gigabytes !== undefined && gigabytes < least.memoryGb * usableShare)
    notes.push({
      kind: "note",
      setting: "memory",
      declared: `${least.memoryGb} GB for a ${role}`,
      found: `${gigabytes.toFixed(1)} GB`,
    });
  return notes;
}
