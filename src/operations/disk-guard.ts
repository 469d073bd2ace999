// What stands between an approved install and a disk: may these disks of this machine be written? Pure; it reads no store.

import type { Disk } from "../install/machine-facts.ts";
import { formatDisks } from "../inventory/disk.ts";
import type { Node } from "../inventory/schema.ts";
import { type DiskIdentity, describeDisk, identityOf, isSameDisk } from "../nodes/disk-identity.ts";
import type { LastInstall } from "../nodes/ports.ts";
import type { Confirmation } from "./operation.ts";

export interface DiskQuestion {
  readonly node: Pick<Node, "name" | "mac" | "disk" | "layout">;
  /** Those that were found for the node's selectors, in their order. */
  readonly disks: readonly Disk[];
  readonly last: LastInstall | undefined;
  readonly confirmed: Confirmation | undefined;
}

export interface DiskRefusal {
  readonly reason: string;
  readonly next: string;
}

/** A disk whose keys no install brings would be wiped, and the install would fail then. */
export function refuseLayout({
  name,
  layout,
}: Pick<Node, "name" | "layout">): DiskRefusal | undefined {
  if (layout.kind !== "luks") return undefined;
  return {
    reason: `node ${name} has the layout luks, and an install from here brings neither its passphrase nor root.jwe: it would fail after the disk was wiped`,
    next: `install it by hand (docs/nixos.md, "Encrypted disks"), or give it another layout in the inventory`,
  };
}

/** Why these disks must not be written, and what an operator can do about it; undefined when they may be. */
export function refuseDisks(question: DiskQuestion): DiskRefusal | undefined {
  return wrongSerial(question) ?? movedName(question) ?? foreignData(question);
}

/** What an operator is told of the disks before they are written. */
export function describeTargets({ node, disks, last, confirmed }: DiskQuestion): string {
  return disks
    .map((disk) => {
      const name = describeDisk(identityOf(disk));
      if (disk.contents.length === 0) return `${name}, blank`;
      if (isOurs(disk, node, last)) return `${name}, with what was installed from here`;
      const erased = confirmed?.eraseData === true ? ", to be erased as confirmed" : "";
      return `${name}, holding ${contentsText(disk)}${erased}`;
    })
    .join(" and ");
}

/** A serial number that was typed is a promise about the machine. */
function wrongSerial({ node, disks, confirmed }: DiskQuestion): DiskRefusal | undefined {
  const absent = confirmed?.diskSerials.find((serial) => !disks.some((disk) => says(disk, serial)));
  if (absent === undefined) return undefined;
  return {
    reason: `--disk-serial ${absent} was given for node ${node.name}, and ${formatDisks(node)} is ${list(disks)}: nothing was written`,
    next: `look which disk is meant, correct the inventory or the serial number, and provision again`,
  };
}

/** The name in the inventory stayed, and another disk stands behind it. */
function movedName({ node, disks, last, confirmed }: DiskQuestion): DiskRefusal | undefined {
  if (last === undefined || last.selector !== formatDisks(node) || last.mac !== node.mac)
    return undefined;
  const [changed] = disks.filter((disk, index) => {
    const before = last.disks[index];
    const isConfirmed = confirmed?.diskSerials.some((serial) => says(disk, serial)) === true;
    return before !== undefined && !isSameDisk(before, identityOf(disk)) && !isConfirmed;
  });
  if (changed === undefined) return undefined;
  const before = last.disks[disks.indexOf(changed)];
  const serial = changed.serial ?? changed.wwn;
  const confirm =
    serial === undefined
      ? ""
      : `, or confirm: rackstrap provision ${node.name} --disk-serial ${serial}`;
  return {
    reason: `the disk behind ${last.selector} is ${describeDisk(identityOf(changed))} and was ${before === undefined ? "none" : describeDisk(before)} at the last install: device names moved, or the disk was replaced; nothing was written`,
    next: `name the disk of node ${node.name} by serial in the inventory${confirm}`,
  };
}

/** Data that no install from here put there belongs to somebody. */
function foreignData({ node, disks, last, confirmed }: DiskQuestion): DiskRefusal | undefined {
  if (confirmed?.eraseData === true) return undefined;
  const foreign = disks.find((disk) => disk.contents.length > 0 && !isOurs(disk, node, last));
  if (foreign === undefined) return undefined;
  return {
    reason: `the disk ${describeDisk(identityOf(foreign))} of node ${node.name} holds ${contentsText(foreign)}, and no install from here is known to have written that: nothing was written`,
    next: `make sure that nothing on it is needed, then type the name twice: rackstrap provision ${node.name} --erase ${node.name}`,
  };
}

/** A disk that says neither serial number nor WWN is known by its place, and only in the same machine. */
function isOurs(disk: Disk, { mac }: Pick<Node, "mac">, last: LastInstall | undefined): boolean {
  if (last === undefined) return false;
  if (disk.serial === undefined && disk.wwn === undefined && last.mac !== mac) return false;
  return last.disks.some((written) => isSameDisk(written, identityOf(disk)));
}

function says({ serial, wwn }: Pick<Disk, "serial" | "wwn">, typed: string): boolean {
  return serial === typed || (serial === undefined && wwn === typed);
}

function contentsText({ contents }: Disk): string {
  const shown = contents.slice(0, 4).join(", ");
  return contents.length > 4 ? `${shown} and ${contents.length - 4} more` : shown;
}

function list(disks: readonly Disk[]): string {
  return disks.map((disk) => describeDisk(identityOf(disk))).join(" and ");
}

/** That the disks right before the install are not those it was approved for; undefined when they are. */
export function changedDisks(
  node: Pick<Node, "name">,
  approved: readonly DiskIdentity[],
  now: readonly DiskIdentity[],
): DiskRefusal | undefined {
  const index = approved.findIndex((disk, place) => {
    const other = now[place];
    return other === undefined || !isSameDisk(disk, other);
  });
  const was = approved[index];
  if (was === undefined && approved.length === now.length && approved.length > 0) return undefined;
  const text = (disk: DiskIdentity | undefined) =>
    disk === undefined ? "none" : describeDisk(disk);
  return {
    reason: `node ${node.name} was approved for ${text(was)}, and right before the install the disk is ${text(now[Math.max(index, 0)])}: nothing was written`,
    next: `look at the disks of the machine, then provision again: rackstrap provision ${node.name}`,
  };
}
