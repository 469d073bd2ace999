// Firmware that is not what it says, as data: each with how to tell it and what to believe in its place.
// docs/hardware-quirks.md has a row for each.

import type { Client } from "../dhcp/client.ts";
import { isRaspberryPiRom, rpibootArchitecture } from "../dhcp/raspberry-pi.ts";

interface Quirk {
  /** Said in reasons: what this sender is. */
  readonly name: string;
  applies(client: Client): boolean;
  /** Believed in place of option 93. */
  readonly architectures?: readonly number[];
  /** It is an iPXE, and cannot run the script: it gets a loader like any firmware. */
  readonly needsLoader?: true;
  /** Loaders to give in place of others, if the site has them. */
  readonly replace?: ReadonlyMap<string, string>;
}

// Chain-loaded from an iPXE that drives the card itself, undionly.kpxe has been seen to lose the network; a build with
// drivers of its own does not need what the first one leaves behind.
const nativeBuild = new Map([["undionly.kpxe", "ipxe.pxe"]]);

const lacks = (client: Client, feature: string) =>
  client.ipxe && client.ipxeFeatures !== undefined && !client.ipxeFeatures.includes(feature);

const quirks: readonly Quirk[] = [
  {
    name: "the ROM of a Raspberry Pi",
    applies: isRaspberryPiRom,
    architectures: [rpibootArchitecture],
  },
  {
    name: "an iPXE without HTTP",
    applies: (client) => lacks(client, "http"),
    needsLoader: true,
    replace: nativeBuild,
  },
  {
    // VirtualBox's. Under UEFI the kernel is an EFI program and the feature may be absent.
    name: "an iPXE that cannot load a Linux kernel",
    applies: (client) => client.architectures[0] === 0 && lacks(client, "bzimage"),
    needsLoader: true,
    replace: nativeBuild,
  },
];

/** A client as it is to be served. */
export interface FirmwareReading {
  readonly architectures: readonly number[];
  /** True for an iPXE that can run the script. */
  readonly runsScript: boolean;
  readonly replace: ReadonlyMap<string, string>;
  /** What the sender is, when it is not what it says. */
  readonly quirk: string | undefined;
}

export function readFirmware(client: Client): FirmwareReading {
  const quirk = quirks.find((candidate) => candidate.applies(client));
  return {
    architectures: quirk?.architectures ?? client.architectures,
    runsScript: client.ipxe && quirk?.needsLoader !== true,
    replace: quirk?.replace ?? new Map(),
    quirk: quirk?.name,
  };
}
