// Which disk a disk is, whatever the kernel calls it today, and the words for it.

import type { Disk } from "../install/machine-facts.ts";

/** A disk that an install was approved for. */
export interface DiskIdentity {
  /** Its name on the installer that found it; the kernel may give it another at the next boot. */
  readonly device: string;
  readonly sizeBytes: number;
  readonly serial?: string | undefined;
  readonly wwn?: string | undefined;
  readonly model?: string | undefined;
}

export function identityOf({ name, sizeBytes, serial, wwn, model }: Disk): DiskIdentity {
  return { device: name, sizeBytes, serial, wwn, model };
}

/** By serial number, WWN and size. A disk that says neither of the first two is the same only under the same device name. */
export function isSameDisk(one: DiskIdentity, other: DiskIdentity): boolean {
  if (one.sizeBytes !== other.sizeBytes || one.serial !== other.serial || one.wwn !== other.wwn)
    return false;
  return one.serial !== undefined || one.wwn !== undefined || one.device === other.device;
}

/** The same disks in the same order: of a mirror, the first and the second. */
export function areSameDisks(
  some: readonly DiskIdentity[],
  others: readonly DiskIdentity[],
): boolean {
  return (
    some.length === others.length &&
    some.every((disk, index) => {
      const other = others[index];
      return other !== undefined && isSameDisk(disk, other);
    })
  );
}

/** `/dev/sda (480.1 GB, Samsung PM893, serial S6PT)`. */
export function describeDisk({ device, sizeBytes, serial, wwn, model }: DiskIdentity): string {
  const facts = [
    `${(sizeBytes / 1e9).toFixed(1)} GB`,
    ...(model === undefined ? [] : [model]),
    ...(serial === undefined ? [] : [`serial ${serial}`]),
    ...(serial !== undefined || wwn === undefined ? [] : [`wwn ${wwn}`]),
  ];
  return `${device} (${facts.join(", ")})`;
}

/** All of a machine's disks, for whoever has to choose one of them. */
export function describeDisks(disks: readonly Disk[]): string {
  if (disks.length === 0) return "none at all";
  const shown = disks.slice(0, 24).map((disk) => describeDisk(identityOf(disk)));
  return disks.length > shown.length
    ? `${shown.join(", ")} and ${disks.length - shown.length} more`
    : shown.join(", ");
}
