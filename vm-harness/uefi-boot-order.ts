// A UEFI machine's NVRAM with its boot order set: what an operator does in a firmware menu. It appends
// variables to the store of OVMF's template and knows nothing else of UEFI.
//
// The order is in NVRAM and not in QEMU's bootindex because of what OVMF 2022.11 makes of the latter: it
// expands a network card to all its options, so "network, then disk" becomes PXEv4, HTTPv4, HTTPv6, disk.
// After iPXE leaves with "exit 1", HTTP boot then asks an unwilling DHCP server for over a minute.
// In NVRAM the disk follows PXEv4 directly, and its loader starts in the same second.

import type { Mac } from "../src/net/mac.ts";

export type BootDevice =
  /** `network` is PXE over IPv4, `http` UEFI HTTP boot over IPv4. */
  | { readonly kind: "network" | "http"; readonly pciSlot: number; readonly mac: Mac }
  | { readonly kind: "disk"; readonly pciSlot: number };

/**
 * `template` (OVMF_VARS_4M.fd, or OVMF_VARS_4M.ms.fd with its keys) with one boot option per device, tried in the order
 * given; boot options that it has give way. The options are written exactly as OVMF writes its own, so that it recognises
 * them instead of adding them again.
 */
export function withBootOrder(template: Uint8Array, devices: readonly BootDevice[]): Buffer {
  const flash = Buffer.from(template);
  let offset = deleteBootOptions(flash);
  const order = Buffer.alloc(2 * devices.length);
  devices.forEach((device, number) => {
    order.writeUInt16LE(number, 2 * number);
    offset += append(flash, offset, `Boot${hex4(number)}`, loadOption(device));
  });
  append(flash, offset, "BootOrder", order);
  return flash;
}

// EFI_FIRMWARE_VOLUME_HEADER (72 bytes) and VARIABLE_STORE_HEADER (28) come first in the file.
const firstVariable = 72 + 28;
const startOfVariable = 0x55aa;
const globalVariable = Buffer.from("61dfe48bca93d211aa0d00e098032b8c", "hex");
// Optional data of an option that the firmware made itself (mBmAutoCreateBootOptionGuid).
const autoCreated = Buffer.from("4eac0881119f594d850ee21a522c59b2", "hex");

/** Marks the boot options that are there, and their order, as deleted; returns where the next variable goes. */
function deleteBootOptions(flash: Buffer): number {
  let offset = firstVariable;
  while (flash.readUInt16LE(offset) === startOfVariable) {
    const nameSize = flash.readUInt32LE(offset + 36);
    const dataSize = flash.readUInt32LE(offset + 40);
    const name = flash.toString("utf16le", offset + 60, offset + 60 + nameSize - 2);
    // VAR_DELETED: flash can only clear bits.
    if (/^Boot(?:Order|[0-9A-F]{4})$/.test(name))
      flash.writeUInt8(flash.readUInt8(offset + 2) & 0xfd, offset + 2);
    offset += aligned(60 + nameSize + dataSize);
  }
  return offset;
}

/**
 * AUTHENTICATED_VARIABLE_HEADER of EDK2 (VariableFormat.h), name and data; returns the bytes used.
 *
 *    0       2      3      4           8                36         40         44           60
 *   +-------+------+------+-----------+----------------+----------+----------+------------+------+------+
 *   | 55AAh | state|  0   | attributes| zero (28 bytes)| name size| data size| vendor GUID| name | data |
 *   +-------+------+------+-----------+----------------+----------+----------+------------+------+------+
 */
function append(flash: Buffer, offset: number, name: string, data: Buffer): number {
  const nameBytes = Buffer.from(`${name}\0`, "utf16le");
  const header = Buffer.alloc(60);
  header.writeUInt16LE(startOfVariable, 0);
  header.writeUInt8(0x3f, 2); // VAR_ADDED
  header.writeUInt32LE(7, 4); // non-volatile, for boot services and at run time
  header.writeUInt32LE(nameBytes.length, 36);
  header.writeUInt32LE(data.length, 40);
  globalVariable.copy(header, 44);
  const variable = Buffer.concat([header, nameBytes, data]);
  variable.copy(flash, offset);
  return aligned(variable.length);
}

function aligned(length: number): number {
  return Math.ceil(length / 4) * 4;
}

/** EFI_LOAD_OPTION (UEFI 2.10 §3.1.3): attributes, path length, description, path, optional data. */
function loadOption(device: BootDevice): Buffer {
  const path = devicePath(device);
  const head = Buffer.alloc(6);
  head.writeUInt32LE(1, 0); // LOAD_OPTION_ACTIVE
  head.writeUInt16LE(path.length, 4);
  const description = descriptionOf(device);
  return Buffer.concat([head, Buffer.from(`${description}\0`, "utf16le"), path, autoCreated]);
}

function descriptionOf(device: BootDevice): string {
  if (device.kind === "disk") return "UEFI Misc Device";
  return `UEFI ${device.kind === "http" ? "HTTPv4" : "PXEv4"} (MAC:${hexMac(device.mac)})`;
}

/** Device path nodes of UEFI 2.10 §10.3: type, subtype, length in two bytes, value. */
function devicePath(device: BootDevice): Buffer {
  const root = "02010c00d041030a00000000"; // ACPI: PciRoot(0x0)
  const pci = `0101060000${device.pciSlot.toString(16).padStart(2, "0")}`;
  const end = "7fff0400";
  if (device.kind === "disk") return Buffer.from(root + pci + end, "hex");
  const mac = `030b2500${hexMac(device.mac)}${"00".repeat(26)}01`;
  const ipv4 = `030c1b00${"00".repeat(23)}`;
  const uri = device.kind === "http" ? "03180400" : ""; // empty: DHCP names it
  return Buffer.from(root + pci + mac + ipv4 + uri + end, "hex");
}

function hexMac(mac: Mac): string {
  return mac.replaceAll(":", "").toUpperCase();
}

function hex4(number: number): string {
  return number.toString(16).toUpperCase().padStart(4, "0");
}
