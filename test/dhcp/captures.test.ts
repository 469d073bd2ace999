// What real clients sent, read by this server's codec and by tshark: both must see the same.

import { describe, expect, it } from "vitest";
import { readClient } from "../../src/dhcp/client.ts";
import { broadcastFlag, decodePacket, encodePacket, type Packet } from "../../src/dhcp/packet.ts";
import { type Datagram, type ExpectedClient, loadDialogues } from "../fixtures/dhcp.ts";

const dialogues = loadDialogues();
const datagrams = dialogues.flatMap(({ name, datagrams }) =>
  datagrams.map((datagram, index): [string, Datagram] => [
    `${name}, ${index + 1}: ${datagram.expected.messageType} to port ${datagram.port}`,
    datagram,
  ]),
);

function decoded(datagram: Uint8Array): Packet {
  const packet = decodePacket(datagram);
  if ("malformed" in packet) throw new Error(packet.malformed);
  return packet;
}

function optionsOf(packet: Packet): [number, string][] {
  return [...packet.options].map(([number, data]) => [number, data.toString("hex")]);
}

/** The packet in the words of tshark's reading; like there, what was not sent is not in it. */
function reading(packet: Packet): ExpectedClient {
  const client = readClient(packet);
  if ("ignore" in client) throw new Error(client.ignore);
  const { clientId, interfaceId, machineGuid, vendorClass, hostName } = client;
  const { requestedAddress, serverId, maxSize, parameterList } = client;
  const optional = {
    clientId: clientId?.toString("hex"),
    ...{ interfaceId, machineGuid, vendorClass, hostName },
    ...{ requestedAddress, serverId, maxSize, parameterList },
  };
  return {
    messageType: client.messageType,
    xid: packet.xid,
    mac: client.mac,
    broadcast: (packet.flags & broadcastFlag) !== 0,
    hops: packet.hops,
    secs: packet.secs,
    ciaddr: packet.ciaddr,
    giaddr: packet.giaddr,
    architectures: client.architectures,
    userClasses: client.userClasses,
    ipxe: client.ipxe,
    options: optionsOf(packet),
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)),
  };
}

describe("a recorded datagram", () => {
  it.each(datagrams)("is read as tshark reads it: %s", (_, { hex, expected }) => {
    expect(reading(decoded(Buffer.from(hex, "hex")))).toEqual(expected);
  });

  it.each(datagrams)("is the same message after being written again: %s", (_, { hex }) => {
    const packet = decoded(Buffer.from(hex, "hex"));
    const { datagram, leftOut } = encodePacket(packet, 1472);
    const again = decoded(datagram);
    expect(leftOut).toEqual([]);
    expect(again).toEqual({ ...packet, options: again.options });
    // The message type goes first, whatever the client's order was.
    const inOrder = (options: [number, string][]) => options.sort(([a], [b]) => a - b);
    expect(inOrder(optionsOf(again))).toEqual(inOrder(optionsOf(packet)));
  });
});

/** The file names of the dialogues in which every, or some, datagram is such. */
function namesOf(matches: (datagrams: readonly Datagram[]) => boolean): string[] {
  return dialogues.filter(({ datagrams }) => matches(datagrams)).map(({ name }) => name);
}

describe("the recordings, taken together", () => {
  it("hold every kind of message a client sends", () => {
    const types = new Set(datagrams.map(([, { expected }]) => expected.messageType));
    expect([...types].sort()).toEqual(["DECLINE", "DISCOVER", "INFORM", "RELEASE", "REQUEST"]);
  });

  it("are iPXE where the client says so, and nowhere else", () => {
    const names = namesOf((sent) => sent.every(({ expected: { ipxe } }) => ipxe));
    expect(names).toEqual(dialogues.map(({ name }) => name).filter((name) => /^ipxe-/.test(name)));
  });

  it("ask port 4011 with an address of their own and no server id", () => {
    const asked = datagrams
      .filter(([, { port }]) => port === 4011)
      .map(([, { expected }]) => expected);
    expect(asked.length).toBeGreaterThan(1);
    for (const { messageType, ciaddr, serverId } of asked)
      expect([messageType, ciaddr === "0.0.0.0", serverId]).toEqual(["REQUEST", false, undefined]);
  });
});
