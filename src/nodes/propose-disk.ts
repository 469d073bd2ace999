// Which disk of a machine that was looked at is to be installed on, and how it is named so that no other is meant. Pure.

import { disk } from "../inventory/disk.ts";
import type { MachineReport, ReportedDisk } from "./machine-report.ts";

/** As the inventory writes it: a path, or what the disk says of itself. */
export type WrittenDisk = string | Readonly<Record<string, string>>;

export interface DiskProposal {
  readonly disk: WrittenDisk;
  /** Why this one, in words. */
  readonly why: string;
}

// A stick that somebody left, and what is in the machine only as long as the network is.
const elsewhere: ReadonlySet<string | undefined> = new Set(["usb", "iscsi", "fc"]);

/** The only disk that is built in, else the smallest: data is kept on the larger ones. Undefined where there is none. */
export function proposeDisk({ disks }: Pick<MachineReport, "disks">): DiskProposal | undefined {
  const builtIn = disks.filter(
    ({ removable, transport }) => !removable && !elsewhere.has(transport),
  );
  const [chosen, next] = builtIn.toSorted((a, b) => a.sizeBytes - b.sizeBytes);
  if (chosen === undefined) return undefined;
  const why =
    next === undefined
      ? "the only one that is built in"
      : next.sizeBytes === chosen.sizeBytes
        ? "the first of the smallest that are built in, which are of one size: look at it"
        : `the smallest of ${builtIn.length} that are built in`;
  return { disk: writtenDisk(chosen, disks), why: `${chosen.name}, ${why}` };
}

/** By what no other disk of the machine says of itself: names such as sda move. */
function writtenDisk(chosen: ReportedDisk, all: readonly ReportedDisk[]): WrittenDisk {
  const isOwn = (key: "wwn" | "serial") =>
    all.filter((disk) => disk[key] === chosen[key]).length === 1;
  const { wwn, serial, byId, name } = chosen;
  const candidates: readonly WrittenDisk[] = [
    ...(wwn !== undefined && isOwn("wwn") ? [{ wwn }] : []),
    ...(serial !== undefined && isOwn("serial") ? [{ serial }] : []),
    ...byId.map((id) => ({ id })),
  ];
  // What disks say is not always what the inventory takes.
  return candidates.find((one) => disk.safeParse(one).success) ?? `/dev/${name}`;
}
