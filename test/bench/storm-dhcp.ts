// The DHCP messages of the storm's machines, which reach the server through a relay. Shares no code with the server it measures.

export interface Question {
  readonly type: "DISCOVER" | "REQUEST";
  readonly program: "firmware" | "ipxe";
  readonly mac: string;
  readonly xid: number;
  readonly relay: string;
  /** Of the offer that is taken. */
  readonly address?: string;
  readonly serverId?: string;
}

/** What an OFFER or ACK says; `server` is the next-server. */
export interface Grant {
  readonly type: "OFFER" | "ACK";
  readonly xid: number;
  readonly address: string;
  readonly serverId: string;
  readonly server: string;
  readonly bootFile: string;
}

const messageTypes = { DISCOVER: 1, OFFER: 2, REQUEST: 3, ACK: 5 } as const;
const headerBytes = 240;
const cookie = 0x63825363;

/** A message of RFC 2131 §2 with what a BIOS boot ROM, or the iPXE after it, sends. */
export function ask(question: Question): Buffer {
  const { type, program, mac, xid, relay, address, serverId } = question;
  const header = Buffer.alloc(headerBytes);
  header.set([1, 1, 6, 1]);
  header.writeUInt32BE(xid, 4);
  header.set(octets(relay), 24);
  header.set(Buffer.from(mac.replaceAll(":", ""), "hex"), 28);
  header.writeUInt32BE(cookie, 236);
  const options = [
    option(53, Buffer.of(messageTypes[type])),
    option(55, Buffer.of(1, 3, 6, 12, 15, 43, 60, 66, 67, 128, 129, 175)),
    option(57, Buffer.of(0x05, 0xc0)),
    option(60, Buffer.from("PXEClient:Arch:00000:UNDI:002001")),
    option(93, Buffer.of(0, 0)),
    option(94, Buffer.of(1, 2, 1)),
    ...(program === "ipxe" ? [option(77, Buffer.from("iPXE"))] : []),
    ...(address === undefined ? [] : [option(50, octets(address))]),
    ...(serverId === undefined ? [] : [option(54, octets(serverId))]),
  ];
  return Buffer.concat([header, ...options, Buffer.of(255)]);
}

/** Undefined for anything but an OFFER or an ACK. */
export function readGrant(datagram: Buffer): Grant | undefined {
  if (datagram.length < headerBytes || datagram[0] !== 2) return undefined;
  const found = new Map<number, Buffer>();
  for (let at = headerBytes; at + 1 < datagram.length && datagram[at] !== 255; ) {
    const number = datagram.readUInt8(at);
    const length = number === 0 ? -1 : datagram.readUInt8(at + 1);
    if (length >= 0) found.set(number, datagram.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  const type = found.get(53)?.[0];
  if (type !== messageTypes.OFFER && type !== messageTypes.ACK) return undefined;
  return {
    type: type === messageTypes.OFFER ? "OFFER" : "ACK",
    xid: datagram.readUInt32BE(4),
    address: datagram.subarray(16, 20).join("."),
    serverId: found.get(54)?.join(".") ?? "",
    server: datagram.subarray(20, 24).join("."),
    bootFile: text(found.get(67)) || text(datagram.subarray(108, 236)),
  };
}

function option(number: number, data: Buffer): Buffer {
  return Buffer.concat([Buffer.of(number, data.length), data]);
}

function octets(address: string): Buffer {
  return Buffer.from(address.split(".").map(Number));
}

function text(data: Buffer | undefined): string {
  return data === undefined ? "" : data.toString("latin1").replace(/\0[\s\S]*$/, "");
}
