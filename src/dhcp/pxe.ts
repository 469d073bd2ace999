// How a boot file is said to the firmware that asked: PXE 2.1 and RFC 4578 for PXEClient, UEFI 2.10 §24.7 for HTTPClient.
// Which file it is, is not decided here.

import type { Ipv4 } from "../net/ipv4.ts";
import { type Client, pxeBootItem } from "./client.ts";
import { option, textData } from "./options.ts";
import { isRaspberryPiRom, raspberryPiOption43 } from "./raspberry-pi.ts";
import { encodeSubOptions } from "./sub-options.ts";

/** The part of an OFFER, ACK or proxyDHCP answer that is about booting. */
export interface BootFields {
  readonly siaddr: Ipv4;
  /** Empty when there is no boot file, or it is too long for the field and stands in option 67 alone. */
  readonly file: string;
  /** In order of importance. */
  readonly options: ReadonlyMap<number, Buffer>;
}

// One octet of the field is kept for the NUL that ends the name.
const longestFileName = 127;
// PXE_DISCOVERY_CONTROL (sub-option 6), bit 3: boot the file named here and look for no boot server. Without it EDK2 takes
// the PXEClient class as a promise of one and asks port 4011.
const discoveryControl = 6;
const bootNamedFile = Buffer.of(8);
// iPXE's "no-pxedhcp", sub-option 0xb0 of 175: obey the boot file of the server that gives the address, wait for no other.
// iPXE reads it in an offer of an address only, so a proxyDHCP answer may carry it.
const ignoreOtherBootServers = encodeSubOptions([[0xb0, Buffer.of(1)]]);

/**
 * What goes into the answer to `client` for `bootFile`, a TFTP file name or a URL of printable octets. Without a boot file
 * PXE firmware is told that there is none.
 */
export function bootOptions(
  client: Client,
  server: Ipv4,
  bootFile: string | undefined,
): BootFields {
  if (bootFile === undefined) return { siaddr: server, file: "", options: nothingToBoot(client) };
  const { parameterList = [] } = client;
  const bootClass = bootClassOf(client);
  const fitsFile = bootFile.length <= longestFileName;
  const options = new Map<number, Buffer>();
  if (bootClass !== undefined) options.set(option.vendorClass, textData(bootClass));
  if (bootClass === "PXEClient") options.set(option.vendorSpecific, vendorOptions(client));
  if (!fitsFile || bootClass === "HTTPClient" || parameterList.includes(option.bootFileName))
    options.set(option.bootFileName, textData(bootFile));
  if (parameterList.includes(option.tftpServerName))
    options.set(option.tftpServerName, textData(server));
  if (client.ipxe) options.set(option.ipxe, ignoreOtherBootServers);
  return { siaddr: server, file: fitsFile ? bootFile : "", options };
}

// EDK2 takes an answer without option 60 for none at all and asks for a minute; with discovery control it sees at once that
// there is no boot file and no boot server to look for, and goes on to the next boot option.
function nothingToBoot(client: Client): ReadonlyMap<number, Buffer> {
  if (bootClassOf(client) !== "PXEClient" || client.ipxe || isRaspberryPiRom(client))
    return new Map();
  return new Map([
    [option.vendorClass, textData("PXEClient")],
    [option.vendorSpecific, vendorOptions(client)],
  ]);
}

/** The network boot class of option 60, without what follows it; undefined for an installed system and for firmware that names none. */
export function bootClassOf({ vendorClass }: Client): "PXEClient" | "HTTPClient" | undefined {
  if (vendorClass?.startsWith("PXEClient") === true) return "PXEClient";
  return vendorClass?.startsWith("HTTPClient") === true ? "HTTPClient" : undefined;
}

// A client that asks a boot server for an item (port 4011) takes no answer that does not name it (PXE 2.1, §2.4.3).
function vendorOptions(client: Client): Buffer {
  if (isRaspberryPiRom(client)) return raspberryPiOption43;
  const item = client.bootItem === undefined ? [] : ([[pxeBootItem, client.bootItem]] as const);
  const subOptions = encodeSubOptions([[discoveryControl, bootNamedFile], ...item]);
  return Buffer.concat([subOptions, Buffer.of(option.end)]);
}
