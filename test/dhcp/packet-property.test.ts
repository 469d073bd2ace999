import { describe, expect, it } from "vitest";
import { option } from "../../src/dhcp/options.ts";
import { decodePacket, encodePacket, type Packet } from "../../src/dhcp/packet.ts";
import { ipv4FromNumber } from "../../src/net/ipv4.ts";
import { seededRandom } from "../fakes/seeded-random.ts";

const rounds = 10_000;

/** A message with random options of any length, and names in none, one or both of its fields. */
function randomPacket(random: (below: number) => number, mostOptions: number): Packet {
  const bytes = (length: number) => Buffer.from(Array.from({ length }, () => random(256)));
  const name = (length: number) => (random(2) === 0 ? "" : "n".repeat(1 + random(length)));
  const options = new Map<number, Buffer>([[option.messageType, Buffer.of(1 + random(8))]]);
  for (let count = random(mostOptions + 1); count > 0; count--) {
    const number = 1 + random(254);
    const length = random(8) === 0 ? random(700) : random(60);
    if (number !== option.overload && number !== option.messageType)
      options.set(number, bytes(length));
  }
  return {
    ...{ op: 1 + random(2), htype: random(256), hlen: random(17), hops: random(256) },
    ...{ xid: random(2 ** 32), secs: random(65_536), flags: random(65_536) },
    ciaddr: ipv4FromNumber(random(2 ** 32)),
    yiaddr: ipv4FromNumber(random(2 ** 32)),
    siaddr: ipv4FromNumber(random(2 ** 32)),
    giaddr: ipv4FromNumber(random(2 ** 32)),
    ...{ chaddr: bytes(16), sname: name(64), file: name(128), options },
  };
}

function decoded(datagram: Buffer): Packet {
  const packet = decodePacket(datagram);
  if ("malformed" in packet) throw new Error(packet.malformed);
  return packet;
}

const sorted = (options: Packet["options"]) =>
  [...options]
    .map(([number, data]) => [number, data.toString("hex")] as const)
    .sort(([a], [b]) => a - b);

/** Octets that option 82 takes up, which no limit counts. */
function relayOctets({ options }: Packet): number {
  const data = options.get(option.relayAgentInfo);
  return data === undefined ? 0 : data.length + 2 * Math.max(1, Math.ceil(data.length / 255));
}

describe("a message that is written and read again", { timeout: 60_000 }, () => {
  it("is the same where there is room", () => {
    const random = seededRandom(11);
    for (let round = 0; round < rounds; round++) {
      const packet = randomPacket(random, 12);
      const { datagram, leftOut } = encodePacket(packet, 65_507);
      const again = decoded(datagram);
      expect(leftOut).toEqual([]);
      expect({ ...again, options: sorted(again.options) }).toEqual({
        ...packet,
        options: sorted(packet.options),
      });
    }
  });

  it("is the same less what was left out, and never longer than allowed, where there is little", () => {
    const random = seededRandom(12);
    const seen = { whole: 0, overloaded: 0, leftOut: 0 };
    for (let round = 0; round < rounds; round++) {
      const packet = randomPacket(random, 20);
      const limit = 548 + random(925);
      const { datagram, leftOut } = encodePacket(packet, limit);
      expect(datagram.length).toBeLessThanOrEqual(limit + relayOctets(packet));
      expect(datagram.length).toBeGreaterThanOrEqual(300);
      const again = decoded(datagram);
      const wanted = new Map([...packet.options].filter(([number]) => !leftOut.includes(number)));
      const got = new Map([...again.options].filter(([number]) => number !== option.overload));
      expect({ ...again, options: sorted(got) }).toEqual({ ...packet, options: sorted(wanted) });
      // What must be there is: the message type first, the relay's option last.
      const order = [...again.options.keys()];
      expect([datagram[240], leftOut.includes(option.messageType)]).toEqual([53, false]);
      if (packet.options.has(option.relayAgentInfo) && !again.options.has(option.overload))
        expect(order.at(-1)).toBe(option.relayAgentInfo);
      if (leftOut.length > 0) seen.leftOut += 1;
      else if (again.options.has(option.overload)) seen.overloaded += 1;
      else seen.whole += 1;
    }
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(200);
  });

  it("leaves out nothing that has room in some field", () => {
    const random = seededRandom(13);
    for (let round = 0; round < rounds; round++) {
      const packet = { ...randomPacket(random, 20), file: "", sname: "" };
      const { leftOut, datagram } = encodePacket(packet, 548);
      for (const number of leftOut) {
        const least = (packet.options.get(number)?.length ?? 0) + 2;
        // What is left of the main field: its limit less its length, and the overload option.
        expect(548 + relayOctets(packet) - datagram.length).toBeLessThan(least + 3);
      }
    }
  });
});
