// Machines and disks as an installer reports them.

import type { Disk, MachineFacts } from "../../src/install/machine-facts.ts";
import type { Mac } from "../../src/net/mac.ts";

/** A blank disk of 480 GB; `name` is also the last part of what makes it known. */
export function aDisk(name: string, over: Partial<Disk> = {}): Disk {
  return {
    name: `/dev/${name}`,
    sizeBytes: 480_103_981_056,
    serial: `SER-${name}`,
    wwn: undefined,
    model: undefined,
    transport: undefined,
    rotational: false,
    removable: false,
    readOnly: false,
    links: [],
    usedBy: [],
    contents: [],
    ...over,
  };
}

export function someFacts(mac: Mac, over: Partial<MachineFacts> = {}): MachineFacts {
  return {
    system: "NixOS installer",
    macs: [mac],
    firmware: "uefi",
    secureBoot: undefined,
    serial: undefined,
    uuid: undefined,
    threads: 16,
    memoryBytes: 64 * 2 ** 30,
    disks: [aDisk("sda")],
    ...over,
  };
}
