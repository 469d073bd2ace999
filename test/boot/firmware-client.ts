// Boot requests of firmware, as the reader of packets sees them.

import { type Client, readClient } from "../../src/dhcp/client.ts";
import { decodePacket } from "../../src/dhcp/packet.ts";
import { type Fields, request } from "../dhcp/site.ts";

export interface FirmwareFields extends Omit<Fields, "options"> {
  readonly type?: "DISCOVER" | "REQUEST" | "INFORM";
  /** Option 93. */
  readonly arch?: readonly number[];
  /** Option 60. */
  readonly vendorClass?: string;
  /** Option 77, as it stands in the packet. */
  readonly userClass?: string;
  /** Options 175, 43 and 55, hexadecimal. */
  readonly ipxe?: string;
  readonly vendorOptions?: string;
  readonly asks?: readonly number[];
}

export function clientOf(fields: FirmwareFields = {}): Client {
  const { type = "DISCOVER", arch, vendorClass, userClass, ipxe, vendorOptions, asks } = fields;
  const options: [number, Buffer | undefined][] = [
    [60, vendorClass === undefined ? undefined : Buffer.from(vendorClass, "latin1")],
    [77, userClass === undefined ? undefined : Buffer.from(userClass, "latin1")],
    [93, arch && Buffer.from(arch.flatMap((number) => [number >> 8, number & 255]))],
    [175, ipxe === undefined ? undefined : Buffer.from(ipxe, "hex")],
    [43, vendorOptions === undefined ? undefined : Buffer.from(vendorOptions, "hex")],
    [55, asks && Buffer.from(asks)],
  ];
  const sent = options.filter((entry): entry is [number, Buffer] => entry[1] !== undefined);
  const { mac, xid } = fields;
  return read(
    request(type, {
      ...(mac && { mac }),
      ...(xid !== undefined && { xid }),
      options: Object.fromEntries(sent),
    }),
  );
}

/** A client out of a recorded datagram. */
export function clientInDatagram(datagram: Buffer): Client {
  const packet = decodePacket(datagram);
  if ("malformed" in packet) throw new Error(packet.malformed);
  return read(packet);
}

function read(packet: Parameters<typeof readClient>[0]): Client {
  const client = readClient(packet);
  if ("ignore" in client) throw new Error(client.ignore);
  return client;
}
