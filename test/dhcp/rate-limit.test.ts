import { describe, expect, it } from "vitest";
import { requestsPerSecond, requestsPerSecondAndPort } from "../../src/dhcp/engine.ts";
import { mostDiscovers, surplus } from "../../src/dhcp/overload.ts";
import { encodePacket, type Packet } from "../../src/dhcp/packet.ts";
import { RateLimit } from "../../src/dhcp/rate-limit.ts";
import { encodeSubOptions } from "../../src/dhcp/sub-options.ts";
import type { Mac } from "../../src/net/mac.ts";
import { memoryInUse } from "../fakes/heap.ts";
import { createSite, ip, machine, node01, request } from "./site.ts";

const flood = "more requests in a second than a machine makes";
const times = (count: number, packet: (number: number) => Packet) =>
  Array.from({ length: count }, (_, number) => packet(number));

/** How many of the requests, a batch of their own each, are answered. */
function answered(packets: readonly Packet[], site = createSite()): number {
  return packets.filter((packet) => {
    const { event, reply } = site.send(packet);
    if (reply === undefined) expect(event.reason).toBe(flood);
    return reply !== undefined;
  }).length;
}

const inform = (mac: Mac, port?: Buffer, giaddr = "0.0.0.0") =>
  request("INFORM", {
    ...{ mac, ciaddr: ip("10.0.100.7"), giaddr: ip(giaddr) },
    ...(port && { options: { 82: port } }),
  });
const portOf = (circuit: string, remote = "sw1") =>
  encodeSubOptions([
    [1, Buffer.from(circuit)],
    [2, Buffer.from(remote)],
  ]);

describe("a rate limit", () => {
  it("counts each key by whole seconds", () => {
    const limit = new RateLimit(2);
    const said = [0, 1, 2, 999, 1_000].map((nowMs) => limit.allows("a", nowMs));
    expect(said).toEqual([true, true, false, false, true]);
    expect(limit.allows("b", 1_000)).toBe(true);
  });

  it("remembers nobody for longer than a second", () => {
    const limit = new RateLimit(2);
    const before = memoryInUse();
    for (let i = 0; i < 500_000; i++) limit.allows(`somebody ${i}`, i);
    expect(memoryInUse() - before).toBeLessThan(2_000_000);
  });
});

describe("the requests of a second", () => {
  it("are limited for a stranger, and as many again in the next", () => {
    const site = createSite();
    expect(
      answered(
        times(requestsPerSecond + 50, () => inform(machine(1))),
        site,
      ),
    ).toBe(requestsPerSecond);
    expect(answered([inform(machine(2))], site)).toBe(1);
    site.nowMs += 1_000;
    expect(
      answered(
        times(requestsPerSecond + 50, () => inform(machine(1))),
        site,
      ),
    ).toBe(requestsPerSecond);
  });

  it("are limited for the strangers behind one port of a relay", () => {
    const site = createSite();
    expect(
      answered(
        times(requestsPerSecondAndPort + 100, (number) => inform(machine(number), portOf("1/7"))),
        site,
      ),
    ).toBe(requestsPerSecondAndPort);
    for (const other of [portOf("1/8"), portOf("1/7", "sw2")])
      expect(answered([inform(machine(1), other)], site)).toBe(1);
  });

  it("are those of another port where another relay names it the same", () => {
    const site = createSite();
    const at = (giaddr: string) => (number: number) =>
      inform(machine(number), portOf("7", ""), giaddr);
    expect(answered(times(requestsPerSecondAndPort + 1, at("10.0.100.1")), site)).toBe(
      requestsPerSecondAndPort,
    );
    expect(answered(times(100, at("10.0.100.2")), site)).toBe(100);
  });

  it("are not counted together where the relay names no port", () => {
    const link = encodeSubOptions([[5, Buffer.of(10, 0, 100, 0)]]);
    expect(answered(times(300, (number) => inform(machine(number), link, "10.0.100.1")))).toBe(300);
  });

  it("are without limit for a declared machine, whatever strangers behind its port do", () => {
    const site = createSite();
    expect(
      answered(
        times(requestsPerSecondAndPort + 100, (number) => inform(machine(number), portOf("1/7"))),
        site,
      ),
    ).toBe(requestsPerSecondAndPort);
    expect(
      answered(
        times(300, () => inform(node01, portOf("1/7"))),
        site,
      ),
    ).toBe(300);
  });
});

describe("more DISCOVERs at once than can be answered", () => {
  const discover = (number: number) => request("DISCOVER", { mac: machine(number) });
  const datagrams = (packets: readonly Packet[]) =>
    packets.map((packet) => ({ datagram: encodePacket(packet).datagram }));
  const isDeclared = (mac: Mac) => mac === node01;

  it("lose the oldest of strangers, and those alone", () => {
    const early = datagrams([
      discover(1),
      request("DISCOVER", { mac: node01 }),
      request("REQUEST", { mac: machine(2) }),
      discover(3),
    ]);
    const late = datagrams(times(mostDiscovers - 1, (number) => discover(10 + number)));
    const passedOver = surplus([...early, ...late], isDeclared);
    expect([...passedOver]).toEqual([early[0]]);
  });

  it("lose none up to their number, and no datagram that has no type", () => {
    expect(surplus(datagrams(times(mostDiscovers, discover)), isDeclared).size).toBe(0);
    const empty = times(2_000, discover).map(() => ({ datagram: Buffer.alloc(0) }));
    expect(surplus(empty, isDeclared).size).toBe(0);
  });

  it("are all told of", () => {
    const site = createSite();
    const replies = site.batch(times(mostDiscovers + 100, (number) => discover(number)));
    // The pool has 101 addresses.
    expect(replies).toHaveLength(101);
    const reasons = site.events.map(({ reason }) => reason);
    const lost = reasons.filter(
      (reason) => reason === "more requests at once than can be answered",
    );
    expect([lost.length, site.events.length]).toEqual([100, mostDiscovers + 100]);
  });
});
