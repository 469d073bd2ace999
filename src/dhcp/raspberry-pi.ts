// The boot ROM of a Raspberry Pi: how to tell it from the x86 BIOS it claims to be, and the option 43 it insists on.

import type { Client } from "./client.ts";
import { option, textData } from "./options.ts";
import { encodeSubOptions } from "./sub-options.ts";

// IEEE registry, Raspberry Pi Foundation and Raspberry Pi (Trading) Ltd.
const prefixes = [
  "b8:27:eb",
  "dc:a6:32",
  "e4:5f:01",
  "d8:3a:dd",
  "28:cd:c1",
  "2c:cf:67",
  "88:a2:9e",
];

/** "ARM rpiboot" in the IANA registry of architectures. The ROMs say so over IPv6; over IPv4 they say 0. */
export const rpibootArchitecture = 41;

/** True for the ROM alone: UEFI firmware and iPXE on the same board name themselves rightly. */
export function isRaspberryPiRom({ mac, architectures, ipxe }: Client): boolean {
  const [arch] = architectures;
  if (ipxe) return false;
  return arch === rpibootArchitecture || (arch === 0 && prefixes.includes(mac.slice(0, 8)));
}

const menuItem = textData("Raspberry Pi Boot");

/**
 * Option 43 as the ROM wants it: it takes no offer whose boot menu lacks this text. Sub-options of PXE 2.1, table 2-1:
 * 6 discovery control (3: no broadcast, no multicast), 10 menu prompt (no waiting), 9 boot menu with the one item of type 0.
 */
export const raspberryPiOption43 = Buffer.concat([
  encodeSubOptions([
    [6, Buffer.of(3)],
    [10, textData("\0PXE")],
    [9, Buffer.concat([Buffer.of(0, 0, menuItem.length), menuItem])],
  ]),
  Buffer.of(option.end),
]);
