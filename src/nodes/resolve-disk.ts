// Finds the one disk of a machine that the inventory means. Pure; it does not ask the machine.

import type { Disk } from "../install/machine-facts.ts";
import { type DiskSelector, formatDisk, type SizeRange } from "../inventory/disk.ts";
import { describeDisk, describeDisks, identityOf } from "./disk-identity.ts";

export type Resolution =
  | { readonly kind: "one"; readonly disk: Disk }
  /** `why` is a sentence that lists what the machine has. */
  | { readonly kind: "none" | "several" | "unfit"; readonly why: string };

/**
 * The disk for which everything holds that the selector says. `smallest` and `largest` choose among those that fit
 * otherwise and are neither removable nor read-only; two of one size are several.
 */
export function resolveDisk(selector: DiskSelector, disks: readonly Disk[]): Resolution {
  // A card reader without a card is a disk of no size.
  const present = disks.filter(({ sizeBytes }) => sizeBytes > 0);
  const fitting = present.filter((disk) => fits(selector, disk));
  const chosen = bySize(selector, fitting);
  const [disk] = chosen;
  if (disk === undefined)
    return {
      kind: "none",
      why: `the machine has no disk ${formatDisk(selector)}; it has ${describeDisks(present)}`,
    };
  if (chosen.length > 1)
    return {
      kind: "several",
      why: `${chosen.length} disks of the machine are ${formatDisk(selector)}: ${describeDisks(chosen)}`,
    };
  const unfit = unfitness(disk);
  if (unfit === undefined) return { kind: "one", disk };
  return {
    kind: "unfit",
    why: `the disk ${describeDisk(identityOf(disk))} ${unfit}; the machine has ${describeDisks(present)}`,
  };
}

/** The disks of one install, which must be different ones. */
export function resolveDisks(
  selectors: readonly DiskSelector[],
  disks: readonly Disk[],
): { readonly disks: readonly Disk[] } | { readonly why: string } {
  const found: Disk[] = [];
  for (const selector of selectors) {
    const resolution = resolveDisk(selector, disks);
    if (resolution.kind !== "one") return { why: resolution.why };
    if (found.includes(resolution.disk))
      return {
        why: `${selectors.map(formatDisk).join(" and ")} are the same disk ${describeDisk(identityOf(resolution.disk))}; the machine has ${describeDisks(disks)}`,
      };
    found.push(resolution.disk);
  }
  return { disks: found };
}

function fits({ path, id, serial, wwn, model, size }: DiskSelector, disk: Disk): boolean {
  return (
    (path === undefined || disk.name === path || disk.links.includes(path)) &&
    (id === undefined || disk.links.includes(`/dev/disk/by-id/${id}`)) &&
    (serial === undefined || disk.serial === serial) &&
    (wwn === undefined || disk.wwn?.toLowerCase() === wwn.toLowerCase()) &&
    (model === undefined || (disk.model !== undefined && plain(disk.model) === plain(model))) &&
    (size === undefined || typeof size === "string" || isWithin(size, disk.sizeBytes))
  );
}

/** udev writes the spaces of a model as underscores, and lsblk as they are. */
function plain(model: string): string {
  return model.replace(/[\s_]+/g, " ").trim();
}

function isWithin({ minBytes, maxBytes }: SizeRange, sizeBytes: number): boolean {
  return sizeBytes >= minBytes && sizeBytes <= maxBytes;
}

function bySize({ size }: DiskSelector, disks: readonly Disk[]): readonly Disk[] {
  if (size !== "smallest" && size !== "largest") return disks;
  const usable = disks.filter(({ removable, readOnly }) => !removable && !readOnly);
  const sizes = usable.map(({ sizeBytes }) => sizeBytes);
  const wanted = size === "smallest" ? Math.min(...sizes) : Math.max(...sizes);
  return usable.filter(({ sizeBytes }) => sizeBytes === wanted);
}

function unfitness({ readOnly, usedBy }: Disk): string | undefined {
  if (readOnly) return "can only be read";
  // What an install left behind that broke off; disko unmounts it.
  const others = usedBy.filter((use) => use !== "/mnt" && !use.startsWith("/mnt/"));
  return others.length === 0
    ? undefined
    : `is in use by the installer itself (${others.slice(0, 4).join(", ")})`;
}
